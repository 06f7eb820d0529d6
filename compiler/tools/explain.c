#include "compiler/tools/explain.h"

#include "compiler/table/eval.h"
#include "compiler/table/query.h"
#include "compiler/table/values.h"
#include "runtime/base/text.h"

/* Of a header that is often repeated, so many values are shown. */
#define VALUES_SHOWN 4u

/* A redirect's location longer than this is shown as too long; no client would take it. */
#define LOCATION_BYTES_MAX ((size_t)16 * 1024)

struct explaining {
    const struct table *table;
    const struct facts *facts;
    struct text *out;
    bool color;
    uint32_t clause; /* the one being told, or UINT32_MAX */
};

enum style { STYLE_PLAIN, STYLE_BOLD, STYLE_YES, STYLE_NO, STYLE_DIM };

static void styled(struct explaining *x, enum style style, struct slice s)
{
    static const char *const BEGIN[] = {[STYLE_PLAIN] = "",
                                        [STYLE_BOLD] = "\033[1m",
                                        [STYLE_YES] = "\033[32m",
                                        [STYLE_NO] = "\033[31m",
                                        [STYLE_DIM] = "\033[2m"};
    text_adds(x->out, x->color ? BEGIN[style] : "");
    text_add(x->out, s);
    text_adds(x->out, x->color && style != STYLE_PLAIN ? "\033[0m" : "");
}

static void write_place(struct explaining *x, const struct table_clause *c)
{
    struct text place = {0};
    text_addf(&place, SLICE_FMT ":%u", SLICE_ARG(c->place.file), c->place.line);
    styled(x, STYLE_DIM, text_slice(&place));
    text_done(&place);
}

static void begin_clause(struct explaining *x, uint32_t clause)
{
    const struct table_clause *c = &x->table->clause[clause];
    struct text title = {0};
    text_addf(&title, "clause %u", c->number);
    text_addc(x->out, '\n');
    styled(x, STYLE_BOLD, text_slice(&title));
    text_adds(x->out, "  ");
    write_place(x, c);
    text_addc(x->out, '\n');
    text_done(&title);
    x->clause = clause;
}

static void write_value(const struct values *v, struct slice value, struct text *out)
{
    if (!v->encoded) {
        text_add_json(out, value);
        return;
    }
    struct text decoded = {0};
    for (int byte; (byte = query_byte(&value)) >= 0;)
        text_addc(&decoded, (char)byte);
    text_add_json(out, text_slice(&decoded));
    text_done(&decoded);
}

/* What the field is now: `"a", "b"`, or `absent`. */
static void write_values(const struct explaining *x, const struct table_atom *atom,
                         const struct verdict *so_far, struct text *out)
{
    struct values v;
    struct slice value;
    uint32_t n = 0;
    values_begin(&v, x->table, x->facts, so_far, atom->field, atom->key);
    for (; values_next(&v, &value); n++) {
        if (n >= VALUES_SHOWN)
            continue;
        text_adds(out, n ? ", " : "");
        if (atom->field == FIELD_SRC)
            text_add(out, value);
        else
            write_value(&v, value, out);
    }
    if (n == 0)
        text_adds(out, "absent");
    if (n > VALUES_SHOWN)
        text_addf(out, " and %u more", n - VALUES_SHOWN);
}

static void tell_test(struct explaining *x, const struct table_node *node, bool held,
                      const struct verdict *so_far)
{
    const struct table_atom *atom = &x->table->atom[node->what];
    struct text remark = {0};
    text_adds(x->out, "  ");
    styled(x, held ? STYLE_YES : STYLE_NO, held ? SLICE("true   ") : SLICE("false  "));
    table_atom_write(x->table, atom, x->out);
    text_adds(&remark, "  (is ");
    write_values(x, atom, so_far, &remark);
    text_addc(&remark, ')');
    styled(x, STYLE_DIM, text_slice(&remark));
    text_addc(x->out, '\n');
    text_done(&remark);
}

static void tell_effect(struct explaining *x, const struct table_node *node)
{
    const struct table_effect *e = &x->table->effect[node->what];
    text_addf(x->out, "         %s ", table_effect_name(e->kind));
    text_add_json(x->out, e->name);
    if (e->kind != EFFECT_REMOVE_HEADER) {
        text_addc(x->out, ' ');
        table_template_write(&e->value, x->out);
    }
    text_addc(x->out, '\n');
}

static void seen(void *to, struct eval_step step)
{
    struct explaining *x = to;
    const struct table_node *node = &x->table->node[step.node];
    if (node->clause != x->clause)
        begin_clause(x, node->clause);
    switch (node->kind) {
    case NODE_TEST: tell_test(x, node, step.held, step.so_far); break;
    case NODE_EFFECT: tell_effect(x, node); break;
    case NODE_END: break; /* told last, with the decision */
    }
}

static void tell_changes(struct explaining *x, const struct verdict *v)
{
    if (v->n_effects == 0)
        return;
    text_adds(x->out, "\nthe request is changed\n");
    for (uint32_t i = 0; i < v->n_effects; i++) {
        const struct table_effect *e = &x->table->effect[v->effect[i]];
        text_addf(x->out, "  %s ", table_effect_name(e->kind));
        text_add_json(x->out, e->name);
        if (e->kind != EFFECT_REMOVE_HEADER) {
            text_addc(x->out, ' ');
            text_add_json(x->out, v->value[i]);
        }
        text_addc(x->out, '\n');
    }
}

static void write_location(struct explaining *x, const struct table_end *e, const struct verdict *v,
                           struct text *out)
{
    char *location = MUST_ARRAY(char, LOCATION_BYTES_MAX);
    const size_t len =
        eval_template(x->table, &e->location, x->facts, v, location, LOCATION_BYTES_MAX);
    if (len <= LOCATION_BYTES_MAX)
        text_add_json(out, (struct slice){location, len});
    else
        text_adds(out, "(too long)");
    free(location);
}

static void tell_decision(struct explaining *x, const struct verdict *v)
{
    const struct table_end *e = &x->table->end[v->end];
    struct text decision = {0};
    text_addf(&decision, "%s ", table_end_name(e->kind));
    if (e->kind == END_FORWARD)
        text_add(&decision, x->table->cluster[e->cluster].name);
    else
        text_addf(&decision, "%u", e->status);
    if (e->kind == END_REDIRECT) {
        text_addc(&decision, ' ');
        write_location(x, e, v, &decision);
    }
    text_addc(x->out, '\n');
    styled(x, STYLE_BOLD, text_slice(&decision));
    text_done(&decision);

    const struct table_clause *c = &x->table->clause[v->clause];
    text_addf(x->out, "  by clause %u of route " SLICE_FMT ", ", c->number,
              SLICE_ARG(x->table->route[c->route].name));
    write_place(x, c);
    text_addc(x->out, '\n');
}

void explain_write(const struct table *t, uint32_t route, const struct facts *f, bool color,
                   struct text *out)
{
    struct explaining x = {
        .table = t, .facts = f, .out = out, .color = color, .clause = UINT32_MAX};
    const struct eval_trace trace = {.seen = seen, .to = &x};
    struct verdict *v = MUST_NEW(struct verdict);
    eval(t, route, f, v, &trace);
    if (v->overflow) {
        text_addf(out, "\nrefused with 431: the values of its templates take more than %zu bytes\n",
                  TABLE_TEXT_BYTES_MAX);
    } else {
        tell_changes(&x, v);
        tell_decision(&x, v);
    }
    free(v);
}

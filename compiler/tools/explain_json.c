/* The walk through the table as one JSON object. The shape is an interface: grammar/LANGUAGE.md has
 * it. */
#include "compiler/table/eval.h"
#include "compiler/tools/explain_priv.h"
#include "runtime/base/text.h"

struct telling {
    const struct explain *what;
    struct text *out;
    struct text effects; /* of the clause being told */
    uint32_t clause;     /* the one being told, or UINT32_MAX */
    bool any_test, held;
};

static void add_string(struct text *out, const char *key, struct slice value)
{
    text_addf(out, "\"%s\":", key);
    text_add_json(out, value);
}

static void add_place(const struct explain *x, uint32_t clause, struct text *out)
{
    const struct table_clause *c = &x->table->clause[clause];
    add_string(out, "file", c->place.file);
    text_addf(out, ",\"line\":%u,\"column\":%u", c->place.line, c->place.column);
    if (!x->program)
        return;
    const struct span span = explain_span(x, clause);
    const struct place end = sources_place(x->program->sources, span.to);
    text_addf(out, ",\"end_line\":%u,\"end_column\":%u", end.line, end.column);
}

static void end_clause(struct telling *t)
{
    if (t->clause == UINT32_MAX)
        return;
    text_addf(t->out, "],\"held\":%s,\"effects\":[" SLICE_FMT "]}", t->held ? "true" : "false",
              SLICE_ARG(text_slice(&t->effects)));
    text_clear(&t->effects);
}

static void begin_clause(struct telling *t, uint32_t clause)
{
    const struct table_clause *c = &t->what->table->clause[clause];
    end_clause(t);
    text_adds(t->out, t->clause == UINT32_MAX ? "{" : ",{");
    add_string(t->out, "route", t->what->table->route[c->route].name);
    text_addf(t->out, ",\"number\":%u,", c->number);
    add_place(t->what, clause, t->out);
    text_adds(t->out, ",\"tests\":[");
    t->clause = clause;
    t->any_test = t->held = false;
}

static void tell_test(struct telling *t, const struct table_node *node, bool held,
                      const struct verdict *so_far)
{
    const struct table *table = t->what->table;
    const struct table_atom *atom = &table->atom[node->what];
    struct text written = {0};
    table_atom_write(table, atom, &written);
    text_adds(t->out, t->any_test ? ",{" : "{");
    t->any_test = true;
    add_string(t->out, "test", text_slice(&written));
    text_done(&written);
    text_addf(t->out, ",\"field\":\"%s\"", table_field_name(atom->field));
    if (table_field_is_keyed(atom->field)) {
        text_addc(t->out, ',');
        add_string(t->out, "key", atom->key);
    }
    text_addf(t->out, ",\"held\":%s,\"values\":[", held ? "true" : "false");
    struct values v;
    struct slice value;
    bool any = false;
    for (values_begin(&v, table, t->what->facts, so_far, atom->field, atom->key);
         values_next(&v, &value); any = true) {
        text_adds(t->out, any ? "," : "");
        explain_value(&v, value, t->out);
    }
    text_adds(t->out, "]}");
}

static void tell_effect(struct telling *t, const struct table_node *node)
{
    const struct table_effect *e = &t->what->table->effect[node->what];
    struct text written = {0};
    explain_effect(t->what->table, e, &written);
    text_adds(&t->effects, t->effects.len ? "," : "");
    text_add_json(&t->effects, text_slice(&written));
    text_done(&written);
}

static void seen(void *to, struct eval_step step)
{
    struct telling *t = to;
    const struct table_node *node = &t->what->table->node[step.node];
    if (node->clause != t->clause)
        begin_clause(t, node->clause);
    t->held = t->held || step.node == t->what->table->clause[node->clause].then;
    switch (node->kind) {
    case NODE_TEST: tell_test(t, node, step.held, step.so_far); break;
    case NODE_EFFECT: tell_effect(t, node); break;
    case NODE_END: break;
    }
}

static void tell_request(const struct explain *x, struct text *out)
{
    const struct facts *f = x->facts;
    char from[ADDRESS_TEXT_MAX];
    address_format(&f->src, from);
    text_adds(out, "\"request\":{");
    add_string(out, "method", f->method);
    text_addc(out, ',');
    add_string(out, "scheme", f->scheme);
    text_addc(out, ',');
    add_string(out, "host", f->host);
    text_addc(out, ',');
    add_string(out, "uri", f->uri);
    text_addf(out, ",\"from\":\"%s\",", from);
    add_string(out, "listener", f->listener);
    text_adds(out, "},");
    add_string(out, "route", x->table->route[x->route].name);
}

static void tell_changes(const struct explain *x, const struct verdict *v, struct text *out)
{
    text_adds(out, "\"changes\":[");
    for (uint32_t i = 0; i < v->n_effects; i++) {
        struct text written = {0};
        explain_change(x->table, v, i, &written);
        text_adds(out, i ? "," : "");
        text_add_json(out, text_slice(&written));
        text_done(&written);
    }
    text_adds(out, "],");
}

static void tell_decision(const struct explain *x, const struct verdict *v, struct text *out)
{
    const struct table_end *e = &x->table->end[v->end];
    const struct table_clause *c = &x->table->clause[v->clause];
    struct text written = {0};
    explain_decision(x, v, &written);
    text_adds(out, "\"decision\":{");
    add_string(out, "outcome", text_slice(&written));
    text_done(&written);
    text_addf(out, ",\"action\":\"%s\",", table_end_name(e->kind));
    explain_end_json(x, v, out);
    add_string(out, "route", x->table->route[c->route].name);
    text_addf(out, ",\"clause\":%u,", c->number);
    add_place(x, v->clause, out);
    text_adds(out, "}");
}

static void walk(const struct explain *x, uint32_t route, struct verdict *v, struct text *out)
{
    struct telling t = {.what = x, .out = out, .clause = UINT32_MAX};
    const struct eval_trace trace = {.seen = seen, .to = &t};
    text_adds(out, "\"clauses\":[");
    eval(x->table, route, x->facts, v, &trace);
    end_clause(&t);
    text_adds(out, "],");
    text_done(&t.effects);
}

/* False: there will be no request. */
static bool tell_connect(const struct explain *x, struct verdict *v, struct text *out)
{
    if (!explain_has_connect(x))
        return true;
    text_adds(out, "\"connect\":{");
    walk(x, x->listener->on_connect, v, out);
    const bool dropped = explain_is_dropped(x, v);
    text_addf(out, "\"dropped\":%s},", dropped ? "true" : "false");
    return !dropped;
}

static void tell_response(const struct explain *x, struct verdict *v, struct text *out)
{
    struct facts f;
    if (!explain_has_response(x, v, &f))
        return;
    const struct explain then = {x->table, x->program, x->route, &f};
    text_addf(out, ",\"response\":{\"status\":%u,", f.status);
    walk(&then, x->listener->on_response, v, out);
    if (v->overflow)
        v->n_effects = 0;
    tell_changes(&then, v, out);
    out->len--; /* its comma */
    text_addc(out, '}');
}

static void tell_route(const struct explain *x, struct verdict *v, struct text *out)
{
    walk(x, x->route, v, out);
    if (v->overflow) {
        text_adds(out, "\"overflow\":true");
    } else if (v->bad_target) {
        text_adds(out, "\"bad_target\":true");
    } else {
        tell_changes(x, v, out);
        tell_decision(x, v, out);
        tell_response(x, v, out);
    }
}

void explain_json(const struct explain *x, struct text *out)
{
    struct verdict *v = MUST_NEW(struct verdict);
    text_addc(out, '{');
    tell_request(x, out);
    text_addc(out, ',');
    if (!tell_connect(x, v, out)) {
        text_adds(out, "\"clauses\":[],\"changes\":[],");
        tell_decision(x, v, out);
    } else if (x->refused) {
        text_addf(out, "\"clauses\":[],\"refused\":{\"status\":%u,", x->refused_with);
        add_string(out, "why", slice_of(x->refused));
        text_addc(out, '}');
    } else {
        tell_route(x, v, out);
    }
    text_adds(out, "}\n");
    free(v);
}

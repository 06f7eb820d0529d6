#include "compiler/tools/explain_priv.h"

#include "compiler/table/bearer.h"
#include "compiler/table/cors.h"
#include "compiler/table/credentials.h"
#include "compiler/table/eval.h"
#include "compiler/table/query.h"
#include "runtime/base/text.h"

/* Of a header that is often repeated, so many values are shown. */
#define VALUES_SHOWN 4u

/* Of the deciding clause, so many lines are quoted. */
#define LINES_SHOWN 8u

/* A redirect's location longer than this is shown as too long; no client would take it. */
#define LOCATION_BYTES_MAX ((size_t)8192) /* as the runtime has it: longer ones become a 414 */

struct explaining {
    const struct explain *what;
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

struct span explain_span(const struct explain *x, uint32_t clause)
{
    const struct table_clause *c = &x->table->clause[clause];
    return program_route(x->program, c->route)->clause[c->number - 1].span;
}

void explain_value(const struct values *v, struct slice value, struct text *out)
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

void explain_values(const struct explain *x, const struct verdict *so_far, enum table_field field,
                    struct slice key, struct text *out)
{
    struct values v;
    struct slice value;
    uint32_t n = 0;
    values_begin(&v, x->table, x->facts, so_far, field, key);
    for (; values_next(&v, &value); n++) {
        if (n >= VALUES_SHOWN)
            continue;
        text_adds(out, n ? ", " : "");
        if (table_field_is_address(field) || table_field_is_boolean(field) ||
            table_field_is_number(field))
            text_add(out, value);
        else
            explain_value(&v, value, out);
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
    explain_values(x->what, so_far, atom->field, atom->key, &remark);
    text_addc(&remark, ')');
    styled(x, STYLE_DIM, text_slice(&remark));
    text_addc(x->out, '\n');
    text_done(&remark);
}

void explain_effect(const struct table *t, const struct table_effect *e, struct text *out)
{
    table_effect_write(t, e, out);
}

static void tell_effect(struct explaining *x, const struct table_node *node)
{
    text_adds(x->out, "         ");
    explain_effect(x->table, &x->table->effect[node->what], x->out);
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

void explain_change(const struct table *t, const struct verdict *v, uint32_t i, struct text *out)
{
    const struct table_effect *e = &t->effect[v->effect[i]];
    const bool header = table_effect_is_header(e->kind, false) ||
                        table_effect_is_header(e->kind, true) || e->kind == EFFECT_SET_QUERY;
    if (!header) {
        table_effect_write(t, e, out);
        return;
    }
    text_addf(out, "%s ", table_effect_name(e->kind));
    text_add_json(out, e->name);
    if (e->kind != EFFECT_REMOVE_HEADER && e->kind != EFFECT_REMOVE_RESPONSE_HEADER) {
        text_addc(out, ' ');
        text_add_json(out, v->value[i]);
    }
}

static void tell_changes(struct explaining *x, const struct verdict *v, const char *what)
{
    if (v->n_effects == 0)
        return;
    text_addf(x->out, "\nthe %s is changed\n", what);
    for (uint32_t i = 0; i < v->n_effects; i++) {
        text_adds(x->out, "  ");
        explain_change(x->table, v, i, x->out);
        text_addc(x->out, '\n');
    }
    if (v->rewritten) {
        text_adds(x->out, "  and asks for ");
        text_add_json(x->out, v->uri);
        text_addc(x->out, '\n');
    }
}

static void write_location(const struct explain *x, const struct table_end *e,
                           const struct verdict *v, const char *too_long, struct text *out)
{
    char *location = MUST_ARRAY(char, LOCATION_BYTES_MAX);
    const size_t len =
        eval_template(x->table, &e->location, x->facts, v, location, LOCATION_BYTES_MAX);
    if (len <= LOCATION_BYTES_MAX)
        text_add_json(out, (struct slice){location, len});
    else
        text_adds(out, too_long);
    free(location);
}

bool explain_is_forwarded(enum table_end_kind kind)
{
    return kind == END_FORWARD || kind == END_SPLIT || kind == END_MAP;
}

bool explain_is_answered(enum table_end_kind kind)
{
    return kind == END_DENY || kind == END_RESPOND || kind == END_REDIRECT;
}

static bool is_preflight(const struct explain *x, const struct verdict *v)
{
    return explain_is_forwarded(x->table->end[v->end].kind) && table_cors_of(x->table, v) &&
           table_cors_is_preflight(x->facts);
}

/* A request that is not forwarded after all. */
static void explain_preflight(const struct explain *x, const struct verdict *v, struct text *out)
{
    const struct table_cors *c = table_cors_of(x->table, v);
    if (is_preflight(x, v))
        text_adds(out, table_cors_allows(c, table_cors_origin(x->facts))
                           ? " (but a browser's preflight: answered 204 by `cors`)"
                           : " (but a browser's preflight: answered 403, `cors` does not allow "
                             "this origin)");
}

/* Has it come with what each `require` asks for, be it right or not? */
static bool claims_all(const struct explain *x, const struct verdict *v)
{
    struct credentials c;
    struct bearer b;
    const bool password = credentials_read(x->facts, &c);
    credentials_wipe(&c);
    bearer_read(x->facts, &b);
    bool all = true;
    for (uint32_t i = 0; i < v->n_effects; i++) {
        const enum table_effect_kind kind = x->table->effect[v->effect[i]].kind;
        all &= (kind != EFFECT_REQUIRE_BASIC || password) &&
               (kind != EFFECT_REQUIRE_JWT || x->says_claims || b.found == BEARER_FOUND);
    }
    return all;
}

/* What nobody knows who only reads: is the password right, or the token's signature? */
static void explain_required(const struct explain *x, const struct verdict *v, struct text *out)
{
    const bool claims = claims_all(x, v);
    text_adds(out, claims ? " (if the credentials" : " (but 401 without credentials for ");
    if (claims && x->facts->user.at) {
        text_adds(out, " of ");
        text_add_json(out, x->facts->user);
    }
    bool first = true;
    for (uint32_t i = 0; i < v->n_effects; i++) {
        const struct table_effect *e = &x->table->effect[v->effect[i]];
        if (!table_effect_is_require(e->kind))
            continue;
        text_addf(out, "%s`%s " SLICE_FMT "`",
                  !first   ? " and "
                  : claims ? " are right for "
                           : "",
                  table_effect_name(e->kind), SLICE_ARG(e->name));
        first = false;
    }
    text_adds(out, claims ? "; else 401)" : ")");
}

/* Nor what another server says of it. */
static void explain_asked(const struct explain *x, const struct verdict *v, struct text *out)
{
    bool first = true;
    for (uint32_t i = 0; i < v->n_effects; i++) {
        const struct table_effect *e = &x->table->effect[v->effect[i]];
        if (e->kind != EFFECT_REQUIRE_AUTH)
            continue;
        const uint32_t cluster = x->table->auth_rule[e->number].cluster;
        text_addf(out, "%s" SLICE_FMT, first ? " (if it is let in by " : " and by ",
                  SLICE_ARG(x->table->cluster[cluster].name));
        first = false;
    }
    text_adds(out, first ? "" : "; else what that answers)");
}

void explain_decision(const struct explain *x, const struct verdict *v, struct text *out)
{
    const struct table_end *e = &x->table->end[v->end];
    if (explain_is_forwarded(e->kind)) {
        text_addf(out, "forward " SLICE_FMT, SLICE_ARG(x->table->cluster[v->cluster].name));
        explain_preflight(x, v, out);
    } else if (explain_is_answered(e->kind)) {
        text_addf(out, "%s %u", table_end_name(e->kind), e->status);
        if (e->kind == END_REDIRECT) {
            text_addc(out, ' ');
            write_location(x, e, v, "(too long: refused with 414)", out);
        }
    } else {
        table_end_write(x->table, e, out);
    }
    if (v->required && !is_preflight(x, v))
        explain_required(x, v, out);
    if (!is_preflight(x, v))
        explain_asked(x, v, out);
}

void explain_end_json(const struct explain *x, const struct verdict *v, struct text *out)
{
    const struct table_end *e = &x->table->end[v->end];
    if (explain_is_forwarded(e->kind)) {
        text_adds(out, "\"cluster\":");
        text_add_json(out, x->table->cluster[v->cluster].name);
        text_addc(out, ',');
    } else if (explain_is_answered(e->kind)) {
        text_addf(out, "\"status\":%u,", e->status);
    }
    if (e->kind == END_REDIRECT) {
        text_adds(out, "\"location\":");
        write_location(x, e, v, "null", out);
        text_addc(out, ',');
    }
}

/* The lines of the deciding clause, as they stand in the source. */
static void quote(struct explaining *x, uint32_t clause)
{
    const struct span span = explain_span(x->what, clause);
    const struct place from = sources_place(x->what->program->sources, span.from);
    struct slice rest = {from.line_text.at + (span.from - from.line_from), span.to - span.from};
    struct slice line;
    for (unsigned n = 0; n < LINES_SHOWN && slice_split(&rest, '\n', &line); n++)
        text_addf(x->out, "  " SLICE_FMT "\n", SLICE_ARG(line));
    if (rest.len > 0)
        text_adds(x->out, "  ...\n");
}

static void tell_decision(struct explaining *x, const struct verdict *v)
{
    struct text decision = {0};
    explain_decision(x->what, v, &decision);
    text_addc(x->out, '\n');
    styled(x, STYLE_BOLD, text_slice(&decision));
    text_done(&decision);

    const struct table_clause *c = &x->table->clause[v->clause];
    text_addf(x->out, "  by clause %u of route " SLICE_FMT ", ", c->number,
              SLICE_ARG(x->table->route[c->route].name));
    write_place(x, c);
    text_addc(x->out, '\n');
    if (x->what->program)
        quote(x, v->clause);
}

void explain_request(const struct explain *x, struct text *out)
{
    const struct facts *f = x->facts;
    char from[ADDRESS_TEXT_MAX];
    address_format(&f->src, from);
    text_addf(out, SLICE_FMT " ", SLICE_ARG(f->method));
    if (f->host.len > 0 && !slice_eq(f->uri, SLICE("*")))
        text_addf(out, SLICE_FMT "://" SLICE_FMT, SLICE_ARG(f->scheme), SLICE_ARG(f->host));
    text_addf(out, SLICE_FMT " from %s\n", SLICE_ARG(f->uri), from);
    text_addf(out, "by listener " SLICE_FMT ", route " SLICE_FMT "\n", SLICE_ARG(f->listener),
              SLICE_ARG(x->table->route[x->route].name));
}

/* --- before the request, and after it --------------------------------------------------------- */

bool explain_has_connect(const struct explain *x)
{
    return x->listener && x->listener->on_connect != TABLE_NO_ROUTE;
}

bool explain_is_dropped(const struct explain *x, const struct verdict *v)
{
    return x->table->end[v->end].kind == END_DROP;
}

/* A redirect to a place that is longer than what is sent. */
static bool is_too_far(const struct explain *x, const struct table_end *e, const struct verdict *v)
{
    char none[1];
    return e->kind == END_REDIRECT &&
           eval_template(x->table, &e->location, x->facts, v, none, 0) > LOCATION_BYTES_MAX;
}

/* What we answer has no headers that rules could ask for, and comes from no cluster. Which of its
 * servers a cluster would choose, nobody knows here. */
bool explain_has_response(const struct explain *x, const struct verdict *v, struct facts *f)
{
    const struct table_end *e = &x->table->end[v->end];
    *f = *x->facts;
    f->known = v->required;
    if (!x->listener || x->listener->on_response == TABLE_NO_ROUTE)
        return false;
    if (explain_is_forwarded(e->kind)) {
        f->cluster = x->table->cluster[v->cluster].name;
        return f->status != 0;
    }
    f->status = is_too_far(x, e, v) ? 414 : e->status;
    f->response_header = NULL;
    return explain_is_answered(e->kind);
}

static void walk(struct explaining *x, uint32_t route, struct verdict *v)
{
    const struct eval_trace trace = {.seen = seen, .to = x};
    x->clause = UINT32_MAX;
    eval(x->table, route, x->facts, v, &trace);
}

/* False: there will be no request. */
static bool tell_connect(struct explaining *x, struct verdict *v)
{
    if (!explain_has_connect(x->what))
        return true;
    text_adds(x->out, "\n");
    styled(x, STYLE_BOLD, SLICE("on connect"));
    text_addc(x->out, '\n');
    walk(x, x->what->listener->on_connect, v);
    if (!explain_is_dropped(x->what, v)) {
        text_adds(x->out, "\nthe connection is served\n");
        return true;
    }
    tell_decision(x, v);
    return false;
}

static void tell_response(struct explaining *x, struct verdict *v)
{
    struct facts f;
    if (!explain_has_response(x->what, v, &f))
        return;
    const struct explain what = {x->table, x->what->program, x->what->route, &f};
    struct explaining then = *x;
    then.what = &what;
    then.facts = &f;
    text_adds(x->out, "\n");
    styled(x, STYLE_BOLD, SLICE("on response"));
    text_addf(x->out, "  to %u\n", f.status);
    walk(&then, x->what->listener->on_response, v);
    if (v->overflow)
        text_adds(x->out, "\nnothing is changed: the values of its templates are too long\n");
    else
        tell_changes(&then, v, "response");
}

static void tell_route(struct explaining *x, struct verdict *v)
{
    walk(x, x->what->route, v);
    if (v->overflow) {
        text_addf(x->out,
                  "\nrefused with 431: the values of its templates take more than %zu bytes\n",
                  TABLE_TEXT_BYTES_MAX);
    } else if (v->bad_target) {
        text_adds(x->out, "\nrefused with 400: a change makes no path of the path\n");
    } else {
        tell_changes(x, v, "request");
        tell_decision(x, v);
        tell_response(x, v);
    }
}

void explain_write(const struct explain *e, bool color, struct text *out)
{
    struct explaining x = {
        .what = e, .table = e->table, .facts = e->facts, .out = out, .color = color};
    struct verdict *v = MUST_NEW(struct verdict);
    const bool served = tell_connect(&x, v);
    if (served && e->refused)
        text_addf(out, "\nrefused with %u: %s\n", e->refused_with, e->refused);
    else if (served)
        tell_route(&x, v);
    free(v);
}

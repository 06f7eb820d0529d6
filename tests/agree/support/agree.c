#include "tests/agree/support/agree.h"

#include "compiler/compile.h"
#include "compiler/lower/lower.h"
#include "compiler/ref/ref.h"
#include "compiler/table/dump.h"
#include "compiler/table/eval.h"
#include "compiler/table/verify.h"
#include "grammar/diag.h"
#include "grammar/source.h"
#include "runtime/base/text.h"
#include "tests/agree/support/generate.h"
#include "tests/agree/support/print.h"

#define LOCATION_BYTES_MAX ((size_t)64 * 1024)

/* The two lists of changes are in the same order: see program.h and table.h. */
static bool same_effects(const struct table *t, const struct verdict *v,
                         const struct ref_verdict *r)
{
    if (v->n_effects != r->n_effects)
        return false;
    for (uint32_t i = 0; i < v->n_effects; i++) {
        const struct table_effect *e = &t->effect[v->effect[i]];
        if ((int)e->kind != (int)r->effect[i]->kind || !slice_eq(e->name, r->effect[i]->name) ||
            (e->kind != EFFECT_LIMIT && e->kind != EFFECT_CORS && e->kind != EFFECT_REQUIRE_JWT &&
             e->kind != EFFECT_REQUIRE_AUTH && e->number != r->effect[i]->number) ||
            !slice_eq(v->value[i], r->value[i]))
            return false;
    }
    return true;
}

static bool same_target(const struct verdict *v, const struct ref_verdict *r)
{
    return v->rewritten == r->rewritten &&
           (!v->rewritten ||
            (slice_eq(v->path, r->path) && slice_eq(v->uri, r->uri) &&
             slice_eq(v->query, r->query) && (v->query.at == NULL) == (r->query.at == NULL)));
}

static bool same_location(const struct table *t, const struct facts *f, const struct verdict *v,
                          const struct ref_verdict *r)
{
    char *out = MUST_ARRAY(char, LOCATION_BYTES_MAX);
    const size_t len = eval_template(t, &t->end[v->end].location, f, v, out, LOCATION_BYTES_MAX);
    const bool same = len > LOCATION_BYTES_MAX ? r->location.len == len
                                               : slice_eq((struct slice){out, len}, r->location);
    free(out);
    return same;
}

static bool same_end(const struct table *t, const struct facts *f, const struct verdict *v,
                     const struct ref_verdict *r)
{
    const struct table_end *e = &t->end[v->end];
    switch (e->kind) {
    case END_FORWARD: return r->end->kind == ACTION_FORWARD && v->cluster == r->cluster;
    case END_SPLIT: return r->end->kind == ACTION_SPLIT && v->cluster == r->cluster;
    case END_MAP: return r->end->kind == ACTION_FORWARD_MAP && v->cluster == r->cluster;
    case END_DROP: return r->end->kind == ACTION_DROP;
    case END_TARPIT: return r->end->kind == ACTION_TARPIT && e->delay_ns == (int64_t)r->end->number;
    case END_PASS: return r->passed;
    case END_DENY:
        return r->end->kind == ACTION_DENY && e->status == r->end->status &&
               slice_eq(e->body, r->end->body);
    case END_RESPOND:
        return r->end->kind == ACTION_RESPOND && e->status == r->end->status &&
               slice_eq(e->body, r->end->body) && slice_eq(e->type, r->end->type);
    case END_REDIRECT:
        return r->end->kind == ACTION_REDIRECT && e->status == r->end->status &&
               same_location(t, f, v, r);
    }
    return false;
}

/* NULL, or in what they differ. */
static const char *difference(const struct table *t, const struct facts *f, const struct verdict *v,
                              const struct ref_verdict *r)
{
    if (v->overflow != r->too_long)
        return "whether the values are too long";
    if (v->overflow)
        return NULL;
    if (v->bad_target != r->bad_target)
        return "whether the path can be changed";
    if (v->bad_target)
        return NULL;
    const struct table_clause *clause = &t->clause[v->clause];
    if (!r->passed && (clause->route != r->route || clause->number != r->clause + 1))
        return "the clause";
    if (!same_target(v, r))
        return "path and query";
    if (!same_effects(t, v, r))
        return "the changes";
    if (r->passed != (t->end[v->end].kind == END_PASS))
        return "whether it passes";
    return same_end(t, f, v, r) ? NULL : "the end";
}

static void count_one(struct agree_count *count, const struct table *t, const struct verdict *v)
{
    count->requests++;
    count->changed += v->n_effects > 0;
    count->too_long += v->overflow;
    count->rewritten += v->rewritten;
    count->bad_target += v->bad_target;
    if (!v->overflow && !v->bad_target)
        count->end[t->end[v->end].kind]++;
    for (uint32_t i = 0; i < v->n_effects; i++)
        count->effect[t->effect[v->effect[i]].kind]++;
}

static bool agree_on(struct generated *g, const struct table *t, struct agree_count *count,
                     struct text *why)
{
    struct arena arena = {0};
    struct verdict *v = MUST_NEW(struct verdict);
    struct ref_verdict r;
    const struct generated_request *request = generate_request(g, &arena);
    const uint32_t route = choose(g->choice, program_n_routes(&g->program));

    ref_eval(&g->program, route, &request->facts, &arena, &r);
    const char *differs = NULL;
    for (int way = 0; way < 2 && !differs; way++) {
        if (way == 0)
            eval_nodes(t, route, &request->facts, v);
        else
            eval(t, route, &request->facts, v, NULL);
        differs = difference(t, &request->facts, v, &r);
        if (differs)
            text_addf(why,
                      "%s and reference differ in %s. Route %u, eval: clause %u, %u changes; "
                      "ref: clause %u, %u\n",
                      way == 0 ? "nodes" : "diagram", differs, route, t->clause[v->clause].number,
                      v->n_effects, r.clause + 1, r.n_effects);
    }
    count_one(count, t, v);
    if (differs) {
        print_program(&g->program, why);
        print_request(request, why);
        table_dump(t, why);
    }
    free(v);
    arena_free(&arena);
    return differs == NULL;
}

bool agree_once(struct choice *choice, uint32_t requests, struct agree_count *count,
                struct text *why)
{
    struct generated g;
    generated_init(&g, choice, false);
    met_add(&count->met, &g.program);
    struct table *t = lower(&g.program);
    const char *problem = table_verify(t);
    bool agreed = problem == NULL;
    if (problem) {
        text_addf(why, "the verifier refuses the table: %s\n", problem);
        print_program(&g.program, why);
    }
    if (agreed) {
        struct text dump = {0}; /* whatever is sound can be shown */
        table_dump(t, &dump);
        text_done(&dump);
    }
    for (uint32_t i = 0; i < requests && agreed; i++)
        agreed = agree_on(&g, t, count, why);
    table_free(t);
    generated_done(&g);
    return agreed;
}

/* NULL when the compiler refuses it. */
static struct table *compile_written(const struct program *p)
{
    struct text written = {0};
    struct arena arena = {0};
    print_program(p, &written);
    struct sources *sources = sources_new();
    const int added = sources_add(sources, SLICE("generated"), text_slice(&written));
    ASSERT(added == 0);
    struct diags *d = diags_new(sources, 0);
    /* Clauses that nothing reaches are right here: what they do must not matter either. */
    const struct compile_options options = {.without_proofs = true};
    struct table *t = compile(sources, &options, &arena, d, NULL);
    if (!t && getenv("LBC_REFUSED")) { /* to see what the generator should not have written */
        struct text report = {0};
        diag_render(d, DIAG_HUMAN, &report);
        fputs(report.at, stderr);
        text_done(&report);
    }
    diags_free(d);
    sources_free(sources);
    arena_free(&arena);
    text_done(&written);
    return t;
}

bool agree_written_once(struct choice *choice, uint32_t requests, struct agree_count *count,
                        struct text *why)
{
    struct generated g;
    generated_init(&g, choice, true);
    struct table *t = compile_written(&g.program);
    bool agreed = true;
    if (t) {
        count->compiled++;
        met_add(&count->met, &g.program);
    } else {
        count->refused++;
    }
    for (uint32_t i = 0; t && i < requests && agreed; i++)
        agreed = agree_on(&g, t, count, why);
    table_free(t);
    generated_done(&g);
    return agreed;
}

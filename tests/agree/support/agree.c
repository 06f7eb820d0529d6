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

static bool same_effects(const struct table *t, const struct verdict *v,
                         const struct ref_verdict *r)
{
    static const enum table_effect_kind KIND[] = {[ACTION_SET_HEADER] = EFFECT_SET_HEADER,
                                                  [ACTION_ADD_HEADER] = EFFECT_ADD_HEADER,
                                                  [ACTION_REMOVE_HEADER] = EFFECT_REMOVE_HEADER};
    if (v->n_effects != r->n_effects)
        return false;
    for (uint32_t i = 0; i < v->n_effects; i++) {
        const struct table_effect *e = &t->effect[v->effect[i]];
        if (e->kind != KIND[r->effect[i]->kind] || !slice_eq(e->name, r->effect[i]->name))
            return false;
        if (e->kind != EFFECT_REMOVE_HEADER && !slice_eq(v->value[i], r->value[i]))
            return false;
    }
    return true;
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
    case END_FORWARD: return r->end->kind == ACTION_FORWARD && e->cluster == r->end->cluster;
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
static const char *difference(const struct table *t, uint32_t route, const struct facts *f,
                              const struct verdict *v, const struct ref_verdict *r)
{
    if (v->overflow != r->too_long)
        return "whether the values are too long";
    if (v->overflow)
        return NULL;
    const struct table_clause *clause = &t->clause[v->clause];
    if (clause->route != route || clause->number != r->clause + 1)
        return "the clause";
    if (!same_effects(t, v, r))
        return "the changes";
    return same_end(t, f, v, r) ? NULL : "the end";
}

static void count_one(struct agree_count *count, const struct table *t, const struct verdict *v)
{
    count->requests++;
    count->changed += v->n_effects > 0;
    count->too_long += v->overflow;
    if (!v->overflow)
        count->end[t->end[v->end].kind]++;
}

static bool agree_on(struct generated *g, const struct table *t, struct agree_count *count,
                     struct text *why)
{
    struct arena arena = {0};
    struct verdict *v = MUST_NEW(struct verdict);
    struct ref_verdict r;
    const struct generated_request *request = generate_request(g, &arena);
    const uint32_t route = choose(g->choice, g->program.n_routes);

    eval(t, route, &request->facts, v, NULL);
    ref_eval(&g->program, route, &request->facts, &arena, &r);
    count_one(count, t, v);
    const char *differs = difference(t, route, &request->facts, v, &r);
    if (differs) {
        text_addf(
            why, "they differ in %s. Route %u, eval: clause %u, %u changes; ref: clause %u, %u\n",
            differs, route, t->clause[v->clause].number, v->n_effects, r.clause + 1, r.n_effects);
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
    const struct compile_options options = {0};
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
    if (t)
        count->compiled++;
    else
        count->refused++;
    for (uint32_t i = 0; t && i < requests && agreed; i++)
        agreed = agree_on(&g, t, count, why);
    table_free(t);
    generated_done(&g);
    return agreed;
}

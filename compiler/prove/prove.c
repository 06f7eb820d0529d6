#include "compiler/prove/prove_priv.h"

#include "compiler/lower/lower.h"
#include "compiler/ref/ref.h"

/* The conditions of the assertions as a table of their own, so that they are read as all others. */
static struct table *conditions_of(struct prover *p, const struct program *program)
{
    struct action *deny = ARENA_NEW(&p->arena, struct action);
    deny->kind = ACTION_DENY;
    deny->status = 403;
    deny->body = SLICE("");
    struct cond *always = ARENA_NEW(&p->arena, struct cond);
    const uint32_t n = program->n_assertions + 1;
    struct clause *clause = ARENA_ARRAY(&p->arena, struct clause, n);
    for (uint32_t i = 0; i < n; i++)
        clause[i] = (struct clause){.when = i + 1 < n ? program->assertion[i].when : always,
                                    .otherwise = i + 1 == n,
                                    .action = deny,
                                    .n_actions = 1};
    struct route *route = ARENA_NEW(&p->arena, struct route);
    *route = (struct route){.name = SLICE("assertions"), .clause = clause, .n_clauses = n};
    struct program *only = ARENA_NEW(&p->arena, struct program);
    *only = (struct program){.sources = program->sources,
                             .cluster = program->cluster,
                             .n_clusters = program->n_clusters,
                             .route = route,
                             .n_routes = 1};
    only->object[OBJECT_LIMIT] = program->object[OBJECT_LIMIT]; /* clusters name them */
    only->n_objects[OBJECT_LIMIT] = program->n_objects[OBJECT_LIMIT];
    return lower(only);
}

struct prover *prover_new(const struct table *t, const struct program *program)
{
    struct prover *p = MUST_NEW(struct prover);
    subject_init(&p->subject);
    subject_add(&p->subject, t, program);
    if (program->n_assertions > 0) {
        p->conditions = conditions_of(p, program);
        subject_add(&p->subject, p->conditions, NULL);
    }
    p->search = search_new(&p->subject);
    return p;
}

void prover_free(struct prover *p)
{
    if (!p)
        return;
    search_free(p->search);
    subject_done(&p->subject);
    table_free(p->conditions);
    arena_free(&p->arena);
    free(p);
}

const struct clause *prover_written(const struct prover *p, uint32_t clause)
{
    const struct side *side = &p->subject.side[0];
    const struct table_clause *c = &side->table->clause[clause];
    return &program_route(side->program, c->route)->clause[c->number - 1];
}

static bool is_of(const struct action *a, const struct clause *c)
{
    return a >= c->action && a < c->action + c->n_actions;
}

bool prover_confirms(struct prover *p, const struct target *t)
{
    struct arena arena = {0};
    struct ref_verdict *r = MUST_NEW(struct ref_verdict);
    ref_eval(p->subject.side[0].program, t->walk.root, &p->search->witness.facts, &arena, r);
    bool confirmed = false;
    if (t->clause == FALL_OUT) {
        confirmed = !r->end && !r->too_long;
    } else if (!r->too_long) {
        const struct clause *c = prover_written(p, t->clause);
        confirmed = r->end && is_of(r->end, c);
        for (uint32_t i = 0; i < r->n_effects && !confirmed; i++)
            confirmed = is_of(r->effect[i], c);
        for (uint32_t i = 0; i < r->n_led && !confirmed; i++)
            confirmed = is_of(r->led[i], c);
    }
    p->count.unconfirmed += !confirmed;
    free(r);
    arena_free(&arena);
    return confirmed;
}

enum proof prover_look(struct prover *p, uint32_t route, uint32_t clause, struct target *t)
{
    bool all;
    const uint32_t n = subject_walks(&p->subject, 0, route, p->walk, &all);
    enum proof proof = all ? PROOF_NEVER : PROOF_UNKNOWN;
    for (uint32_t i = 0; i < n; i++) {
        *t = (struct target){
            .walk = p->walk[i], .route = route, .clause = clause, .given_clause = UINT32_MAX};
        const enum proof by_this = search_for(p->search, t);
        if (by_this == PROOF_FOUND)
            return PROOF_FOUND;
        if (by_this == PROOF_UNKNOWN)
            proof = PROOF_UNKNOWN;
    }
    return proof;
}

enum proof prover_clause(struct prover *p, uint32_t clause, const struct witness **witness,
                         uint32_t *root)
{
    struct target t;
    enum proof proof = prover_look(p, p->subject.side[0].table->clause[clause].route, clause, &t);
    if (proof == PROOF_FOUND && !prover_confirms(p, &t))
        proof = PROOF_UNKNOWN;
    if (proof == PROOF_FOUND && witness)
        *witness = &p->search->witness;
    if (proof == PROOF_FOUND && root)
        *root = t.walk.root;
    return proof;
}

void prove(const struct table *t, const struct program *program, struct diags *d,
           struct prove_count *count)
{
    struct prover *p = prover_new(t, program);
    p->diags = d;
    prove_reach(p);
    prove_assertions(p);
    prove_overwritten(p);
    prove_loops(p);
    p->count.questions = p->search->count.questions;
    p->count.requests = p->search->count.requests;
    p->count.unconfirmed += p->search->count.unconfirmed;
    if (count)
        *count = p->count;
    prover_free(p);
}

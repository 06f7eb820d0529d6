/* Clauses that no request reaches, and routes that leave requests undecided. */
#include "compiler/prove/prove_priv.h"
#include "runtime/base/text.h"

/* More clauses than this are not pointed at. */
#define SHOWN_MAX 6u

static struct span place_of(const struct clause *c)
{
    return c->otherwise ? c->span : c->when->span;
}

static void show_swallowing(struct prover *p)
{
    const uint32_t n = p->search->swallowing.n;
    for (uint32_t i = 0; i < n && i < SHOWN_MAX; i++)
        diag_also(p->diags, place_of(prover_written(p, p->search->swallowing.at[i])), "%s",
                  n == 1 ? "this takes every request that would get there"
                         : "this takes some of them");
    if (n > SHOWN_MAX)
        diag_note(p->diags, "%u more clauses take the others", n - SHOWN_MAX);
    else if (n > 1)
        diag_note(p->diags, "together they take every request that would get there");
}

static void say_never(struct prover *p, uint32_t clause)
{
    const struct clause *c = prover_written(p, clause);
    if (p->search->swallowing.n == 0) {
        diag(p->diags, DIAG_NEVER_HOLDS, c->when->span, "no request meets it");
        return;
    }
    diag(p->diags, DIAG_UNREACHABLE, place_of(c));
    diag_label(p->diags, "never reached");
    show_swallowing(p);
}

static void count_proof(struct prover *p, enum proof proof)
{
    p->count.clauses++;
    switch (proof) {
    case PROOF_NEVER: p->count.shadowed++; break;
    case PROOF_FOUND: p->count.reached++; break;
    case PROOF_UNKNOWN: p->count.unknown++; break;
    }
}

static void prove_clause(struct prover *p, uint32_t clause)
{
    const struct table_clause *c = &p->subject.side[0].table->clause[clause];
    if (p->subject.side[0].table->route[c->route].phase != PHASE_REQUEST)
        return; /* proofs are about requests */
    if (c->then == c->next)
        return; /* it does nothing: lint has said so */
    struct target t;
    const enum proof proof = prover_look(p, c->route, clause, &t);
    count_proof(p, proof);
    if (proof == PROOF_NEVER && !prover_written(p, clause)->allow_shadowed)
        say_never(p, clause);
}

/* Is anything left when all clauses were asked? */
static void prove_total(struct prover *p, uint32_t route)
{
    struct target t;
    enum proof proof = prover_look(p, route, FALL_OUT, &t);
    if (proof == PROOF_FOUND && !prover_confirms(p, &t))
        proof = PROOF_UNKNOWN;
    count_proof(p, proof);
    if (proof == PROOF_NEVER)
        return;
    const struct route *r = &p->subject.side[0].program->route[route];
    diag(p->diags, DIAG_NO_OTHERWISE, r->span, SLICE_ARG(r->name));
    if (proof == PROOF_FOUND) {
        struct text request = {0};
        witness_write(&p->search->witness, &request);
        diag_note(p->diags, "nothing decides %s", request.at);
        text_done(&request);
    } else {
        diag_note(p->diags, "it could not be proven that its clauses decide every request");
    }
    diag_fix(p->diags, r->end, SLICE("  otherwise { deny 404 }\n"),
             "end it with `otherwise { ... }`, such as `otherwise { deny 404 }`");
}

void prove_reach(struct prover *p)
{
    const struct table *t = p->subject.side[0].table;
    for (uint32_t i = 0; i < t->n_clauses; i++)
        prove_clause(p, i);
    for (uint32_t i = 0; i < t->n_routes; i++)
        if (t->route[i].phase == PHASE_REQUEST &&
            t->clause[t->route[i].first_clause + t->route[i].n_clauses - 1].next != TABLE_NO_NODE)
            prove_total(p, i);
}

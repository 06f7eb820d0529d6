/*
 * `assert never OUTCOME when C` and `always`: is there a request with C that ends so (otherwise)?
 * Each clause that does is asked for one.
 */
#include "compiler/prove/prove_priv.h"
#include "runtime/base/text.h"

static bool any_of(uint32_t wanted, uint32_t is)
{
    return wanted == OUTCOME_ANY || wanted == is;
}

static bool text_of(const struct program_outcome *o, struct slice is)
{
    return !o->text.at || slice_eq(o->text, is);
}

/* What a decision is, whichever request it is made for: the outcome, not the outcome, the one or
 * the other by chance, or that depends on the request. */
enum is { IS, IS_NOT, BY_CHANCE, DEPENDS };

static enum is sends_to(const struct table *t, const struct table_end *e, uint32_t cluster)
{
    if (e->kind == END_FORWARD)
        return e->cluster == cluster ? IS : IS_NOT;
    uint32_t n = 0, to = 0;
    for (uint32_t i = 0; e->kind == END_SPLIT && i < e->n_choices; i++, n++)
        to += e->choice[i].cluster == cluster;
    if (e->kind == END_MAP) {
        const struct table_map *m = &t->map[e->map];
        to = e->cluster == cluster;
        n = 1 + t->string_set[m->keys].n;
        for (uint32_t i = 0; i + 1 < n; i++)
            to += m->cluster[i] == cluster;
    }
    if (to == 0 || to == n)
        return to ? IS : IS_NOT;
    return e->kind == END_SPLIT && e->field == FIELD_COUNT ? BY_CHANCE : DEPENDS;
}

static enum is yes(bool it_is)
{
    return it_is ? IS : IS_NOT;
}

static enum is compare_end(const struct table *t, const struct table_end *e,
                           const struct program_outcome *o)
{
    switch (o->kind) {
    case OUTCOME_FORWARD:
        if (e->kind != END_FORWARD && e->kind != END_MAP && e->kind != END_SPLIT)
            return IS_NOT;
        return o->cluster == OUTCOME_ANY ? IS : sends_to(t, e, o->cluster);
    case OUTCOME_DENY:
        return yes(e->kind == END_DENY && any_of(o->status, e->status) && text_of(o, e->body));
    case OUTCOME_RESPOND:
        return yes(e->kind == END_RESPOND && any_of(o->status, e->status) && text_of(o, e->body));
    case OUTCOME_REDIRECT:
        if (e->kind != END_REDIRECT || !any_of(o->status, e->status))
            return IS_NOT;
        if (o->text.at && (e->location.n != 1 || !e->location.part[0].literal.at))
            return DEPENDS;
        return yes(!o->text.at || text_of(o, e->location.part[0].literal));
    case OUTCOME_TARPIT: return yes(e->kind == END_TARPIT);
    case OUTCOME_DROP: return yes(e->kind == END_DROP);
    }
    return IS_NOT;
}

struct asserting {
    struct prover *prover;
    const struct program_assert *assertion;
    uint32_t condition; /* the clause of side 1 that has its condition */
    bool said, unknown;
};

static void say_broken(struct asserting *a, const struct target *t)
{
    struct prover *p = a->prover;
    struct text request = {0};
    witness_write(&p->search->witness, &request);
    diag(p->diags, DIAG_ASSERT_BROKEN, a->assertion->span);
    const struct clause *c = prover_written(p, t->clause);
    diag_also(p->diags, c->otherwise ? c->span : c->when->span, "this decides otherwise");
    diag_note(p->diags, "for example %s", request.at);
    text_done(&request);
    a->said = true;
}

/* Does the clause decide against the assertion, for a request with its condition? */
static void try_clause(struct asserting *a, uint32_t clause, const struct walk *walk,
                       uint32_t route)
{
    struct prover *p = a->prover;
    const struct side *side = &p->subject.side[0];
    const enum is is = compare_end(side->table, &side->table->end[side->clause[clause].end],
                                   a->assertion->outcome);
    if (is == (a->assertion->always ? IS : IS_NOT))
        return;
    const struct target t = {.walk = *walk,
                             .route = route,
                             .clause = clause,
                             .given_side = 1,
                             .given_clause = a->condition,
                             .given_holds = true};
    const enum proof proof = search_for(p->search, &t);
    if (proof == PROOF_FOUND && is != DEPENDS && prover_confirms(p, &t))
        say_broken(a, &t);
    else if (proof != PROOF_NEVER)
        a->unknown = true;
}

static void prove_assertion(struct asserting *a)
{
    struct prover *p = a->prover;
    const struct table *t = p->subject.side[0].table;
    struct walk *walk = MUST_ARRAY(struct walk, WALKS_MAX);
    for (uint32_t route = 0; route < t->n_routes && !a->said; route++) {
        bool all;
        const uint32_t n = subject_walks(&p->subject, 0, route, walk, &all);
        a->unknown |= !all;
        for (uint32_t w = 0; w < n && !a->said; w++) {
            struct slice name;
            if (subject_listeners(&p->subject.side[0], walk[w].root, &name, 1) == 0)
                continue; /* nobody comes by it */
            const struct table_route *r = &t->route[route];
            for (uint32_t i = r->first_clause; i < r->first_clause + r->n_clauses && !a->said; i++)
                if (p->subject.side[0].clause[i].does == CLAUSE_DECIDES)
                    try_clause(a, i, &walk[w], route);
        }
    }
    free(walk);
    if (a->unknown && !a->said)
        diag(p->diags, DIAG_ASSERT_UNKNOWN, a->assertion->span);
}

void prove_assertions(struct prover *p)
{
    const struct program *program = p->subject.side[0].program;
    for (uint32_t i = 0; i < program->n_assertions; i++)
        prove_assertion(
            &(struct asserting){.prover = p, .assertion = &program->assertion[i], .condition = i});
}

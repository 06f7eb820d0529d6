#include "compiler/prove/diff_priv.h"

#include "compiler/ref/ref.h"

/* Descriptions of regions take note of so many clauses that are on one side only. */
#define LEFT_OUT_MAX 32u

/* So many regions more are looked for that two clauses make. */
#define OUTSIDE_MAX 4u

/* Confirmed by the reference evaluator of its side: does the clause act? */
static bool acts(const struct side *side, uint32_t root, const struct facts *f, uint32_t clause)
{
    struct arena arena = {0};
    struct ref_verdict *r = MUST_NEW(struct ref_verdict);
    ref_eval(side->program, root, f, &arena, r);
    const struct table_clause *at = &side->table->clause[clause];
    const struct clause *c = &side->program->route[at->route].clause[at->number - 1];
    bool does = !r->too_long && r->end >= c->action && r->end < c->action + c->n_actions;
    for (uint32_t i = 0; !r->too_long && i < r->n_effects; i++)
        does |= r->effect[i] >= c->action && r->effect[i] < c->action + c->n_actions;
    free(r);
    arena_free(&arena);
    return does;
}

static struct slice told(struct differing *x, const struct table *t, const diff_effects *effects,
                         const struct table_end *end)
{
    struct text out = {0};
    for (uint32_t i = 0; i < effects->n; i++) {
        text_adds(&out, out.len ? "; " : "");
        table_effect_write(t, effects->at[i], &out);
    }
    if (end) {
        text_adds(&out, out.len ? "; " : "");
        diff_write_end(t, end, &out);
    }
    const struct slice kept = arena_copy(&x->out->arena, text_slice(&out));
    text_done(&out);
    return kept;
}

static struct diff_fate fate_of(struct differing *x, uint32_t side)
{
    const struct side *s = &x->subject.side[side];
    search_follow(x->search, side, x->root[side], &x->search->witness.facts);
    const uint32_t clause = x->search->taken.at[x->search->taken.n - 1];
    struct diff_fate fate = {.clause = clause};
    const struct table_end *end = clause == FALL_OUT ? NULL : &s->table->end[s->clause[clause].end];
    diff_effects effects = {0};
    for (uint32_t i = 0; i < x->search->taken.n; i++)
        if (x->search->taken.at[i] != FALL_OUT)
            diff_add_effects(s, x->search->taken.at[i], end, &effects);
    fate.does = told(x, s->table, &effects, end);
    diff_sort_effects(s->table, &effects);
    fate.same = told(x, s->table, &effects, end);
    VEC_DONE(&effects);
    if (clause != FALL_OUT)
        fate.place = s->table->clause[clause].place;
    return fate;
}

/*
 * A request that a clause before the target takes is told to be of the region, if not of it alone:
 * it is of another one, or taken so on both sides. Unless it is treated there as the other target
 * treats it, and so is of none; or led elsewhere, where that may be so.
 */
static bool is_let_in(const struct differing *x, const struct target *t, const struct target *other,
                      uint32_t clause)
{
    const uint32_t twin = x->twin[t->side][clause];
    const bool leads = x->subject.side[t->side].clause[clause].does == CLAUSE_LEADS;
    return !other || (!leads && !diff_same_decision(x, other->side, other->clause, clause)) ||
           (twin != UINT32_MAX && search_stands_before(x->search, other, twin));
}

static void choose_left_out(struct differing *x, const struct target *t, uint32_t n, uint32_t index)
{
    const struct target *other = n == 2 ? &t[1 - index] : NULL;
    const struct side *s = &x->subject.side[t[index].side];
    for (uint32_t i = index == 0 ? x->search->swallowing.n : x->search->other.n; i-- > 0;) {
        const uint32_t clause = index == 0 ? x->search->swallowing.at[i] : x->search->other.at[i];
        if (is_let_in(x, &t[index], other, clause))
            search_let_in(x->search, index, clause);
    }
    uint32_t left_out = 0;
    for (uint32_t i = s->table->route[t[index].route].first_clause;
         other && i < t[index].clause && left_out < LEFT_OUT_MAX; i++) {
        if (s->clause[i].does == CLAUSE_GOES_ON || is_let_in(x, &t[index], other, i))
            continue;
        search_leave_out(x->search, index, i);
        left_out++;
    }
}

/* The change that makes it: that of the clause looked at; or the other one's, where this one is as
 * it was and only got to by other requests. */
static uint32_t cause_of(struct differing *x, const struct target *t, uint32_t n)
{
    const uint32_t side = x->looked_side, clause = x->looked_clause;
    const struct target *other = n == 2 ? &t[1] : NULL;
    if (other && x->twin[side][clause] != UINT32_MAX && !x->matched[other->side][other->clause] &&
        x->twin[other->side][other->clause] == UINT32_MAX)
        return diff_cause(x, other->side, other->clause);
    return diff_cause(x, side, clause);
}

enum outcome { NOTED, ALIKE, NOT_CONFIRMED };

static void describe(struct differing *x, const struct target *t, uint32_t n, struct diff_region *r)
{
    search_words words = {0};
    for (uint32_t i = 0; i < n; i++)
        choose_left_out(x, t, n, i);
    r->exact = search_describe(x->search, t, n, &x->out->arena, &words);
    for (uint32_t i = 0; i < words.n; i++)
        VEC_ADD(&r->condition, words.at[i]);
    VEC_DONE(&words);
}

/* The search has found a request: notes the region, unless it turns out to be treated alike. */
static enum outcome found(struct differing *x, const struct target *t, uint32_t n)
{
    const struct facts *f = &x->search->witness.facts;
    struct diff_region r = {
        .change = cause_of(x, t, n), .changes = x->by_changes, .meets = {UINT32_MAX, UINT32_MAX}};
    bool confirmed = true;
    for (uint32_t i = 0; i < n; i++) {
        confirmed &= acts(&x->subject.side[t[i].side], t[i].walk.root, f, t[i].clause);
        r.meets[t[i].side] = t[i].clause;
    }
    r.before = fate_of(x, 0);
    r.after = fate_of(x, 1);
    if (!confirmed || slice_eq(r.before.same, r.after.same))
        return confirmed ? ALIKE : NOT_CONFIRMED;
    if (x->out->region.n == DIFF_REGIONS_MAX) {
        x->out->dropped++;
        return NOTED;
    }
    VEC_ADD(&r.listener, x->listener);
    r.witness = witness_copy(&x->search->witness, &x->out->arena);
    struct text request = {0};
    witness_write(r.witness, &request);
    r.request = arena_copy(&x->out->arena, text_slice(&request));
    text_done(&request);
    describe(x, t, n, &r);
    VEC_ADD(&x->out->region, r);
    return NOTED;
}

static struct target target_of(const struct differing *x, uint32_t side, const struct walk *walk,
                               uint32_t clause)
{
    return (struct target){.side = side,
                           .walk = *walk,
                           .route = x->subject.side[side].table->clause[clause].route,
                           .clause = clause,
                           .listener = x->listener,
                           .given_clause = UINT32_MAX};
}

static enum proof search_all(struct differing *x, const struct target *t, uint32_t n)
{
    return n == 1 ? search_for(x->search, &t[0]) : search_for_both(x->search, &t[0], &t[1]);
}

/* Does the walk to the clause of a route come by the changes of this one? */
static bool comes_by(const struct differing *x, const struct target *d, uint32_t changes)
{
    const struct table *t = x->subject.side[d->side].table;
    for (uint32_t i = 0; i < d->walk.n; i++)
        if (t->clause[d->walk.taken[i]].route == t->clause[changes].route)
            return changes <= d->walk.taken[i];
    return d->route == t->clause[changes].route && changes < d->clause;
}

static bool any_shows(const struct side *s, uint32_t clause, uint32_t end)
{
    const struct subject_clause *c = &s->clause[clause];
    bool shows = false;
    for (uint32_t i = c->first; i < c->first + c->n && !shows; i++)
        shows = diff_shows(s, s->effect[i], &s->table->end[s->clause[end].end]);
    return shows;
}

/*
 * The request that came to the changes of t[0] is treated alike all the same: nobody sees them
 * where we answer ourselves. Is there one that goes on to where they are seen?
 */
static enum proof look_behind(struct differing *x, const struct target *t, uint32_t n)
{
    const struct side *s = &x->subject.side[t->side];
    const struct ways *by = &x->ways[t->side];
    enum proof all = PROOF_NEVER;
    struct target behind[2] = {t[0], t[n - 1]};
    for (uint32_t w = 0; w < by->n; w++) {
        const struct table_route *r = &s->table->route[by->way[w].route];
        for (uint32_t i = r->first_clause; i < r->first_clause + r->n_clauses; i++) {
            behind[0] = target_of(x, t->side, &by->way[w].walk, i);
            behind[0].also = t;
            if (s->clause[i].does != CLAUSE_DECIDES || !comes_by(x, &behind[0], t->clause) ||
                !any_shows(s, t->clause, i))
                continue;
            x->pairs++;
            const enum proof proof = search_all(x, behind, n);
            if (proof == PROOF_FOUND && found(x, behind, n) == NOTED)
                return PROOF_FOUND;
            all = proof == PROOF_NEVER ? all : PROOF_UNKNOWN;
        }
    }
    return all;
}

static bool goes_on(const struct differing *x, const struct target *t)
{
    return x->subject.side[t->side].clause[t->clause].does != CLAUSE_DECIDES;
}

/* What was found may be told by conditions that not all of its kind meet: is there one that does
 * not? Returns UNKNOWN where there may be one more. */
static enum proof look_outside(struct differing *x, const struct target *t, uint32_t n)
{
    bool more = true;
    enum proof proof = PROOF_NEVER;
    for (uint32_t i = 0; more && i < OUTSIDE_MAX && x->out->region.n < DIFF_REGIONS_MAX; i++) {
        proof = search_avoid(x->search) ? search_all(x, t, n) : PROOF_NEVER;
        if (proof != PROOF_FOUND)
            break;
        const enum outcome outcome = found(x, t, n);
        more = outcome == NOTED ||
               (outcome == ALIKE && goes_on(x, t) && look_behind(x, t, n) == PROOF_FOUND);
    }
    search_avoid_none(x->search);
    return proof == PROOF_UNKNOWN ? PROOF_UNKNOWN : PROOF_NEVER;
}

static void note_unknown(struct differing *x, const struct target *t, uint32_t n, bool partly)
{
    struct diff_change *c = &x->out->change.at[cause_of(x, t, n)];
    c->unknown += !partly;
    c->partly += partly;
    x->out->unknown += !partly;
    x->out->partly += partly;
}

static bool is_enough(const struct differing *x)
{
    return x->pairs > DIFF_PAIRS_MAX || (x->patience && x->patience->enough(x->patience->of));
}

static void look(struct differing *x, const struct target *t, uint32_t n)
{
    x->pairs++;
    if (is_enough(x)) {
        note_unknown(x, t, n, false);
        return;
    }
    enum proof proof = search_all(x, t, n);
    if (proof == PROOF_FOUND) {
        const enum outcome outcome = found(x, t, n);
        if (outcome == NOT_CONFIRMED || (outcome == ALIKE && !goes_on(x, t)))
            proof = PROOF_UNKNOWN;
        else if (outcome == ALIKE)
            proof = look_behind(x, t, n);
        if (proof == PROOF_FOUND && look_outside(x, t, n) == PROOF_UNKNOWN)
            note_unknown(x, t, n, true);
    }
    if (proof == PROOF_UNKNOWN)
        note_unknown(x, t, n, false);
}

static void look_at_pair(struct differing *x, const struct target *a, const struct target *b)
{
    const struct target both[2] = {*a, *b};
    look(x, both, 2);
}

/* Both decide alike: are there changes on the way to the one that are not on the way to the other?
 */
static void look_at_moved(struct differing *x, uint32_t side, const struct target *a,
                          const struct target *b)
{
    const struct side *here = &x->subject.side[side];
    for (uint32_t i = 0; i < here->changes.n; i++) {
        const uint32_t d = here->changes.at[i], e = x->partner[side][d];
        if (e == UINT32_MAX || comes_by(x, a, d) == comes_by(x, b, e) ||
            !any_shows(here, d, a->clause))
            continue;
        const bool on_this = comes_by(x, a, d);
        struct target p = *a, q = *b;
        struct target *with = on_this ? &p : &q;
        const struct walk walk = with->walk;
        with->given_side = with->side;
        with->given_clause = on_this ? d : e;
        with->given_holds = true;
        with->given_walk = &walk;
        x->by_changes = true;
        look_at_pair(x, &p, &q);
        x->by_changes = false;
    }
}

/* A clause that decides, and is not on the other side: who decides its requests there? */
static void look_at_decision(struct differing *x, uint32_t side, uint32_t clause)
{
    const struct side *there = &x->subject.side[1 - side];
    const struct ways *here_by = &x->ways[side], *there_by = &x->ways[1 - side];
    for (uint32_t w = 0; w < here_by->n; w++) {
        if (here_by->way[w].route != x->subject.side[side].table->clause[clause].route)
            continue;
        const struct target a = target_of(x, side, &here_by->way[w].walk, clause);
        for (uint32_t v = 0; v < there_by->n; v++) {
            const struct table_route *r = &there->table->route[there_by->way[v].route];
            for (uint32_t i = r->first_clause; i < r->first_clause + r->n_clauses; i++) {
                if (there->clause[i].does != CLAUSE_DECIDES ||
                    (side == 1 && !x->matched[0][i])) /* that pair was looked at */
                    continue;
                const struct target b = target_of(x, 1 - side, &there_by->way[v].walk, i);
                if (diff_same_decision(x, side, clause, i))
                    look_at_moved(x, side, &a, &b);
                else
                    look_at_pair(x, &a, &b);
            }
        }
    }
}

/* Do `a` and `b` of one side stand in the other order on the other side? */
static bool crosses(const struct differing *x, uint32_t side, uint32_t a, uint32_t b)
{
    const uint32_t p = x->partner[side][a], q = x->partner[side][b];
    return q != UINT32_MAX && (a < b) != (p < q);
}

/*
 * The same changes are made on the other side, if not by the same clause. Its requests differ where
 * the partner's condition does not hold; where another clause decides before the partner; and where
 * changes are made in another order.
 */
static void look_at_partner(struct differing *x, uint32_t side, struct target *t)
{
    static const struct walk NONE = {0};
    const uint32_t partner = x->partner[side][t->clause];
    struct walk walk = NONE;
    walk.root = x->root[1 - side];
    const struct side *here = &x->subject.side[side], *there = &x->subject.side[1 - side];
    struct target without = *t;
    without.given_side = 1 - side;
    without.given_clause = partner;
    without.given_walk = &walk;
    look(x, &without, 1);

    const struct table_route *r = &there->table->route[walk.root];
    for (uint32_t i = r->first_clause; i < partner; i++) {
        if (there->clause[i].does == CLAUSE_GOES_ON ||
            !(crosses(x, 1 - side, partner, i) || x->partner[1 - side][i] == UINT32_MAX))
            continue;
        const struct target before = target_of(x, 1 - side, &walk, i);
        look_at_pair(x, t, &before);
    }
    for (uint32_t i = 0; i < here->changes.n; i++) {
        const uint32_t other = here->changes.at[i];
        if (here->table->clause[other].route != x->root[side] ||
            !crosses(x, side, t->clause, other) || diff_clauses_commute(here, t->clause, other))
            continue;
        struct target with = *t;
        with.given_side = side;
        with.given_clause = other;
        with.given_holds = true;
        with.given_walk = &t->walk;
        look(x, &with, 1);
    }
}

/* Does the condition ask for what that clause changes? */
static bool asks_for(const struct differing *x, uint32_t side, uint32_t clause, uint32_t changes)
{
    const struct side *s = &x->subject.side[side];
    const struct table_clause *at = &s->table->clause[clause];
    const struct subject_clause *by = &s->clause[changes];
    for (uint32_t n = at->entry; n < at->then; n++) {
        const struct table_node *node = &s->table->node[n];
        if (node->kind != NODE_TEST || node->clause != clause)
            continue;
        const uint32_t group = x->subject.atom.at[s->atom[node->what]].group;
        for (uint32_t i = by->first; i < by->first + by->n; i++)
            if (subject_touches(&s->table->effect[s->effect[i]], &x->subject.group.at[group]))
                return true;
    }
    return false;
}

/* Pairs of clauses that are looked at for one clause that changes something. */
#define LED_PAIRS_MAX 20000u

/* Where the requests go that a clause has changed. */
struct led {
    const struct target *changes;
    bool *asks;     /* of each clause of its side: it asks for what is changed, behind it */
    bool by_others; /* some that ask do not decide, and lead anywhere */
    uint64_t until; /* pairs that may be looked at, over all */
};

/* Nobody asks: false. */
static bool find_who_asks(const struct differing *x, struct led *l)
{
    const uint32_t side = l->changes->side;
    const struct side *s = &x->subject.side[side];
    const struct ways *by = &x->ways[side];
    bool any = false;
    for (uint32_t w = 0; w < by->n; w++) {
        const struct table_route *r = &s->table->route[by->way[w].route];
        for (uint32_t i = r->first_clause; i < r->first_clause + r->n_clauses; i++) {
            const struct target t = target_of(x, side, &by->way[w].walk, i);
            if (l->asks[i] || !comes_by(x, &t, l->changes->clause) ||
                !asks_for(x, side, i, l->changes->clause))
                continue;
            l->asks[i] = any = true;
            l->by_others |= s->clause[i].does != CLAUSE_DECIDES;
        }
    }
    return any;
}

static bool is_led_enough(const struct differing *x, const struct led *l)
{
    return is_enough(x) || x->pairs > l->until || x->out->region.n == DIFF_REGIONS_MAX;
}

/* A request that came by the changes and to `a`: where else does it get to without them? Clauses
 * that are on one side only are looked at for themselves. False: enough. */
static bool look_at_led(struct differing *x, const struct led *l, const struct target *a)
{
    const uint32_t there = 1 - a->side;
    const struct side *s = &x->subject.side[there];
    const struct ways *by = &x->ways[there];
    for (uint32_t v = 0; v < by->n; v++) {
        const struct table_route *r = &s->table->route[by->way[v].route];
        for (uint32_t i = r->first_clause; i < r->first_clause + r->n_clauses; i++) {
            if (s->clause[i].does != CLAUSE_DECIDES || !x->matched[there][i] ||
                !(l->by_others || l->asks[a->clause] || l->asks[x->partner[there][i]]) ||
                diff_same_decision(x, a->side, a->clause, i))
                continue;
            if (is_led_enough(x, l))
                return false;
            const struct target b = target_of(x, there, &by->way[v].walk, i);
            look_at_pair(x, a, &b);
        }
    }
    return true;
}

static bool look_at_all_led(struct differing *x, const struct led *l)
{
    const uint32_t side = l->changes->side;
    const struct side *s = &x->subject.side[side];
    const struct ways *by = &x->ways[side];
    for (uint32_t w = 0; w < by->n; w++) {
        const struct table_route *r = &s->table->route[by->way[w].route];
        for (uint32_t i = r->first_clause; i < r->first_clause + r->n_clauses; i++) {
            struct target a = target_of(x, side, &by->way[w].walk, i);
            a.also = l->changes;
            if (s->clause[i].does == CLAUSE_DECIDES && x->matched[side][i] &&
                comes_by(x, &a, l->changes->clause) && !look_at_led(x, l, &a))
                return false;
        }
    }
    return true;
}

/* What is changed may be asked for behind, and lead to another decision. */
static void look_where_it_leads(struct differing *x, const struct target *changes)
{
    const uint32_t n_clauses = x->subject.side[changes->side].table->n_clauses;
    struct led l = {
        .changes = changes, .asks = MUST_ARRAY(bool, n_clauses), .until = x->pairs + LED_PAIRS_MAX};
    x->by_changes = false;
    if (!is_enough(x) && find_who_asks(x, &l) && !look_at_all_led(x, &l))
        note_unknown(x, changes, 1, true);
    x->by_changes = true;
    free(l.asks);
}

/* A clause that changes something and goes on. */
static void look_at_changes(struct differing *x, uint32_t side, uint32_t clause)
{
    const struct ways *by = &x->ways[side];
    for (uint32_t w = 0; w < by->n; w++) {
        if (by->way[w].route != x->subject.side[side].table->clause[clause].route)
            continue;
        struct target t = target_of(x, side, &by->way[w].walk, clause);
        if (x->partner[side][clause] == UINT32_MAX)
            look(x, &t, 1);
        else
            look_at_partner(x, side, &t);
        look_where_it_leads(x, &t);
    }
}

static void look_at_side(struct differing *x, uint32_t side)
{
    const struct side *s = &x->subject.side[side];
    for (uint32_t w = 0; w < x->ways[side].n; w++) {
        const uint32_t route = x->ways[side].way[w].route;
        bool again = false;
        for (uint32_t v = 0; v < w; v++)
            again |= x->ways[side].way[v].route == route;
        const struct table_route *r = &s->table->route[route];
        for (uint32_t i = r->first_clause; !again && i < r->first_clause + r->n_clauses; i++) {
            if (x->matched[side][i])
                continue;
            x->looked_side = side;
            x->looked_clause = i;
            x->by_changes = s->clause[i].does != CLAUSE_DECIDES;
            if (!x->by_changes)
                look_at_decision(x, side, i);
            else if (s->clause[i].n > 0 && s->table->clause[i].then != s->table->clause[i].next)
                look_at_changes(x, side, i);
        }
    }
}

/* Listeners of one name, and the routes they begin with. */
static void look_at_listeners(struct differing *x, const struct table_listener *a,
                              const struct table_listener *b)
{
    x->listener = a->name;
    x->root[0] = a->route;
    x->root[1] = b->route;
    for (uint32_t side = 0; side < 2; side++)
        diff_read_ways(x, side);
    diff_match_clauses(x);
    look_at_side(x, 0);
    look_at_side(x, 1);
    diff_match_block(x, a->on_connect, b->on_connect);
    diff_match_block(x, a->on_response, b->on_response);
}

void diff_make(const struct diff_side *before, const struct diff_side *after, struct diff *out)
{
    diff_make_patiently(before, after, NULL, out);
}

void diff_make_patiently(const struct diff_side *before, const struct diff_side *after,
                         const struct diff_patience *patience, struct diff *out)
{
    *out = (struct diff){0};
    struct differing *x = MUST_NEW(struct differing);
    x->out = out;
    x->patience = patience;
    subject_init(&x->subject);
    subject_add(&x->subject, before->table, before->program);
    subject_add(&x->subject, after->table, after->program);
    x->search = search_new(&x->subject);
    for (uint32_t side = 0; side < 2; side++) {
        x->matched[side] = MUST_ARRAY(bool, x->subject.side[side].table->n_clauses);
        x->partner[side] = MUST_ARRAY(uint32_t, x->subject.side[side].table->n_clauses);
        x->twin[side] = MUST_ARRAY(uint32_t, x->subject.side[side].table->n_clauses);
        x->cause[side] = MUST_ARRAY(uint32_t, x->subject.side[side].table->n_clauses);
    }
    for (uint32_t i = 0; i < before->table->n_listeners; i++)
        for (uint32_t k = 0; k < after->table->n_listeners; k++)
            if (slice_eq(before->table->listener[i].name, after->table->listener[k].name))
                look_at_listeners(x, &before->table->listener[i], &after->table->listener[k]);
    diff_group(out);
    search_free(x->search);
    subject_done(&x->subject);
    for (uint32_t side = 0; side < 2; side++) {
        free(x->matched[side]);
        free(x->partner[side]);
        free(x->twin[side]);
        free(x->cause[side]);
    }
    free(x);
}

static bool lets_through(const struct table *t, const struct diff_fate *f)
{
    if (f->clause == UINT32_MAX)
        return false;
    uint32_t at = t->clause[f->clause].then;
    while (t->node[at].kind == NODE_EFFECT)
        at = t->node[at].yes;
    const enum table_end_kind kind = t->end[t->node[at].what].kind;
    return t->node[at].kind == NODE_END &&
           (kind == END_FORWARD || kind == END_SPLIT || kind == END_MAP);
}

uint32_t diff_riskiest(const struct diff *d, const struct table *before, const struct table *after)
{
    uint32_t worst = UINT32_MAX, most = 0;
    for (uint32_t i = 0; i < d->region.n; i++) {
        const struct diff_region *r = &d->region.at[i];
        const bool was = lets_through(before, &r->before), is = lets_through(after, &r->after);
        const uint32_t harm = is && !was ? 3 : was && !is ? 2 : 1;
        if (r->part_of == UINT32_MAX && harm > most) {
            worst = i;
            most = harm;
        }
    }
    return worst;
}

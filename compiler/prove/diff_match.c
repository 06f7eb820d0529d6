/*
 * Which clauses are in both configurations? Those of routes that correspond, with the same tests in
 * the same shape and the same actions, in the same order. What could be matched and isn't costs
 * time and no truth.
 */
#include "compiler/prove/diff_priv.h"

#include "compiler/table/match.h"
#include "runtime/base/hash.h"

void diff_read_ways(struct differing *x, uint32_t side)
{
    struct ways *w = &x->ways[side];
    const struct table *t = x->subject.side[side].table;
    w->n = 0;
    w->all = true;
    for (uint32_t route = 0; route < t->n_routes; route++) {
        struct walk *walk = MUST_ARRAY(struct walk, WALKS_MAX);
        bool all;
        const uint32_t n = subject_walks(&x->subject, side, route, walk, &all);
        w->all &= all;
        for (uint32_t i = 0; i < n; i++) {
            if (walk[i].root != x->root[side])
                continue;
            if (w->n == WALKS_MAX) {
                w->all = false;
                break;
            }
            w->way[w->n].route = route;
            w->way[w->n++].walk = walk[i];
        }
        free(walk);
    }
    x->out->unknown += !w->all;
}

/* What any template of the side reads may be seen in its place. */
static bool is_read(const struct table_effect *e, const struct table_template *by)
{
    for (uint32_t i = 0; i < by->n; i++)
        if (!by->part[i].literal.at && by->part[i].field != FIELD_COUNT &&
            table_effect_changes(e, by->part[i].field, by->part[i].key))
            return true;
    return false;
}

/* How far a value is followed that one change gives to the next. */
#define READS_FOLLOWED 2u

static bool shows(const struct side *s, uint32_t effect, const struct table_end *end,
                  uint32_t followed)
{
    const struct table_effect *e = &s->table->effect[effect];
    const bool forwards = end->kind == END_FORWARD || end->kind == END_SPLIT ||
                          end->kind == END_MAP || end->kind == END_PASS;
    const bool of_request = table_effect_is_header(e->kind, false) ||
                            table_effect_is_target(e->kind) || e->kind == EFFECT_TIMEOUT_READ ||
                            e->kind == EFFECT_COMPRESS || e->kind == EFFECT_RETRY;
    if (forwards || !of_request || is_read(e, &end->location))
        return true;
    for (uint32_t i = 0; i < s->table->n_effects; i++)
        if (i != effect && is_read(e, &s->table->effect[i].value) &&
            (followed == READS_FOLLOWED || shows(s, i, end, followed + 1)))
            return true;
    return false;
}

bool diff_shows(const struct side *s, uint32_t effect, const struct table_end *end)
{
    return shows(s, effect, end, 0);
}

static bool same_sequence(const struct table *t, const diff_effects *a, const struct table *u,
                          const diff_effects *b)
{
    for (uint32_t i = 0; i < a->n && a->n == b->n; i++)
        if (!subject_same_effect(t, a->at[i], u, b->at[i]))
            return false;
    return a->n == b->n;
}

/* Of those that show where the clause decides; in whatever order, where nobody sees it. */
static bool same_effects(const struct side *s, uint32_t a, const struct side *u, uint32_t b)
{
    const struct subject_clause *x = &s->clause[a], *y = &u->clause[b];
    const bool decides = x->does == CLAUSE_DECIDES;
    if (x->n == 0 && y->n == 0)
        return true;
    diff_effects e = {0}, f = {0};
    diff_add_effects(s, a, decides ? &s->table->end[x->end] : NULL, &e);
    diff_add_effects(u, b, decides ? &u->table->end[y->end] : NULL, &f);
    bool same = same_sequence(s->table, &e, u->table, &f);
    if (!same && e.n == f.n && e.n > 1) {
        diff_sort_effects(s->table, &e);
        diff_sort_effects(u->table, &f);
        same = same_sequence(s->table, &e, u->table, &f);
    }
    VEC_DONE(&e);
    VEC_DONE(&f);
    return same;
}

static bool same_map(const struct table *t, const struct table_end *a, const struct table *u,
                     const struct table_end *b)
{
    const struct table_map *m = &t->map[a->map], *o = &u->map[b->map];
    const struct table_string_set *key = &t->string_set[m->keys], *other = &u->string_set[o->keys];
    if (key->n != other->n)
        return false;
    for (uint32_t i = 0; i < key->n; i++) {
        const uint32_t at = string_set_find(other, key->string[i]);
        if (at == UINT32_MAX ||
            !slice_eq(t->cluster[m->cluster[i]].name, u->cluster[o->cluster[at]].name))
            return false;
    }
    return true;
}

static bool same_choices(const struct table *t, const struct table_end *a, const struct table *u,
                         const struct table_end *b)
{
    if (a->n_choices != b->n_choices)
        return false;
    for (uint32_t i = 0; i < a->n_choices; i++)
        if (a->choice[i].below != b->choice[i].below ||
            !slice_eq(t->cluster[a->choice[i].cluster].name, u->cluster[b->choice[i].cluster].name))
            return false;
    return true;
}

static bool same_end(const struct table *t, const struct table_end *a, const struct table *u,
                     const struct table_end *b)
{
    if (a->kind != b->kind)
        return false;
    const bool same_field = a->field == b->field && slice_eq(a->key, b->key);
    if (a->kind == END_SPLIT)
        return same_field && same_choices(t, a, u, b);
    if (a->kind == END_MAP && !(same_field && same_map(t, a, u, b)))
        return false;
    if (a->kind == END_FORWARD || a->kind == END_MAP)
        return slice_eq(t->cluster[a->cluster].name, u->cluster[b->cluster].name);
    return a->delay_ns == b->delay_ns && a->status == b->status && slice_eq(a->type, b->type) &&
           slice_eq(a->body, b->body) && subject_same_template(&a->location, &b->location);
}

static bool same_actions(const struct side *s, uint32_t a, const struct side *u, uint32_t b)
{
    const struct subject_clause *x = &s->clause[a], *y = &u->clause[b];
    if (x->does != y->does || !same_effects(s, a, u, b))
        return false;
    switch (x->does) {
    case CLAUSE_DECIDES:
        return same_end(s->table, &s->table->end[x->end], u->table, &u->table->end[y->end]);
    case CLAUSE_LEADS:
        return slice_eq(s->table->route[x->route].name, u->table->route[y->route].name);
    case CLAUSE_GOES_ON: break;
    }
    return true;
}

bool diff_same_decision(const struct differing *x, uint32_t side, uint32_t clause, uint32_t other)
{
    return same_actions(&x->subject.side[side], clause, &x->subject.side[1 - side], other);
}

/* Where a test leads, relative to its clause. */
static uint32_t shape(const struct table_clause *c, uint32_t to)
{
    return to == c->then ? UINT32_MAX : to == c->next ? UINT32_MAX - 1 : to - c->entry;
}

static uint32_t tests_of(const struct table *t, uint32_t clause)
{
    uint32_t n = 0;
    const struct table_clause *c = &t->clause[clause];
    while (c->entry + n < t->n_nodes && t->node[c->entry + n].kind == NODE_TEST &&
           t->node[c->entry + n].clause == clause)
        n++;
    return c->entry == c->then ? 0 : n;
}

static uint64_t hash_of(const struct side *s, uint32_t clause)
{
    const struct table_clause *c = &s->table->clause[clause];
    uint64_t h = s->clause[clause].does;
    for (uint32_t i = 0; i < tests_of(s->table, clause); i++) {
        const struct table_node *n = &s->table->node[c->entry + i];
        const uint32_t part[3] = {s->atom[n->what], shape(c, n->yes), shape(c, n->no)};
        h = hash_bytes(part, sizeof(part), h);
    }
    return h;
}

static bool same_tests(const struct side *s, uint32_t a, const struct side *u, uint32_t b)
{
    const struct table_clause *c = &s->table->clause[a], *d = &u->table->clause[b];
    const uint32_t n = tests_of(s->table, a);
    if (n != tests_of(u->table, b))
        return false;
    for (uint32_t i = 0; i < n; i++) {
        const struct table_node *p = &s->table->node[c->entry + i];
        const struct table_node *r = &u->table->node[d->entry + i];
        if (s->atom[p->what] != u->atom[r->what] || shape(c, p->yes) != shape(d, r->yes) ||
            shape(c, p->no) != shape(d, r->no))
            return false;
    }
    return true;
}

static bool same_clause(const struct side *s, uint32_t a, const struct side *u, uint32_t b)
{
    return same_tests(s, a, u, b) && same_actions(s, a, u, b);
}

bool diff_same_tests(const struct differing *x, uint32_t before, uint32_t after)
{
    return same_tests(&x->subject.side[0], before, &x->subject.side[1], after);
}

bool diff_same_clause(const struct differing *x, uint32_t before, uint32_t after)
{
    return same_clause(&x->subject.side[0], before, &x->subject.side[1], after);
}

struct hashed {
    uint64_t hash;
    uint32_t clause;
};

static int by_hash(const void *a, const void *b)
{
    const struct hashed *x = a, *y = b;
    if (x->hash != y->hash)
        return x->hash < y->hash ? -1 : 1;
    return x->clause < y->clause ? -1 : x->clause > y->clause;
}

/* The first clause of the new route, not before `from`, that is the same; or UINT32_MAX. */
static uint32_t find_same(const struct differing *x, uint32_t clause, uint64_t hash,
                          const struct hashed *sorted, uint32_t n, uint32_t from)
{
    uint32_t low = 0, high = n;
    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        const struct hashed *h = &sorted[middle];
        if (h->hash < hash || (h->hash == hash && h->clause < from))
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < n && sorted[low].hash == hash; low++)
        if (same_clause(&x->subject.side[0], clause, &x->subject.side[1], sorted[low].clause))
            return sorted[low].clause;
    return UINT32_MAX;
}

/*
 * The longest chain of pairs that ascends on both sides. `partner` is the first partner of each old
 * clause, so this is not the longest common subsequence where clauses repeat; it need not be.
 */
static void keep_ascending(struct differing *x, uint32_t first, const uint32_t *partner, uint32_t n)
{
    uint32_t *tail = MUST_ARRAY(uint32_t, n + 1), *before = MUST_ARRAY(uint32_t, n + 1);
    uint32_t length = 0;
    for (uint32_t i = 0; i < n; i++) {
        if (partner[i] == UINT32_MAX)
            continue;
        uint32_t low = 0, high = length;
        while (low < high) {
            const uint32_t middle = low + (high - low) / 2;
            if (partner[tail[middle]] < partner[i])
                low = middle + 1;
            else
                high = middle;
        }
        before[i] = low > 0 ? tail[low - 1] : UINT32_MAX;
        tail[low] = i;
        length = low == length ? length + 1 : length;
    }
    for (uint32_t i = length > 0 ? tail[length - 1] : UINT32_MAX; i != UINT32_MAX; i = before[i]) {
        x->matched[0][first + i] = true;
        x->matched[1][partner[i]] = true;
        x->partner[0][first + i] = partner[i];
        x->partner[1][partner[i]] = first + i;
    }
    free(tail);
    free(before);
}

static void match_routes(struct differing *x, uint32_t a, uint32_t b)
{
    const struct table_route *r = &x->subject.side[0].table->route[a];
    const struct table_route *s = &x->subject.side[1].table->route[b];
    struct hashed *sorted = MUST_ARRAY(struct hashed, s->n_clauses);
    for (uint32_t i = 0; i < s->n_clauses; i++)
        sorted[i] =
            (struct hashed){hash_of(&x->subject.side[1], s->first_clause + i), s->first_clause + i};
    qsort(sorted, s->n_clauses, sizeof(*sorted), by_hash);
    uint32_t *partner = MUST_ARRAY(uint32_t, r->n_clauses);
    uint32_t from = s->first_clause;
    for (uint32_t i = 0; i < r->n_clauses; i++) {
        const uint32_t clause = r->first_clause + i;
        const uint64_t hash = hash_of(&x->subject.side[0], clause);
        partner[i] = find_same(x, clause, hash, sorted, s->n_clauses, from);
        if (partner[i] == UINT32_MAX)
            partner[i] = find_same(x, clause, hash, sorted, s->n_clauses, s->first_clause);
        else
            from = partner[i] + 1;
    }
    keep_ascending(x, r->first_clause, partner, r->n_clauses);
    free(sorted);
    free(partner);
}

static bool tests_changed(const struct differing *x, uint32_t side, uint32_t clause,
                          const uint32_t *changed, uint32_t *cause)
{
    const struct side *s = &x->subject.side[side];
    for (uint32_t i = 0; i < tests_of(s->table, clause); i++) {
        const uint32_t atom = s->table->node[s->table->clause[clause].entry + i].what;
        *cause = changed[x->subject.atom.at[s->atom[atom]].group];
        if (*cause != UINT32_MAX)
            return true;
    }
    return false;
}

/* Of each group: what may have changed it. */
static void note_changes(struct differing *x, uint32_t side, uint32_t clause, uint32_t *changed)
{
    const struct side *s = &x->subject.side[side];
    const struct subject_clause *c = &s->clause[clause];
    for (uint32_t i = c->first; i < c->first + c->n; i++)
        for (uint32_t g = 0; g < x->subject.group.n; g++)
            if (changed[g] == UINT32_MAX &&
                subject_touches(&s->table->effect[s->effect[i]], &x->subject.group.at[g]))
                changed[g] = diff_cause(x, side, clause);
}

static void part(struct differing *x, uint32_t side, uint32_t clause, uint32_t cause)
{
    const uint32_t other = x->partner[side][clause];
    x->cause[side][clause] = x->cause[1 - side][other] = cause;
    x->matched[side][clause] = x->matched[1 - side][other] = false;
    x->partner[side][clause] = x->partner[1 - side][other] = UINT32_MAX;
}

/* Clauses that are got to by a `goto` with no match are got to by other requests. */
static void part_what_is_led_to(struct differing *x)
{
    for (uint32_t side = 0; side < 2; side++) {
        const struct table *t = x->subject.side[side].table;
        for (uint32_t w = 0; w < x->ways[side].n; w++) {
            const struct walk *walk = &x->ways[side].way[w].walk;
            uint32_t led = 0;
            while (led < walk->n && x->matched[side][walk->taken[led]])
                led++;
            const struct table_route *r = &t->route[x->ways[side].way[w].route];
            for (uint32_t i = r->first_clause; led < walk->n && i < r->first_clause + r->n_clauses;
                 i++) {
                const uint32_t cause = diff_cause(x, side, walk->taken[led]);
                if (x->matched[side][i])
                    part(x, side, i, cause);
                else if (x->cause[side][i] == UINT32_MAX)
                    x->cause[side][i] = cause;
            }
        }
    }
}

/* Is it one of the listener's, and not on the other side? */
static bool makes_other_changes(const struct differing *x, uint32_t side, uint32_t clause)
{
    const uint32_t route = x->subject.side[side].table->clause[clause].route;
    for (uint32_t w = 0; w < x->ways[side].n && !x->matched[side][clause]; w++)
        if (x->ways[side].way[w].route == route)
            return true;
    return false;
}

/* Clauses that test what an unmatched clause may have changed are not the same any more, and so on.
 */
static void part_what_depends(struct differing *x)
{
    uint32_t *changed = MUST_ARRAY(uint32_t, x->subject.group.n + 1);
    memset(changed, 0xff, (x->subject.group.n + 1) * sizeof(*changed));
    uint32_t cause;
    for (bool more = true; more;) {
        more = false;
        for (uint32_t side = 0; side < 2; side++)
            for (uint32_t i = 0; i < x->subject.side[side].changes.n; i++)
                if (makes_other_changes(x, side, x->subject.side[side].changes.at[i]))
                    note_changes(x, side, x->subject.side[side].changes.at[i], changed);
        for (uint32_t side = 0; side < 2; side++)
            for (uint32_t i = 0; i < x->subject.side[side].table->n_clauses; i++)
                if (x->matched[side][i] && tests_changed(x, side, i, changed, &cause)) {
                    part(x, side, i, cause);
                    more = true;
                }
    }
    free(changed);
}

/* Unmatched clauses that make the same changes, one each. */
static void pair_changes(struct differing *x)
{
    const struct side *s = &x->subject.side[0], *u = &x->subject.side[1];
    for (uint32_t i = 0; i < s->changes.n; i++) {
        const uint32_t a = s->changes.at[i];
        if (s->table->clause[a].route != x->root[0])
            continue;
        for (uint32_t k = 0; k < u->changes.n && x->partner[0][a] == UINT32_MAX; k++) {
            const uint32_t b = u->changes.at[k];
            if (x->partner[1][b] != UINT32_MAX || u->table->clause[b].route != x->root[1] ||
                !same_actions(s, a, u, b))
                continue;
            x->partner[0][a] = b;
            x->partner[1][b] = a;
        }
    }
}

/* A block of one listener; none is one without clauses. */
void diff_match_block(struct differing *x, uint32_t before, uint32_t after)
{
    const uint32_t route[2] = {before, after};
    if (before != TABLE_NO_ROUTE && after != TABLE_NO_ROUTE) {
        match_routes(x, before, after);
        diff_find_changes(x, before, after);
        return;
    }
    for (uint32_t side = 0; side < 2; side++) {
        if (route[side] == TABLE_NO_ROUTE)
            continue;
        const struct table_route *r = &x->subject.side[side].table->route[route[side]];
        for (uint32_t i = r->first_clause; i < r->first_clause + r->n_clauses; i++)
            diff_cause(x, side, i);
    }
}

void diff_match_clauses(struct differing *x)
{
    for (uint32_t side = 0; side < 2; side++) {
        const uint32_t n = x->subject.side[side].table->n_clauses;
        memset(x->matched[side], 0, n * sizeof(bool));
        memset(x->partner[side], 0xff, n * sizeof(uint32_t));
        memset(x->cause[side], 0xff, n * sizeof(uint32_t));
    }
    const struct table *t = x->subject.side[0].table, *u = x->subject.side[1].table;
    for (uint32_t i = 0; i < x->ways[0].n; i++) {
        const uint32_t a = x->ways[0].way[i].route;
        for (uint32_t k = 0; k < x->ways[1].n; k++) {
            const uint32_t b = x->ways[1].way[k].route;
            const bool roots = a == x->root[0] && b == x->root[1];
            const bool others =
                a != x->root[0] && b != x->root[1] && slice_eq(t->route[a].name, u->route[b].name);
            if (!roots && !others)
                continue;
            match_routes(x, a, b);
            diff_find_changes(x, a, b);
        }
    }
    for (uint32_t side = 0; side < 2; side++)
        memcpy(x->twin[side], x->partner[side],
               x->subject.side[side].table->n_clauses * sizeof(uint32_t));
    part_what_is_led_to(x);
    part_what_depends(x);
    pair_changes(x);
}

void diff_write_end(const struct table *t, const struct table_end *e, struct text *out)
{
    if (e->kind != END_DENY && e->kind != END_RESPOND) {
        table_end_write(t, e, out);
        return;
    }
    text_addf(out, "%s %u", table_end_name(e->kind), e->status);
    if (e->kind == END_RESPOND)
        text_addf(out, " \"" SLICE_FMT "\" \"" SLICE_FMT "\"", SLICE_ARG(e->type),
                  SLICE_ARG(e->body));
    else if (e->body.len > 0)
        text_addf(out, " with \"" SLICE_FMT "\"", SLICE_ARG(e->body));
}

/*
 * What was changed of the text? Clauses that are in both stay; between two of them, those of the
 * old one and of the new one are told together where they have something in common.
 */
#include "compiler/prove/diff_priv.h"

#include "grammar/source.h"

/* Blanks and line ends become one blank, but in strings. */
static struct slice on_one_line(struct arena *arena, struct slice s)
{
    char *at = ARENA_ARRAY(arena, char, s.len + 1);
    size_t n = 0;
    bool quoted = false;
    for (size_t i = 0; i < s.len; i++) {
        const char c = s.at[i];
        const bool blank = c == ' ' || c == '\t' || c == '\n' || c == '\r';
        quoted ^= c == '"' && !(i > 0 && s.at[i - 1] == '\\');
        if (quoted || !blank)
            at[n++] = c;
        else if (n > 0 && at[n - 1] != ' ')
            at[n++] = ' ';
    }
    return (struct slice){at, n};
}

static struct diff_written written(struct differing *x, uint32_t side, uint32_t clause)
{
    if (clause == UINT32_MAX)
        return (struct diff_written){.text = SLICE(""), .clause = UINT32_MAX};
    const struct side *s = &x->subject.side[side];
    const struct table_clause *c = &s->table->clause[clause];
    struct span span = program_route(s->program, c->route)->clause[c->number - 1].span, use;
    while (sources_origin(s->program->sources, &span, &use))
        ;
    const struct place place = sources_place(s->program->sources, span.from);
    const struct slice text = {place.line_text.at + (span.from - place.line_from),
                               span.to - span.from};
    return (struct diff_written){on_one_line(&x->out->arena, text), c->place, clause};
}

static void add_change(struct differing *x, uint32_t before, uint32_t after, bool moved)
{
    uint32_t i = 0;
    while (i < x->out->change.n && (x->out->change.at[i].before.clause != before ||
                                    x->out->change.at[i].after.clause != after))
        i++;
    if (i == x->out->change.n) {
        const uint32_t side = before == UINT32_MAX, clause = side ? after : before;
        const struct table *t = x->subject.side[side].table;
        VEC_ADD(&x->out->change,
                (struct diff_change){.route = t->route[t->clause[clause].route].name,
                                     .phase = t->route[t->clause[clause].route].phase,
                                     .before = written(x, 0, before),
                                     .after = written(x, 1, after),
                                     .moved = moved});
    }
    if (before != UINT32_MAX)
        x->cause[0][before] = i;
    if (after != UINT32_MAX)
        x->cause[1][after] = i;
}

static bool is_open(const struct differing *x, uint32_t side, uint32_t clause)
{
    return !x->matched[side][clause] && x->cause[side][clause] == UINT32_MAX;
}

/* How much two clauses must have in common to be told as one that was changed. */
enum likeness { LIKE_ALL, LIKE_ACTIONS, LIKE_TESTS, LIKE_PLACE };

static bool are_like(const struct differing *x, uint32_t before, uint32_t after, enum likeness how)
{
    switch (how) {
    case LIKE_ALL: return diff_same_clause(x, before, after);
    case LIKE_ACTIONS: return diff_same_decision(x, 0, before, after);
    case LIKE_TESTS: return diff_same_tests(x, before, after);
    case LIKE_PLACE: break;
    }
    return true;
}

struct gap {
    uint32_t from[2], to[2];
};

static void pair_in(struct differing *x, const struct gap *g, enum likeness how)
{
    for (uint32_t i = g->from[0]; i < g->to[0]; i++)
        for (uint32_t k = g->from[1]; k < g->to[1] && is_open(x, 0, i); k++)
            if (is_open(x, 1, k) && are_like(x, i, k, how))
                add_change(x, i, k, how == LIKE_ALL);
}

static uint32_t count_open(const struct differing *x, const struct gap *g, uint32_t side)
{
    uint32_t n = 0;
    for (uint32_t i = g->from[side]; i < g->to[side]; i++)
        n += is_open(x, side, i);
    return n;
}

static void tell_gap(struct differing *x, const struct gap *g)
{
    pair_in(x, g, LIKE_ACTIONS);
    pair_in(x, g, LIKE_TESTS);
    if (count_open(x, g, 0) == count_open(x, g, 1))
        pair_in(x, g, LIKE_PLACE);
    for (uint32_t side = 0; side < 2; side++)
        for (uint32_t i = g->from[side]; i < g->to[side]; i++)
            if (is_open(x, side, i))
                add_change(x, side == 0 ? i : UINT32_MAX, side == 0 ? UINT32_MAX : i, false);
}

void diff_find_changes(struct differing *x, uint32_t before, uint32_t after)
{
    const uint32_t route[2] = {before, after};
    struct gap all;
    for (uint32_t side = 0; side < 2; side++) {
        const struct table_route *r = &x->subject.side[side].table->route[route[side]];
        all.from[side] = r->first_clause;
        all.to[side] = r->first_clause + r->n_clauses;
    }
    pair_in(x, &all, LIKE_ALL);
    struct gap g = all;
    for (uint32_t i = all.from[0]; i <= all.to[0]; i++) {
        if (i < all.to[0] && !x->matched[0][i])
            continue;
        g.to[0] = i;
        g.to[1] = i < all.to[0] ? x->partner[0][i] : all.to[1];
        tell_gap(x, &g);
        g.from[0] = g.to[0] + 1;
        g.from[1] = g.to[1] + 1;
    }
}

uint32_t diff_cause(struct differing *x, uint32_t side, uint32_t clause)
{
    if (x->cause[side][clause] == UINT32_MAX)
        add_change(x, side == 0 ? clause : UINT32_MAX, side == 0 ? UINT32_MAX : clause, false);
    return x->cause[side][clause];
}

/* After MiniSat (Een, Sorensson 2003): two watched literals, first unique implication point.
 * Without restarts and activities, which questions as small as ours don't pay for. */
#include "compiler/prove/sat.h"

#include <string.h>

#define NO_REASON UINT32_MAX

void sat_init(struct sat *s, struct sat_theory theory)
{
    *s = (struct sat){.theory = theory};
}

void sat_done(struct sat *s)
{
    for (uint32_t i = 0; i < s->watch.room; i++)
        free(s->watch.at[i].at);
    VEC_DONE(&s->watch);
    VEC_DONE(&s->literal);
    VEC_DONE(&s->clause);
    VEC_DONE(&s->value);
    VEC_DONE(&s->level);
    VEC_DONE(&s->reason);
    VEC_DONE(&s->seen);
    VEC_DONE(&s->trail);
    VEC_DONE(&s->level_at);
    VEC_DONE(&s->learnt);
    VEC_DONE(&s->scratch);
}

void sat_clear(struct sat *s)
{
    for (uint32_t i = 0; i < s->watch.n; i++)
        s->watch.at[i].n = 0;
    s->watch.n = s->literal.n = s->clause.n = s->value.n = s->level.n = s->reason.n = 0;
    s->seen.n = s->trail.n = s->level_at.n = s->head = s->fresh = 0;
    s->impossible = false;
}

/* What was watched by an earlier question keeps its memory, so the array grows by hand. */
static void add_watch(struct sat *s)
{
    if (s->watch.n == s->watch.room) {
        const uint32_t from = s->watch.room;
        s->watch.at = vec_grow(s->watch.at, &s->watch.room, sizeof(*s->watch.at));
        memset(s->watch.at + from, 0, (s->watch.room - from) * sizeof(*s->watch.at));
    }
    s->watch.n++;
}

uint32_t sat_add_variable(struct sat *s)
{
    VEC_ADD(&s->value, 0);
    VEC_ADD(&s->level, 0);
    VEC_ADD(&s->reason, NO_REASON);
    VEC_ADD(&s->seen, 0);
    add_watch(s);
    add_watch(s);
    return s->value.n - 1;
}

static bool is_false(const struct sat *s, sat_literal l)
{
    return sat_is(s, sat_not(l));
}

static void assign(struct sat *s, sat_literal l, uint32_t reason)
{
    const uint32_t v = sat_variable(l);
    s->value.at[v] = sat_truth(l) ? 1 : -1;
    s->level.at[v] = s->level_at.n;
    s->reason.at[v] = reason;
    VEC_ADD(&s->trail, l);
}

static void back_to(struct sat *s, uint32_t level)
{
    if (s->level_at.n <= level)
        return;
    const uint32_t to = s->level_at.at[level];
    while (s->trail.n > to)
        s->value.at[sat_variable(s->trail.at[--s->trail.n])] = 0;
    s->level_at.n = level;
    s->head = to;
    if (s->fresh > to)
        s->fresh = to;
}

static uint32_t store(struct sat *s, const sat_literal *literal, uint32_t n)
{
    const struct sat_clause c = {s->literal.n, n};
    for (uint32_t i = 0; i < n; i++)
        VEC_ADD(&s->literal, literal[i]);
    VEC_ADD(&s->clause, c);
    const uint32_t index = s->clause.n - 1;
    if (n > 1) {
        VEC_ADD(&s->watch.at[literal[0]], index);
        VEC_ADD(&s->watch.at[literal[1]], index);
    }
    return index;
}

void sat_add(struct sat *s, const sat_literal *literal, uint32_t n)
{
    back_to(s, 0);
    s->scratch.n = 0;
    for (uint32_t i = 0; i < n; i++) {
        if (sat_is(s, literal[i]))
            return;
        if (!is_false(s, literal[i]))
            VEC_ADD(&s->scratch, literal[i]);
    }
    if (s->scratch.n == 0)
        s->impossible = true;
    else if (s->scratch.n == 1)
        assign(s, s->scratch.at[0], NO_REASON);
    else
        store(s, s->scratch.at, s->scratch.n);
}

void sat_add1(struct sat *s, sat_literal a)
{
    sat_add(s, &a, 1);
}

void sat_add2(struct sat *s, sat_literal a, sat_literal b)
{
    sat_add(s, (sat_literal[]){a, b}, 2);
}

void sat_add3(struct sat *s, sat_literal a, sat_literal b, sat_literal c)
{
    sat_add(s, (sat_literal[]){a, b, c}, 3);
}

/* Lets the clause watch another literal that is not false, or says that there is none. The watched
 * two stand first; the one that became false is second. */
static bool finds_another(struct sat *s, uint32_t clause, sat_literal fell)
{
    const struct sat_clause *c = &s->clause.at[clause];
    sat_literal *at = s->literal.at + c->first;
    if (at[0] == fell) {
        at[0] = at[1];
        at[1] = fell;
    }
    if (sat_is(s, at[0]))
        return false;
    for (uint32_t i = 2; i < c->n; i++) {
        if (is_false(s, at[i]))
            continue;
        at[1] = at[i];
        at[i] = fell;
        VEC_ADD(&s->watch.at[at[1]], clause);
        return true;
    }
    return false;
}

/* The clause that is broken, or NO_REASON. */
static uint32_t propagate(struct sat *s)
{
    while (s->head < s->trail.n) {
        const sat_literal fell = sat_not(s->trail.at[s->head++]);
        uint32_t kept = 0, broken = NO_REASON;
        for (uint32_t i = 0; i < s->watch.at[fell].n; i++) {
            const uint32_t clause = s->watch.at[fell].at[i];
            if (broken == NO_REASON && finds_another(s, clause, fell))
                continue;
            s->watch.at[fell].at[kept++] = clause;
            const sat_literal first = s->literal.at[s->clause.at[clause].first];
            if (broken != NO_REASON || sat_is(s, first))
                continue;
            if (is_false(s, first))
                broken = clause;
            else
                assign(s, first, clause);
        }
        s->watch.at[fell].n = kept;
        if (broken != NO_REASON)
            return broken;
    }
    return NO_REASON;
}

/* Notes a false literal of the analysis; returns 1 when it is of the present level. */
static uint32_t note(struct sat *s, sat_literal l)
{
    const uint32_t v = sat_variable(l);
    if (s->seen.at[v] || s->level.at[v] == 0)
        return 0;
    s->seen.at[v] = 1;
    if (s->level.at[v] == s->level_at.n)
        return 1;
    VEC_ADD(&s->learnt, l);
    return 0;
}

/*
 * `scratch` holds literals that are all false, at least one of the present level. Learns what
 * follows, goes back to where that still leaves one literal open, and sets it.
 */
static void learn(struct sat *s)
{
    s->learnt.n = 0;
    VEC_ADD(&s->learnt, 0); /* room for the one of this level */
    uint32_t open = 0, at = s->trail.n;
    for (uint32_t i = 0; i < s->scratch.n; i++)
        open += note(s, s->scratch.at[i]);
    sat_literal l;
    for (;;) {
        do
            l = s->trail.at[--at];
        while (!s->seen.at[sat_variable(l)]);
        s->seen.at[sat_variable(l)] = 0;
        if (--open == 0)
            break;
        const struct sat_clause *c = &s->clause.at[s->reason.at[sat_variable(l)]];
        for (uint32_t i = 1; i < c->n; i++)
            open += note(s, s->literal.at[c->first + i]);
    }
    s->learnt.at[0] = sat_not(l);

    uint32_t level = 0, highest = 1;
    for (uint32_t i = 1; i < s->learnt.n; i++) {
        const uint32_t v = sat_variable(s->learnt.at[i]);
        s->seen.at[v] = 0;
        if (s->level.at[v] > level) {
            level = s->level.at[v];
            highest = i;
        }
    }
    if (s->learnt.n > 1) {
        const sat_literal swap = s->learnt.at[1];
        s->learnt.at[1] = s->learnt.at[highest];
        s->learnt.at[highest] = swap;
    }
    back_to(s, level);
    const uint32_t clause = s->learnt.n > 1 ? store(s, s->learnt.at, s->learnt.n) : NO_REASON;
    assign(s, s->learnt.at[0], clause);
}

/* Goes back to the last level at which something in `scratch` became false; false when that is the
 * one at which nothing was chosen yet. */
static bool resolve_conflict(struct sat *s)
{
    uint32_t level = 0;
    for (uint32_t i = 0; i < s->scratch.n; i++)
        if (s->level.at[sat_variable(s->scratch.at[i])] > level)
            level = s->level.at[sat_variable(s->scratch.at[i])];
    if (level == 0)
        return false;
    back_to(s, level);
    learn(s);
    return true;
}

/* Is there a conflict? Then it is in `scratch`. */
static bool conflicts(struct sat *s)
{
    s->scratch.n = 0;
    const uint32_t broken = propagate(s);
    if (broken != NO_REASON) {
        const struct sat_clause *c = &s->clause.at[broken];
        for (uint32_t i = 0; i < c->n; i++)
            VEC_ADD(&s->scratch, s->literal.at[c->first + i]);
        return true;
    }
    const bool fits = !s->theory.fits || s->theory.fits(s->theory.of, s, &s->scratch);
    s->fresh = s->trail.n;
    if (fits)
        return false;
    for (uint32_t i = 0; i < s->scratch.n; i++)
        s->scratch.at[i] = sat_not(s->scratch.at[i]);
    return true;
}

enum sat_answer sat_solve(struct sat *s, uint32_t *budget)
{
    back_to(s, 0);
    uint32_t next = 0; /* the first variable that may be undecided */
    while (!s->impossible) {
        if (conflicts(s)) {
            if (!resolve_conflict(s))
                s->impossible = true;
            if (*budget == 0)
                return SAT_UNKNOWN;
            --*budget;
            next = 0;
            continue;
        }
        while (next < s->value.n && s->value.at[next] != 0)
            next++;
        if (next == s->value.n)
            return SAT_YES;
        VEC_ADD(&s->level_at, s->trail.n);
        assign(s, sat_of(next, false), NO_REASON);
    }
    return SAT_NO;
}

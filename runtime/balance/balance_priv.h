/* What policies share; only this room includes it. */
#pragma once

#include "runtime/balance/balance.h"

/* Has this exchange tried candidate `i`? */
static inline bool balance_avoids(const struct balance_in *in, uint32_t i)
{
    for (uint32_t k = 0; k < in->n_avoid; k++)
        if (in->avoid[k] == i)
            return true;
    return false;
}

/* The first from `i` on, round about, that is not to be avoided, or BALANCE_NONE. */
static inline uint32_t balance_from(const struct balance_plan *p, const struct balance_in *in,
                                    uint32_t i)
{
    for (uint32_t looked = 0; looked < p->n; looked++, i = i + 1 < p->n ? i + 1 : 0)
        if (!balance_avoids(in, i))
            return i;
    return BALANCE_NONE;
}

/* The finaliser of splitmix64: every bit of the sum decides about every bit of the result. */
static inline uint64_t balance_mix(uint64_t a, uint64_t b)
{
    uint64_t z = a + b * UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/*
 * Turn *t of `all` (0..all-1) goes to the part `of`, or to the rest: spread as evenly as it can be.
 * Of the first t turns the part has had t * of / all, rounded; *t becomes the number of turns that
 * who takes this one has had. Both below 2^31.
 */
static inline bool balance_split(uint64_t *t, uint64_t of, uint64_t all)
{
    const uint64_t doubled = 2 * *t * of + all;
    const uint64_t before = doubled <= UINT32_MAX ? (uint32_t)doubled / (uint32_t)(2 * all)
                                                  : doubled / (2 * all); /* that takes its time */
    const bool is = doubled - before * 2 * all + 2 * of >= 2 * all;
    *t = is ? before : *t - before;
    return is;
}

/* turns.c: a schedule by shares. `laid` is a block of its own for free(). */
struct turns;
struct turns *turns_new(const struct balance_plan *p);
uint32_t turns_pick(const struct turns *t, const struct balance_plan *p,
                    const struct balance_in *in);

/* draw.c: chance by shares. */
struct draw;
struct draw *draw_new(const struct balance_plan *p);
uint32_t draw_pick(const struct draw *d, const struct balance_plan *p, uint64_t random);

/* least.c: who has least. A cost is any number but NAN and INFINITY. */
typedef double least_cost(const struct balance_candidate *c, const struct balance_load *load);
struct least;
struct least *least_new(const struct balance_plan *p, const struct balance_in *in,
                        least_cost *cost);
uint32_t least_pick(struct least *l, const struct balance_plan *p, const struct balance_in *in);
void least_note(struct least *l, const struct balance_plan *p, uint32_t i,
                struct balance_load load);

/* places.c: by key. `may` says who can be taken, besides those to be avoided; NULL: each. */
struct places;
typedef bool places_may(const struct balance_plan *p, const struct balance_in *in, uint32_t i);
struct places *places_new(const struct balance_plan *p);
uint32_t places_pick(const struct places *s, const struct balance_plan *p,
                     const struct balance_in *in, places_may *may);

/*
 * places - which server is a key's: exact shares, and no key moves without need.
 *
 * Each server has places in a table that is mostly empty, found by its id; more of them the heavier
 * it is. A key looks at one place after the other, by chance of its own, and the first that is
 * taken decides ("DxHash", Dong and Wang 2021). So each place is as likely to be the first as
 * another: shares are exact, weights too. And when a server goes, its places are empty: its keys
 * look on, each on its own way and so over all the others by their shares, and nobody else's key
 * notices. When it comes back, so do they. The last place of a server takes only a part of the keys
 * that find it: that is how weights between, and servers that start slowly, get what is theirs.
 *
 * Compared with a ring: exact where that is uneven by 1 / sqrt(points), and one table look-up or
 * some dozens where that searches. With Maglev's table: no key of a server that stayed moves.
 *
 * The table has room for all servers of the group, also those that are away. It grows in steps of
 * 8, and then most keys move: with the 86th place, the 683rd, the 5,462nd. Places are found
 * by open addressing in an order that is the same whoever lays them out; where a new server comes
 * between others, those move up a place: one in five at most.
 *
 * Small groups have no table: up to FEW servers each draws a number from the key and its id, and
 * the best one wins: rendezvous hashing (Thaler and Ravishankar 1998; weights by Schindelhauer and
 * Schomaker 2005). It is as exact and moves as little, at 3 ns a server. It also decides where
 * LOOKS places were all empty, because nearly all servers are away.
 */
#include <math.h>

#include "runtime/balance/balance_priv.h"

#define FEW   24u
#define LOOKS 512u

#define BITS_FIRST 9u
#define BITS_STEP  3u

/* Numbers for each place, at least: so that hardly one in four has to move up for another. */
#define EMPTINESS 6u

struct place {
    uint32_t candidate;
    uint32_t takes; /* of 2^32 keys that find it, so many and one more */
};

struct places {
    uint32_t shift;   /* 64 - the bits of a number of the table */
    uint32_t *number; /* 1 + an index into place, or 0; behind place[] */
    struct place place[];
};

/* A place before it has a number. */
struct claim {
    uint64_t hash;
    uint32_t candidate, nth;
};

static int by_hash(const void *a, const void *b)
{
    const struct claim *x = a, *y = b;
    if (x->hash != y->hash)
        return x->hash < y->hash ? -1 : 1;
    return (x->nth > y->nth) - (x->nth < y->nth);
}

/* What a place holds of a share: a power of two, so that there are no more than three a server. */
static uint32_t place_size(const struct balance_plan *p)
{
    uint64_t whole = 0;
    for (uint32_t i = 0; i < p->n_all; i++)
        whole += p->candidate[i].whole;
    uint32_t size = BALANCE_UNIT;
    while (whole / size > 2 * (uint64_t)p->n_all)
        size *= 2;
    return size;
}

static uint32_t n_places(const struct balance_candidate *c, uint32_t size)
{
    return (c->whole + size - 1) / size;
}

static struct claim *claims(const struct balance_plan *p, uint32_t size, uint32_t n)
{
    struct claim *claim = MUST_ARRAY(struct claim, n);
    uint32_t k = 0;
    for (uint32_t i = 0; i < p->n_all; i++)
        for (uint32_t nth = 0; nth < n_places(&p->candidate[i], size); nth++)
            claim[k++] = (struct claim){balance_mix(p->candidate[i].id, nth + 1), i, nth};
    ASSERT(k == n);
    qsort(claim, n, sizeof(*claim), by_hash);
    return claim;
}

static void settle(struct places *s, const struct balance_plan *p, uint32_t size, uint64_t number,
                   const struct claim *claim, uint32_t k)
{
    if (claim->candidate >= p->n)
        return; /* away: its place is kept empty */
    const uint32_t begins = claim->nth * size, share = p->candidate[claim->candidate].share;
    if (share <= begins)
        return;
    const uint64_t takes =
        share - begins >= size ? UINT64_C(1) << 32 : ((uint64_t)(share - begins) << 32) / size;
    s->place[k] = (struct place){claim->candidate, (uint32_t)(takes - 1)};
    s->number[number] = k + 1;
}

/* Each at its number or the next that is free, in the order of their hashes; those that come out
 * behind the end begin again at its front. */
static void settle_all(struct places *s, const struct balance_plan *p, uint32_t size,
                       const struct claim *claim, uint32_t n)
{
    const uint64_t end = UINT64_C(1) << (64 - s->shift);
    bool *taken = MUST_ARRAY(bool, end);
    uint64_t next = 0;
    for (uint32_t k = 0; k < n; k++) {
        uint64_t number = claim[k].hash >> s->shift;
        number = number < next ? next : number;
        next = number + 1;
        for (number %= end; taken[number];)
            number = (number + 1) % end;
        taken[number] = true;
        settle(s, p, size, number, &claim[k], k);
    }
    free(taken);
}

struct places *places_new(const struct balance_plan *p)
{
    if (p->n_all <= FEW)
        return NULL;
    const uint32_t size = place_size(p);
    uint32_t n = 0, bits = BITS_FIRST;
    for (uint32_t i = 0; i < p->n_all; i++)
        n += n_places(&p->candidate[i], size);
    while (UINT64_C(1) << bits < EMPTINESS * (uint64_t)n)
        bits += BITS_STEP;

    struct places *s =
        must_calloc(1, sizeof(*s) + n * sizeof(s->place[0]) + (sizeof(uint32_t) << bits));
    s->shift = 64 - bits;
    s->number = (uint32_t *)(void *)&s->place[n];
    struct claim *claim = claims(p, size, n);
    settle_all(s, p, size, claim, n);
    free(claim);
    return s;
}

/* Of equals the highest draw is best: no need of logarithms. */
static uint32_t pick_of_equals(const struct balance_plan *p, const struct balance_in *in,
                               places_may *may)
{
    uint32_t best = BALANCE_NONE;
    uint64_t highest = 0;
    for (uint32_t i = 0; i < p->n; i++) {
        const uint64_t draw = balance_mix(in->key, p->candidate[i].id) >> 11;
        if ((best != BALANCE_NONE && draw <= highest) || balance_avoids(in, i) ||
            (may && !may(p, in, i)))
            continue;
        best = i;
        highest = draw;
    }
    return best;
}

/*
 * Every candidate waits for -log(u) / share, u being its draw in (0, 1): an exponential variate,
 * and the shortest of several is candidate i's with probability share[i] / sum. With v = 1 -
 * u, nobody waits less than (v + v^2 / 2) / share: that alone sends most away, and logarithms are
 * taken of a handful.
 */
static uint32_t pick_of_all(const struct balance_plan *p, const struct balance_in *in,
                            places_may *may)
{
    uint32_t best = BALANCE_NONE;
    double shortest = (double)INFINITY;
    if (p->all_equal)
        return pick_of_equals(p, in, may);
    for (uint32_t i = 0; i < p->n; i++) {
        const struct balance_candidate *c = &p->candidate[i];
        const double u = ((double)(balance_mix(in->key, c->id) >> 11) + 0.5) * 0x1p-53;
        const double v = 1 - u;
        if (v + v * v / 2 >= shortest * c->share || balance_avoids(in, i) ||
            (may && !may(p, in, i)))
            continue;
        const double wait = -log(u) / c->share;
        if (wait >= shortest)
            continue;
        best = i;
        shortest = wait;
    }
    return best;
}

/* Some looks at once do not wait for one another. False: nothing is there. */
#define AT_ONCE 4u

static bool look_up(const struct places *s, uint64_t key, uint64_t look, uint64_t z[AT_ONCE],
                    uint32_t number[AT_ONCE])
{
    uint32_t any = 0;
    for (uint32_t k = 0; k < AT_ONCE; k++) {
        z[k] = balance_mix(key, look + k);
        any |= number[k] = s->number[z[k] >> s->shift];
    }
    return any != 0;
}

uint32_t places_pick(const struct places *s, const struct balance_plan *p,
                     const struct balance_in *in, places_may *may)
{
    uint64_t z[AT_ONCE];
    uint32_t number[AT_ONCE];
    for (uint64_t look = 0; s && look < LOOKS; look++) {
        const uint64_t k = look % AT_ONCE;
        if (k == 0 && !look_up(s, in->key, look, z, number)) {
            look += AT_ONCE - 1;
            continue;
        }
        const uint32_t at = number[k];
        if (at == 0 || (uint32_t)z[k] > s->place[at - 1].takes)
            continue;
        const uint32_t i = s->place[at - 1].candidate;
        if (!balance_avoids(in, i) && (!may || may(p, in, i)))
            return i;
    }
    return pick_of_all(p, in, may);
}

/*
 * What a limit costs, by what it counts and how many keys there are: `./dev bench limit`.
 *
 * Measured is limiter_ask() for keys that are there, another one each time, by chance: with many,
 * the caches of the processor are what it measures. All ways and sizes are measured in turn, so
 * that whatever the machine does meanwhile happens to all of them; medians are shown, of CPU time.
 * A second table shows which part of a Zipf trace finds its key, by how many are remembered.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "runtime/base/clock.h"
#include "runtime/base/hash.h"
#include "runtime/base/rng.h"
#include "runtime/limit/gcra.h"
#include "runtime/limit/limiter.h"

static const uint32_t SIZES[] = {1000, 1000000, 10000000};
#define N_SIZES COUNT_OF(SIZES)
#define ROUNDS  21
#define ASKS    200000u

/* What is measured; NOTHING is the loop and the drawing of keys alone. */
enum way { NOTHING, RATE, TWO_RATES, DAY, IN_FLIGHT, ASKED, WAYS };

static const char *const TITLES[WAYS] = {"the loop alone", "rate 100/s",     "rate 100/s rate 6k/m",
                                         "rate 1M/d",      "concurrent 100", "exceeded"};

struct size {
    struct table_limit spec[WAYS];
    struct limiter *limiter[WAYS];
    double ns[WAYS][ROUNDS];
    uint64_t refused;
};

static struct table_rate rate(uint64_t count, int64_t period_ns, bool windows)
{
    const struct gcra g = gcra_of(count, period_ns, count);
    return (struct table_rate){count, count, period_ns, g.step_ns, g.room_ns, windows};
}

static uint64_t key_of(uint64_t n)
{
    return hash_bytes(&n, sizeof(n), 77);
}

static int64_t cpu_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return t.tv_sec * NS_PER_S + t.tv_nsec;
}

static void ask(struct size *s, enum way way, uint64_t hash, int64_t now_ns)
{
    struct limiter *l = s->limiter[way];
    if (way == ASKED) {
        s->refused += limiter_is_exceeded(l, &s->spec[way], hash, now_ns);
        return;
    }
    const struct limiter_answer a = limiter_ask(l, &s->spec[way], hash, 0, now_ns);
    s->refused += !a.admitted;
    if (a.held)
        limiter_let_go(l, a.held);
}

static void prepared(struct size *s, uint32_t n)
{
    static struct table_rate one[1], two[2], day[1];
    static const struct table_limit_key by[] = {{.field = FIELD_SRC}};
    one[0] = two[0] = rate(100, NS_PER_S, false);
    two[1] = rate(6000, 60 * NS_PER_S, false);
    day[0] = rate(1000000, 86400 * NS_PER_S, true);
    const struct table_limit base = {
        .key = by, .n_keys = 1, .entries = n, .shared = TABLE_NO_SHARED};
    for (enum way way = RATE; way < WAYS; way++) {
        struct table_limit *spec = &s->spec[way];
        *spec = base;
        spec->rate = way == TWO_RATES ? two : way == DAY ? day : one;
        spec->n_rates = way == IN_FLIGHT ? 0 : way == TWO_RATES ? 2 : 1;
        spec->concurrent = way == IN_FLIGHT ? 100 : 0;
        s->limiter[way] = limiter_new(spec, 1, 1, 0);
        for (uint32_t i = 0; i < n; i++)
            ask(s, way == ASKED ? RATE : way, key_of(i), NS_PER_S);
    }
    limiter_unpin(s->limiter[ASKED]);
    s->limiter[ASKED] = limiter_pin(s->limiter[RATE]);
}

static void measure(struct size *s, uint32_t n, uint32_t round)
{
    struct rng rng = {round + 1};
    for (enum way way = NOTHING; way < WAYS; way++) {
        uint64_t sum = 0;
        const int64_t begun = cpu_ns();
        for (uint32_t i = 0; i < ASKS; i++) {
            const uint64_t hash = key_of((uint64_t)(uint32_t)rng_next(&rng) * n >> 32);
            sum += hash;
            if (way != NOTHING)
                ask(s, way, hash, (2 + (int64_t)round) * NS_PER_S + i * 1000);
        }
        s->ns[way][round] = (double)(cpu_ns() - begun) / ASKS;
        s->refused += sum == 0;
    }
}

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static double median(double ns[ROUNDS])
{
    qsort(ns, ROUNDS, sizeof(*ns), compare);
    return ns[ROUNDS / 2];
}

static void show(struct size s[N_SIZES])
{
    printf("%-22s", "ns per request");
    for (size_t i = 0; i < N_SIZES; i++)
        printf("%12u keys", SIZES[i]);
    printf("   bytes per key\n");
    for (enum way way = NOTHING; way < WAYS; way++) {
        printf("%-22s", TITLES[way]);
        for (size_t i = 0; i < N_SIZES; i++)
            printf("%17.1f",
                   median(s[i].ns[way]) - (way > NOTHING ? s[i].ns[NOTHING][ROUNDS / 2] : 0));
        const struct table_limit *l = &s[N_SIZES - 1].spec[way];
        if (way > NOTHING && way != ASKED)
            printf("%16.1f",
                   (double)keys_bytes(l->entries, l->n_rates, l->concurrent > 0) / l->entries);
        printf("\n");
    }
}

/* A million keys, the n-th asked as often as 1 / n. */
static void zipf(uint32_t entries)
{
    enum { KEYS = 1000000, REQUESTS = 5000000 };
    double *sum = MUST_ARRAY(double, KEYS), all = 0;
    for (uint32_t i = 0; i < KEYS; i++)
        sum[i] = all += 1.0 / (i + 1);
    struct keys *k = keys_new(entries, NULL, 1, false);
    struct rng rng = {42};
    uint64_t hits = 0, hot = 0, hot_hits = 0;
    for (int64_t n = 1; n <= REQUESTS; n++) {
        const double at = all * (double)(rng_next(&rng) >> 11) / 9007199254740992.0;
        uint32_t low = 0, high = KEYS - 1;
        while (low < high) {
            const uint32_t middle = (low + high) / 2;
            if (sum[middle] < at)
                low = middle + 1;
            else
                high = middle;
        }
        bool evicted;
        _Atomic int64_t *moment = keys_find(k, key_of(low), n, &evicted);
        const bool hit = *moment != 0;
        *moment = n;
        hits += hit;
        hot += low < 100;
        hot_hits += low < 100 && hit;
    }
    printf("%10u of %u keys  %6.2f %% of all requests  %7.3f %% of the 100 hottest keys'\n",
           entries, (unsigned)KEYS, 100.0 * (double)hits / REQUESTS,
           100.0 * (double)hot_hits / (double)hot);
    keys_free(k);
    free(sum);
}

int main(void)
{
    static struct size s[N_SIZES];
    for (size_t i = 0; i < N_SIZES; i++)
        prepared(&s[i], SIZES[i]);
    for (uint32_t round = 0; round < ROUNDS; round++)
        for (size_t i = 0; i < N_SIZES; i++)
            measure(&s[i], SIZES[i], round);
    show(s);
    printf("\nfound, on a Zipf trace (s = 1)\n");
    zipf(10000);
    zipf(100000);
    zipf(1000000);
    for (size_t i = 0; i < N_SIZES; i++)
        for (enum way way = RATE; way < WAYS; way++)
            limiter_unpin(s[i].limiter[way]);
    return 0;
}

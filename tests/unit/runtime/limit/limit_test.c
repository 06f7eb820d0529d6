#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/hash.h"
#include "runtime/base/rng.h"
#include "runtime/limit/gcra.h"
#include "runtime/limit/limiter.h"

#define SECOND INT64_C(1000000000)
#define MINUTE (60 * SECOND)
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)

/* Where time begins in tests: a machine that has been up for a while. */
#define START (3 * HOUR)

#define PERIODS 3

static struct table_rate rate(uint64_t count, int64_t period_ns, uint64_t burst)
{
    const struct gcra g = gcra_of(count, period_ns, burst);
    return (struct table_rate){count, burst, period_ns, g.step_ns, g.room_ns, false};
}

/* Asks every `every_ns` for `during_ns`, and says how many were admitted. */
static uint64_t admitted(struct gcra g, int64_t *tat, int64_t from_ns, int64_t during_ns,
                         int64_t every_ns)
{
    uint64_t n = 0;
    for (int64_t now = from_ns; now < from_ns + during_ns; now += every_ns) {
        int64_t after;
        if (gcra_take(g, *tat, now, &after)) {
            *tat = after;
            n++;
        }
    }
    return n;
}

/* 100/s burst 50, asked 1,000 times a second for 10 s: 50 at once, and one every 10 ms. */
static void counts_are_the_arithmetic(void **state)
{
    (void)state;
    int64_t tat = 0;
    assert_int_equal(admitted(gcra_of(100, SECOND, 50), &tat, START, 10 * SECOND, SECOND / 1000),
                     50 + 999);
}

static void every_window_holds(void **state)
{
    (void)state;
    static const struct {
        uint64_t count;
        int64_t period_ns;
        uint64_t burst;
    } row[] = {{1, SECOND, 1}, {100, SECOND, 50}, {7, MINUTE, 7},
               {60, HOUR, 10}, {1000, DAY, 1},    {100000, DAY, 1000},
               {3, SECOND, 1}, {5, MINUTE, 5},    {11, HOUR, 3}};
    for (size_t i = 0; i < COUNT_OF(row); i++) {
        const struct gcra g = gcra_of(row[i].count, row[i].period_ns, row[i].burst);
        const int64_t period = row[i].period_ns;
        int64_t tat = 0;
        uint64_t all = 0;
        for (int64_t p = 0; p < PERIODS; p++) {
            const uint64_t n = admitted(g, &tat, START + p * period, period, g.step_ns / 20 + 1);
            assert_true(n <= row[i].count + row[i].burst);
            all += n;
        }
        /* Who asks twenty times a step wastes a twentieth of it at most. */
        const uint64_t most = PERIODS * row[i].count + row[i].burst;
        assert_in_range(all, most - most / 20 - 1, most);
    }
}

static void whoever_waits_as_told_is_admitted(void **state)
{
    (void)state;
    const struct gcra g = gcra_of(60, HOUR, 2);
    int64_t tat = 0, after;
    assert_int_equal(gcra_left(g, tat, START), 2);
    assert_int_equal(admitted(g, &tat, START, 3, 1), 2);
    assert_int_equal(gcra_left(g, tat, START + 2), 0);
    const int64_t wait = gcra_wait_ns(g, tat, START + 2);
    assert_true(wait > 0 && wait <= MINUTE);
    assert_false(gcra_take(g, tat, START + 2 + wait - 1, &after));
    assert_true(gcra_take(g, tat, START + 2 + wait, &after));
    assert_int_equal(gcra_wait_ns(g, tat, START + 2 + wait), 0);
    assert_int_equal(gcra_left(g, tat, START + HOUR), 2);
}

static void numbers_at_the_edge(void **state)
{
    (void)state;
    const struct gcra slow = gcra_of(1, DAY, 1000000000);
    assert_true(slow.room_ns > 0 && slow.room_ns <= GCRA_ROOM_NS_MAX);
    int64_t after;
    assert_true(gcra_take(slow, START + slow.room_ns - slow.step_ns, START, &after));
    assert_false(gcra_take(slow, START + slow.room_ns, START, &after));
    assert_int_equal(gcra_of(4000000000, SECOND, 1).step_ns, 1);
    assert_int_equal(gcra_of(3, SECOND, 1).step_ns, 333333334); /* up: never more than the rate */
}

static uint64_t key_of(uint64_t n)
{
    return hash_bytes(&n, sizeof(n), 77);
}

static void keys_are_told_apart(void **state)
{
    (void)state;
    struct keys *k = keys_new(1000, NULL, 2, false);
    bool evicted;
    for (uint64_t i = 0; i < 400; i++) {
        _Atomic int64_t *at = keys_find(k, key_of(i), START, &evicted);
        assert_int_equal(at[0], 0);
        at[0] = START + (int64_t)i + 1;
        at[KEYS_WAYS] = START + 2 * (int64_t)i + 1;
    }
    for (uint64_t i = 0; i < 400; i++) {
        _Atomic int64_t *at = keys_find(k, key_of(i), START, &evicted);
        assert_int_equal(at[0], START + (int64_t)i + 1);
        assert_int_equal(at[KEYS_WAYS], START + 2 * (int64_t)i + 1);
    }
    assert_int_equal(keys_count(k, START), 400);
    assert_int_equal(keys_count(k, START + 1000), 0);
    keys_free(k);
}

/* In one set: the ninth key takes the place of the one whose moment is oldest. */
static void the_oldest_leaves(void **state)
{
    (void)state;
    struct keys *k = keys_new(1, NULL, 1, false);
    bool evicted;
    for (uint64_t i = 0; i < KEYS_WAYS; i++)
        *keys_find(k, key_of(i), START, &evicted) = START + 100 + (i == 5 ? -50 : (int64_t)i);
    *keys_find(k, key_of(100), START, &evicted) = START + 200;
    assert_true(evicted);
    for (uint64_t i = 0; i < KEYS_WAYS; i++)
        if (i != 5)
            assert_int_equal(*keys_find(k, key_of(i), START, &evicted), START + 100 + (int64_t)i);
    /* What has passed is free: nobody loses anything. */
    keys_find(k, key_of(101), START + 101, &evicted);
    assert_false(evicted);
    keys_free(k);
}

static void a_key_takes_few_bytes(void **state)
{
    (void)state;
    assert_true(keys_bytes(1000000, 1, false) < 33 * UINT64_C(1000000));
    assert_true(keys_bytes(1000000, 4, false) < 100 * UINT64_C(1000000));
    struct keys *k = keys_new(1000000, NULL, 1, false);
    bool evicted;
    uint64_t lost = 0;
    for (uint64_t i = 0; i < 1000000; i++) {
        *keys_find(k, key_of(i), START, &evicted) = START + HOUR;
        lost += evicted;
    }
    assert_true(lost < 10000); /* in sets that more of them come to than there is room for */
    const uint64_t n = keys_count(k, START); /* a part of the sets tells of all */
    assert_true(n > 990000 - lost && n < 1010000 - lost);
    keys_free(k);
}

/* However much room there is for others. */
static void holds_are_counted_exactly(void **state)
{
    (void)state;
    struct keys *k = keys_new(2000000, NULL, 0, true);
    _Atomic int64_t *at[100];
    bool evicted;
    for (uint64_t i = 0; i < 100; i++)
        assert_int_equal(keys_hold(k, key_of(i), 1, START, &at[i], &evicted), KEYS_HELD);
    assert_int_equal(keys_hold(k, key_of(7), 1, START, &at[7], &evicted), KEYS_FULL);
    assert_int_equal(keys_holds(k), 100);
    for (uint64_t i = 0; i < 100; i++)
        keys_let_go(k, at[i]);
    assert_int_equal(keys_holds(k), 0);
    keys_free(k);
}

/* A million keys, Zipf with s = 1, in room for a tenth of them: of the requests of the hundred that
 * ask most, hardly any finds its key gone. */
static void hot_keys_stay(void **state)
{
    (void)state;
    enum { KEYS = 1000000, ROOM = 100000, REQUESTS = 2000000, HOT = 100 };
    double *sum = calloc(KEYS, sizeof(*sum)), all = 0;
    assert_non_null(sum);
    for (int i = 0; i < KEYS; i++)
        sum[i] = all += 1.0 / (i + 1);
    struct keys *k = keys_new(ROOM, NULL, 1, false);
    struct rng rng = {42};
    uint64_t hits = 0, hot = 0, hot_hits = 0;
    for (int64_t n = 0; n < REQUESTS; n++) {
        const double at = all * (double)(rng_next(&rng) >> 11) / 9007199254740992.0;
        int low = 0, high = KEYS - 1;
        while (low < high) {
            const int middle = (low + high) / 2;
            if (sum[middle] < at)
                low = middle + 1;
            else
                high = middle;
        }
        bool evicted;
        const int64_t now = START + n * 10000; /* 100,000 a second */
        _Atomic int64_t *moment = keys_find(k, key_of((uint64_t)low), now, &evicted);
        const bool hit = *moment != 0;
        int64_t after;
        if (gcra_take(gcra_of(10, SECOND, 100), *moment, now, &after))
            *moment = after;
        hits += hit;
        hot += low < HOT;
        hot_hits += low < HOT && hit;
    }
    print_message(
        "Zipf: %.1f %% of all requests found their key, %.3f %% of the %d hottest keys'\n",
        100.0 * (double)hits / REQUESTS, 100.0 * (double)hot_hits / (double)hot, HOT);
    assert_true(hits > REQUESTS / 100 * 70);
    assert_true(hot_hits > hot / 1000 * 999);
    keys_free(k);
    free(sum);
}

/* While somebody holds a place no other key gets it, whatever else has passed. */
static void what_is_held_stays(void **state)
{
    (void)state;
    struct keys *k = keys_new(1, NULL, 1, true);
    _Atomic int64_t *at[KEYS_WAYS], *other;
    bool evicted;
    for (uint64_t i = 0; i < KEYS_WAYS; i++) {
        assert_int_equal(keys_hold(k, key_of(i), 2, START, &at[i], &evicted), KEYS_HELD);
        *at[i] = START + HOUR;
    }
    assert_int_equal(keys_hold(k, key_of(3), 2, START, &other, &evicted), KEYS_HELD);
    assert_ptr_equal(other, at[3]);
    assert_int_equal(keys_hold(k, key_of(3), 2, START, &other, &evicted), KEYS_FULL);
    assert_int_equal(keys_hold(k, key_of(99), 2, START, &other, &evicted), KEYS_NO_PLACE);
    assert_null(keys_find(k, key_of(99), START, &evicted));
    assert_int_equal(keys_holds(k), KEYS_WAYS + 1);
    assert_int_equal(keys_count(k, START + DAY), KEYS_WAYS);
    keys_let_go(k, at[3]);
    assert_int_equal(keys_hold(k, key_of(99), 2, START, &other, &evicted), KEYS_NO_PLACE);
    keys_let_go(k, at[3]);
    assert_int_equal(keys_hold(k, key_of(99), 2, START, &other, &evicted), KEYS_HELD);
    assert_true(evicted);
    assert_ptr_equal(other, at[3]);
    assert_null(keys_seek(k, key_of(3)));
    assert_int_equal(*other, 0);
    keys_let_go(k, other);
    for (uint64_t i = 0; i < KEYS_WAYS; i++)
        if (i != 3)
            keys_let_go(k, at[i]);
    assert_int_equal(keys_holds(k), 0);
    keys_free(k);
}

static struct table_limit limit_of(const struct table_rate *r, uint32_t n)
{
    static const struct table_limit_key by[] = {{.field = FIELD_SRC}};
    return (struct table_limit){.rate = r,
                                .n_rates = n,
                                .key = by,
                                .n_keys = 1,
                                .entries = 1000,
                                .shared = TABLE_NO_SHARED};
}

static void several_rates_hold_at_once(void **state)
{
    (void)state;
    const struct table_rate r[] = {rate(5, MINUTE, 5), rate(60, HOUR, 60)};
    const struct table_limit spec = limit_of(r, 2);
    struct limiter *l = limiter_new(&spec, 1, 1, 0);
    uint32_t n = 0, by[2] = {0};
    for (int64_t now = START; now < START + HOUR; now += SECOND) {
        const struct limiter_answer a = limiter_ask(l, &spec, 1, 0, now);
        n += a.admitted;
        if (!a.admitted)
            by[a.rate]++;
    }
    /* The minute's 5 and then 5 a minute; until the hour's 60 and what came back are spent. */
    assert_in_range(n, 60, 60 + 60);
    assert_true(by[0] > 0 && by[1] > 0);
    assert_int_equal(l->counts[0].admitted, n);
    assert_int_equal(l->counts[0].refused, 3600 - n);
    limiter_unpin(l);
}

/* What the second rate refuses has not been taken from the first. */
static void a_refusal_costs_nothing(void **state)
{
    (void)state;
    const struct table_rate r[] = {rate(100, HOUR, 100), rate(1, SECOND, 1)};
    const struct table_limit spec = limit_of(r, 2);
    struct limiter *l = limiter_new(&spec, 1, 1, 0);
    for (int i = 0; i < 1000; i++)
        (void)limiter_ask(l, &spec, 1, 0, START);
    uint32_t n = 0;
    for (int64_t i = 1; i < 90; i++)
        n += limiter_ask(l, &spec, 1, 0, START + i * SECOND).admitted;
    assert_int_equal(n, 89);
    limiter_unpin(l);
}

static void windows_and_moments_together(void **state)
{
    (void)state;
    struct table_rate r[] = {rate(5, DAY, 5), rate(2, SECOND, 2)};
    r[0].windows = true;
    const struct table_limit spec = limit_of(r, 2);
    struct limiter *l = limiter_new(&spec, 1, 1, 6 * HOUR);
    uint32_t n = 0, by[2] = {0};
    for (int i = 0; i < 4; i++) {
        const struct limiter_answer a = limiter_ask(l, &spec, 1, 0, START);
        n += a.admitted;
        by[a.rate % 2] += !a.admitted;
    }
    assert_int_equal(n, 2); /* what the second refused has not been taken from the first */
    assert_int_equal(by[1], 2);
    for (int i = 1; i < 60; i++)
        n += limiter_ask(l, &spec, 1, 0, START + i * SECOND).admitted;
    assert_int_equal(n, 5);
    assert_int_equal(limiter_count(l, START + MINUTE), 1);
    const struct limiter_answer a = limiter_ask(l, &spec, 1, 0, START + HOUR);
    assert_false(a.admitted);
    assert_int_equal(a.rate, 0);
    assert_int_equal(a.wait_ns, DAY - (START + HOUR + 6 * HOUR)); /* the clock's midnight */
    assert_true(limiter_is_exceeded(l, &spec, 1, START + HOUR));
    assert_false(limiter_is_exceeded(l, &spec, 1, START + HOUR + a.wait_ns));
    assert_int_equal(limiter_count(l, START + 2 * DAY), 0);
    limiter_unpin(l);
}

static void observing_admits(void **state)
{
    (void)state;
    const struct table_rate r[] = {rate(1, HOUR, 1)};
    struct table_limit spec = limit_of(r, 1);
    spec.observe = true;
    struct limiter *l = limiter_new(&spec, 1, 1, 0);
    for (int i = 0; i < 10; i++)
        assert_true(limiter_ask(l, &spec, 1, 0, START).admitted);
    assert_int_equal(l->counts[0].admitted, 1);
    assert_int_equal(l->counts[0].observed, 9);
    assert_int_equal(l->counts[0].refused, 0);
    limiter_unpin(l);
}

static void so_many_are_in_flight(void **state)
{
    (void)state;
    const struct table_rate r[] = {rate(100, SECOND, 3)};
    struct table_limit spec = limit_of(r, 1);
    spec.concurrent = 2;
    struct limiter *l = limiter_new(&spec, 1, 1, 0);
    const struct limiter_answer a = limiter_ask(l, &spec, 1, 0, START),
                                b = limiter_ask(l, &spec, 1, 0, START);
    assert_true(a.admitted && a.held && b.admitted && b.held);
    struct limiter_answer c = limiter_ask(l, &spec, 1, 0, START);
    assert_false(c.admitted);
    assert_null(c.held);
    assert_int_equal(c.rate, 1); /* none of the rates */
    assert_int_equal(c.wait_ns, LIMITER_WAIT_NS);
    limiter_let_go(l, a.held);
    c = limiter_ask(l, &spec, 1, 0, START); /* the refusal has cost the rate nothing */
    assert_true(c.admitted && c.held);
    limiter_let_go(l, c.held);
    c = limiter_ask(l, &spec, 1, 0, START); /* nor does the rate's refusal hold anything */
    assert_false(c.admitted);
    assert_int_equal(c.rate, 0);
    limiter_let_go(l, b.held);
    assert_int_equal(keys_holds(l->keys), 0);
    limiter_unpin(l);
}

/* What would be refused is served, and is not in flight: it would not be. */
static void observing_holds_no_more_than_are_allowed(void **state)
{
    (void)state;
    struct table_limit spec = limit_of(NULL, 0);
    spec.concurrent = 1;
    spec.observe = true;
    struct limiter *l = limiter_new(&spec, 1, 1, 0);
    const struct limiter_answer a = limiter_ask(l, &spec, 1, 0, START),
                                b = limiter_ask(l, &spec, 1, 0, START);
    assert_true(a.held && b.admitted && !b.held);
    limiter_let_go(l, a.held);
    assert_int_equal(l->counts[0].observed, 1);
    assert_int_equal(keys_holds(l->keys), 0);
    limiter_unpin(l);
}

static void whether_it_is_exceeded_costs_nothing(void **state)
{
    (void)state;
    const struct table_rate r[] = {rate(10, SECOND, 2), rate(3, HOUR, 3)};
    struct table_limit spec = limit_of(r, 2);
    spec.concurrent = 3;
    struct limiter *l = limiter_new(&spec, 1, 1, 0);
    struct limiter_answer a[3];
    for (int i = 0; i < 5; i++)
        assert_false(limiter_is_exceeded(l, &spec, 1, START));
    assert_int_equal(keys_count(l->keys, START), 0);
    a[0] = limiter_ask(l, &spec, 1, 0, START);
    assert_false(limiter_is_exceeded(l, &spec, 1, START));
    a[1] = limiter_ask(l, &spec, 1, 0, START);
    assert_true(limiter_is_exceeded(l, &spec, 1, START));
    assert_false(limiter_is_exceeded(l, &spec, 2, START));
    assert_false(limiter_is_exceeded(l, &spec, 1, START + SECOND));
    a[2] = limiter_ask(l, &spec, 1, 0, START + SECOND);
    assert_true(limiter_is_exceeded(l, &spec, 1, START + MINUTE)); /* by the hour */
    assert_true(limiter_is_exceeded(l, &spec, 1, START + DAY));    /* by those in flight */
    for (int i = 0; i < 3; i++)
        limiter_let_go(l, a[i].held);
    assert_false(limiter_is_exceeded(l, &spec, 1, START + DAY));
    limiter_unpin(l);
}

static void what_fits_is_kept(void **state)
{
    (void)state;
    const struct table_rate r[] = {rate(5, MINUTE, 5)}, faster[] = {rate(9, MINUTE, 1)},
                            hourly[] = {rate(5, HOUR, 5)};
    const struct table_limit a = limit_of(r, 1), b = limit_of(faster, 1), c = limit_of(hourly, 1);
    struct table_limit other = a;
    static const struct table_limit_key host[] = {{.field = FIELD_HOST}};
    other.key = host;
    assert_true(limiter_fits(&a, &b));
    assert_false(limiter_fits(&a, &c));
    assert_false(limiter_fits(&a, &other));
    struct table_rate windows = hourly[0];
    windows.windows = true;
    const struct table_limit d = limit_of(&windows, 1);
    assert_false(limiter_fits(&c, &d));
    struct table_limit two = a, three = a;
    two.concurrent = 2;
    three.concurrent = 3;
    assert_true(limiter_fits(&two, &three));
    assert_false(limiter_fits(&a, &two));
}

/* Another process has the same clock, and another idea of how far UTC is ahead of it. */
static void who_takes_its_place_knows_what_is_spent(void **state)
{
    (void)state;
    struct table_rate r[] = {rate(5, MINUTE, 5), rate(100, DAY, 1)};
    r[1].windows = true;
    const struct table_limit spec = limit_of(r, 2);
    const int64_t utc_ns = 1000 * DAY + 5, other_ns = utc_ns + HOUR / 7;
    struct limiter *l = limiter_new(&spec, 1, 7, utc_ns),
                   *next = limiter_new(&spec, 1, 7, other_ns);
    for (int i = 0; i < 5; i++)
        assert_true(limiter_ask(l, &spec, key_of(1), 0, START).admitted);
    for (int i = 0; i < 3; i++)
        assert_true(limiter_ask(l, &spec, key_of(2), 0, START).admitted);
    const struct limiter_answer refused = limiter_ask(l, &spec, key_of(1), 0, START + 1000);
    assert_false(refused.admitted);

    uint64_t all[8 * 3], at = 0, n = 0;
    while (at != KEYS_WALK_END) {
        const uint32_t some = limiter_walk(l, &at, START + 1000, all, 8);
        for (uint32_t i = 0; i < some; i++)
            assert_true(
                limiter_recall(next, &spec, &all[(size_t)i * 3], utc_ns - other_ns, START + 1000));
        n += some;
    }
    assert_int_equal(n, 2);
    const struct limiter_answer again = limiter_ask(next, &spec, key_of(1), 0, START + 1000);
    assert_false(again.admitted);
    assert_in_range(again.wait_ns, refused.wait_ns - 1000,
                    refused.wait_ns); /* to the microsecond */
    for (int i = 0; i < 2; i++)
        assert_true(limiter_ask(next, &spec, key_of(2), 0, START + 1000).admitted);
    assert_false(limiter_ask(next, &spec, key_of(2), 0, START + 1000).admitted);
    struct rate_view view[2];
    limiter_view(next, &spec, key_of(1), 0, START + 1000, view);
    assert_int_equal(view[1].now, 5);
    limiter_unpin(l);
    limiter_unpin(next);
}

static void numbers_that_nobody_could_have_spent_refuse_nobody_for_ever(void **state)
{
    (void)state;
    const struct table_rate r[] = {rate(5, MINUTE, 5)};
    const struct table_limit spec = limit_of(r, 1);
    struct limiter *l = limiter_new(&spec, 1, 7, 0);
    static const uint64_t bad[] = {UINT64_MAX, (uint64_t)INT64_MAX, (uint64_t)INT64_MIN};
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        const uint64_t one[] = {key_of(i), bad[i]};
        assert_true(limiter_recall(l, &spec, one, INT64_MAX, START));
        assert_true(limiter_recall(l, &spec, one, 0, START));
        assert_true(limiter_ask(l, &spec, key_of(i), 0, START).admitted);
    }
    limiter_unpin(l);
}

#define ASKERS  4u
#define ASKINGS 50000u

struct asker {
    struct limiter *limiter;
    const struct table_limit *spec;
    uint32_t worker;
    uint32_t admitted;
};

static void *ask(void *of)
{
    struct asker *a = of;
    struct rng rng = {a->worker + 1};
    for (uint32_t i = 0; i < ASKINGS; i++) {
        a->admitted += limiter_ask(a->limiter, a->spec, key_of(0), a->worker, START).admitted;
        (void)limiter_ask(a->limiter, a->spec, rng_next(&rng), a->worker, START);
    }
    return NULL;
}

/* Workers at once, one key of theirs among many that come and go in other sets and in its own. */
static void workers_count_together(void **state)
{
    (void)state;
    const struct table_rate r[] = {rate(1000, HOUR, 1000)};
    struct table_limit spec = limit_of(r, 1);
    spec.entries = 1000000;
    struct limiter *l = limiter_new(&spec, ASKERS, 1, 0);
    struct asker asker[ASKERS];
    pthread_t thread[ASKERS];
    for (uint32_t i = 0; i < ASKERS; i++) {
        asker[i] = (struct asker){l, &spec, i, 0};
        assert_int_equal(pthread_create(&thread[i], NULL, ask, &asker[i]), 0);
    }
    uint32_t n = 0;
    for (uint32_t i = 0; i < ASKERS; i++) {
        pthread_join(thread[i], NULL);
        n += asker[i].admitted;
    }
    assert_int_equal(n, 1000);
    limiter_unpin(l);
}

/* Whether there is place among more keys than there are places, again and again. */
static void *hold_and_let_go(void *of)
{
    enum { AT_ONCE = 3, KEYS = 40 };
    struct asker *a = of;
    struct rng rng = {a->worker + 1};
    _Atomic int64_t *held[AT_ONCE] = {0};
    for (uint32_t i = 0; i < ASKINGS; i++) {
        _Atomic int64_t **slot = &held[i % AT_ONCE];
        if (*slot)
            limiter_let_go(a->limiter, *slot);
        const uint64_t key = key_of(rng_next(&rng) % KEYS);
        *slot = limiter_ask(a->limiter, a->spec, key, a->worker, START + i).held;
        bool evicted;
        if (*slot && keys_find(a->limiter->keys, key, START + i, &evicted) != *slot)
            a->admitted++; /* what is held is its key's */
    }
    for (uint32_t i = 0; i < AT_ONCE; i++)
        if (held[i])
            limiter_let_go(a->limiter, held[i]);
    return NULL;
}

static void workers_lose_no_hold(void **state)
{
    (void)state;
    struct table_limit spec = limit_of(NULL, 0);
    spec.concurrent = 3;
    spec.entries = 4; /* one set */
    struct limiter *l = limiter_new(&spec, ASKERS, 1, 0);
    struct asker asker[ASKERS];
    pthread_t thread[ASKERS];
    for (uint32_t i = 0; i < ASKERS; i++) {
        asker[i] = (struct asker){l, &spec, i, 0};
        assert_int_equal(pthread_create(&thread[i], NULL, hold_and_let_go, &asker[i]), 0);
    }
    for (uint32_t i = 0; i < ASKERS; i++) {
        pthread_join(thread[i], NULL);
        assert_int_equal(asker[i].admitted, 0);
    }
    assert_int_equal(keys_holds(l->keys), 0);
    assert_int_equal(keys_count(l->keys, START), 0);
    limiter_unpin(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_are_the_arithmetic),
        cmocka_unit_test(every_window_holds),
        cmocka_unit_test(whoever_waits_as_told_is_admitted),
        cmocka_unit_test(numbers_at_the_edge),
        cmocka_unit_test(keys_are_told_apart),
        cmocka_unit_test(the_oldest_leaves),
        cmocka_unit_test(a_key_takes_few_bytes),
        cmocka_unit_test(holds_are_counted_exactly),
        cmocka_unit_test(hot_keys_stay),
        cmocka_unit_test(what_is_held_stays),
        cmocka_unit_test(several_rates_hold_at_once),
        cmocka_unit_test(a_refusal_costs_nothing),
        cmocka_unit_test(windows_and_moments_together),
        cmocka_unit_test(observing_admits),
        cmocka_unit_test(so_many_are_in_flight),
        cmocka_unit_test(observing_holds_no_more_than_are_allowed),
        cmocka_unit_test(whether_it_is_exceeded_costs_nothing),
        cmocka_unit_test(what_fits_is_kept),
        cmocka_unit_test(who_takes_its_place_knows_what_is_spent),
        cmocka_unit_test(numbers_that_nobody_could_have_spent_refuse_nobody_for_ever),
        cmocka_unit_test(workers_count_together),
        cmocka_unit_test(workers_lose_no_hold),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

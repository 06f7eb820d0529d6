#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <pthread.h>

#include "runtime/limit/throttle.h"

#define SECOND INT64_C(1000000000)
#define START  (3600 * SECOND)

/* A thousand bytes in a second to clients, a hundred at once. */
static struct table_limit limit_of(enum table_limit_per per)
{
    static const struct table_limit_key src[] = {{.field = FIELD_SRC}};
    return (struct table_limit){.name = SLICE_INIT("l"),
                                .bytes = true,
                                .download = {1000, 100},
                                .per = per,
                                .key = src,
                                .n_keys = per == PER_KEY,
                                .entries = 100,
                                .v4_bits = 32,
                                .v6_bits = 64,
                                .shared = TABLE_NO_SHARED};
}

/* By the key `hash`, of worker 0. */
static struct throttle begin(struct limiter *l, const struct table_limit *spec, uint64_t hash)
{
    struct throttle t;
    throttle_begin(&t, l, spec, hash, 0, START);
    return t;
}

/* How long a hundred bytes to the client have to wait. */
static int64_t wait(struct throttle *t)
{
    return throttle_take(t, THROTTLE_DOWN, 100, START) - START;
}

static void those_of_a_key_share_it(void **state)
{
    (void)state;
    const struct table_limit spec = limit_of(PER_KEY);
    struct limiter *l = limiter_new(&spec, 1, 1, 5 * START);
    struct throttle a = begin(l, &spec, 7), b = begin(l, &spec, 7), c = begin(l, &spec, 8);
    assert_int_equal(wait(&a), 0);
    assert_int_equal(wait(&b), SECOND / 10);
    assert_int_equal(wait(&a), 2 * SECOND / 10);
    assert_int_equal(wait(&c), 0);
    throttle_end(&a);
    assert_int_equal(wait(&b), 3 * SECOND / 10);
    throttle_end(&b);
    struct throttle again = begin(l, &spec, 7); /* it is remembered */
    assert_int_equal(wait(&again), 4 * SECOND / 10);
    throttle_end(&again);
    throttle_end(&c);
    assert_int_equal(keys_holds(l->keys), 0);
    assert_int_equal(l->counts[0].admitted, 4);
    limiter_unpin(l);
}

static void what_is_given_back_is_the_next_ones(void **state)
{
    (void)state;
    const struct table_limit spec = limit_of(PER_KEY);
    struct limiter *l = limiter_new(&spec, 1, 1, 0);
    struct throttle a = begin(l, &spec, 7), b = begin(l, &spec, 7);
    assert_int_equal(wait(&a), 0);
    throttle_give(&a, THROTTLE_DOWN, 60);
    assert_int_equal(wait(&b), 4 * SECOND / 100);
    throttle_end(&a);
    throttle_end(&b);
    limiter_unpin(l);
}

static void each_request_for_itself(void **state)
{
    (void)state;
    const struct table_limit spec = limit_of(PER_REQUEST);
    struct limiter *l = limiter_new(&spec, 1, 1, 0);
    struct throttle a = begin(l, &spec, 7), b = begin(l, &spec, 7);
    assert_int_equal(wait(&a), 0);
    assert_int_equal(wait(&a), SECOND / 10);
    assert_int_equal(wait(&b), 0);
    assert_int_equal(keys_holds(l->keys), 0);
    throttle_end(&a);
    throttle_end(&b);
    limiter_unpin(l);
}

static void a_way_that_has_no_limit_waits_for_nothing(void **state)
{
    (void)state;
    const struct table_limit spec = limit_of(PER_KEY);
    struct limiter *l = limiter_new(&spec, 1, 1, 0);
    struct throttle a = begin(l, &spec, 7);
    assert_true(throttle_piece(&a, THROTTLE_UP) == UINT64_MAX);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(throttle_take(&a, THROTTLE_UP, 100, START), START);
    assert_int_equal(wait(&a), 0); /* and takes nothing from the other */
    throttle_end(&a);
    limiter_unpin(l);
}

/* Whoever finds no place has the whole of it for itself: nobody goes without a limit. */
static void without_a_place_the_number_is_its_own(void **state)
{
    (void)state;
    struct table_limit spec = limit_of(PER_KEY);
    spec.entries = 1; /* one set of places */
    struct limiter *l = limiter_new(&spec, 1, 1, 0);
    struct throttle t[KEYS_WAYS + 1];
    for (uint32_t i = 0; i <= KEYS_WAYS; i++)
        throttle_begin(&t[i], l, &spec, 100 + i, 0, START);
    assert_non_null(t[KEYS_WAYS - 1].held);
    assert_null(t[KEYS_WAYS].held);
    assert_int_equal(l->counts[0].evicted, 1);
    assert_int_equal(wait(&t[KEYS_WAYS]), 0);
    assert_int_equal(wait(&t[KEYS_WAYS]), SECOND / 10);
    for (uint32_t i = 0; i <= KEYS_WAYS; i++)
        throttle_end(&t[i]);
    limiter_unpin(l);
}

static void what_fits_is_kept(void **state)
{
    (void)state;
    const struct table_limit a = limit_of(PER_KEY), connection = limit_of(PER_CONNECTION);
    struct table_limit faster = a, both = a, requests = a;
    faster.download = (struct table_bandwidth){5000, 5000};
    both.upload = (struct table_bandwidth){10, 10};
    requests.bytes = false;
    requests.concurrent = 1;
    assert_true(limiter_fits(&a, &both));
    assert_true(limiter_fits(&both, &a));
    assert_false(limiter_fits(&a, &faster));
    assert_false(limiter_fits(&a, &connection));
    assert_false(limiter_fits(&a, &requests));

    struct limiter *l = limiter_new(&a, 1, 1, 0);
    struct throttle before = begin(l, &a, 7);
    assert_int_equal(wait(&before), 0);
    struct throttle after = begin(l, &both, 7);
    assert_int_equal(throttle_take(&after, THROTTLE_UP, 10, START), START);
    assert_int_equal(wait(&after), SECOND / 10);
    throttle_end(&before);
    throttle_end(&after);
    limiter_unpin(l);
}

static void its_memory_is_said(void **state)
{
    (void)state;
    const struct table_limit key = limit_of(PER_KEY), connection = limit_of(PER_CONNECTION),
                             request = limit_of(PER_REQUEST);
    assert_int_equal(limiter_bytes(&key), keys_bytes(100, THROTTLE_WAYS, true));
    assert_int_equal(limiter_bytes(&connection), limiter_bytes(&key));
    assert_int_equal(limiter_bytes(&request), keys_bytes(1, THROTTLE_WAYS, true));
}

#define THREADS 4
#define TURNS   20000

struct crowd {
    struct limiter *l;
    const struct table_limit *spec;
    uint32_t worker;
    int64_t last_ns;
};

static void *take_turns(void *of)
{
    struct crowd *c = of;
    struct throttle t;
    throttle_begin(&t, c->l, c->spec, 7, c->worker, START);
    for (int i = 0; i < TURNS; i++) {
        const int64_t turn_ns = throttle_take(&t, THROTTLE_DOWN, 100, START);
        throttle_give(&t, THROTTLE_DOWN, 50);
        c->last_ns = turn_ns > c->last_ns ? turn_ns : c->last_ns;
    }
    throttle_end(&t);
    return NULL;
}

/* Of several workers none takes what another has taken. */
static void nothing_is_lost_between_workers(void **state)
{
    (void)state;
    const struct table_limit spec = limit_of(PER_KEY);
    struct limiter *l = limiter_new(&spec, THREADS, 1, 0);
    struct crowd crowd[THREADS];
    pthread_t thread[THREADS];
    for (uint32_t i = 0; i < THREADS; i++) {
        crowd[i] = (struct crowd){l, &spec, i, 0};
        assert_int_equal(pthread_create(&thread[i], NULL, take_turns, &crowd[i]), 0);
    }
    for (uint32_t i = 0; i < THREADS; i++)
        pthread_join(thread[i], NULL);
    struct throttle t = begin(l, &spec, 7);
    const int64_t bytes = (int64_t)50 * THREADS * TURNS;
    assert_int_equal(wait(&t), bytes * (SECOND / 1000));
    throttle_end(&t);
    assert_int_equal(keys_holds(l->keys), 0);
    limiter_unpin(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(those_of_a_key_share_it),
        cmocka_unit_test(what_is_given_back_is_the_next_ones),
        cmocka_unit_test(each_request_for_itself),
        cmocka_unit_test(a_way_that_has_no_limit_waits_for_nothing),
        cmocka_unit_test(without_a_place_the_number_is_its_own),
        cmocka_unit_test(what_fits_is_kept),
        cmocka_unit_test(its_memory_is_said),
        cmocka_unit_test(nothing_is_lost_between_workers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

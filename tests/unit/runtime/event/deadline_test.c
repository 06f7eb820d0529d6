#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "runtime/base/rng.h"
#include "runtime/event/deadline.h"

static void what_was_set_expires_at_its_time_and_once(void **state)
{
    (void)state;
    struct deadlines all = {0};
    struct deadline d = {0};
    deadline_set(&all, &d, 10, 100);
    assert_null(deadlines_expired(&all, 109));
    assert_ptr_equal(deadlines_expired(&all, 110), &d);
    assert_int_equal(d.at_ns, 0);
    assert_null(deadlines_expired(&all, 1000));
    deadlines_done(&all);
}

static void setting_again_replaces_and_clearing_forgets(void **state)
{
    (void)state;
    struct deadlines all = {0};
    struct deadline d = {0};
    deadline_set(&all, &d, 10, 100);
    deadline_set(&all, &d, 500, 100); /* of another duration */
    assert_null(deadlines_expired(&all, 599));
    deadline_set(&all, &d, 10, 599); /* and back */
    assert_null(deadlines_expired(&all, 608));
    deadline_clear(&d);
    deadline_clear(&d);
    assert_null(deadlines_expired(&all, 10000));
    deadlines_done(&all);
}

static void an_expired_one_may_be_set_anew_at_once(void **state)
{
    (void)state;
    struct deadlines all = {0};
    struct deadline a = {0}, b = {0};
    deadline_set(&all, &a, 10, 0);
    deadline_set(&all, &b, 10, 0);
    assert_ptr_equal(deadlines_expired(&all, 10), &a);
    deadline_set(&all, &a, 10, 10);
    assert_ptr_equal(deadlines_expired(&all, 10), &b);
    assert_null(deadlines_expired(&all, 10));
    assert_ptr_equal(deadlines_expired(&all, 20), &a);
    deadlines_done(&all);
}

static void forgetting_all_leaves_none_set(void **state)
{
    (void)state;
    struct deadlines all = {0};
    struct deadline d[5] = {0};
    for (int i = 0; i < 5; i++)
        deadline_set(&all, &d[i], 1 + i % 2, 0);
    deadlines_done(&all);
    for (int i = 0; i < 5; i++)
        assert_int_equal(d[i].at_ns, 0);
}

static void durations_that_nothing_waits_for_do_not_pile_up(void **state)
{
    (void)state;
    struct deadlines all = {0};
    struct deadline d = {0};
    for (int64_t duration_ns = 1; duration_ns <= 10000; duration_ns++)
        deadline_set(&all, &d, duration_ns, 0);
    assert_in_range(all.queue.n, 1, 2);
    deadlines_done(&all);
}

#define N 40

/* What should be: the same, kept naively as a time for each. */
struct model {
    int64_t at_ns[N];
};

static bool model_take(struct model *m, size_t i, int64_t now_ns)
{
    const bool expired = m->at_ns[i] != 0 && m->at_ns[i] <= now_ns;
    if (expired)
        m->at_ns[i] = 0;
    return expired;
}

static void expire(struct deadlines *all, struct deadline *d, struct model *m, int64_t now_ns,
                   uint64_t seed)
{
    for (struct deadline *gone; (gone = deadlines_expired(all, now_ns));)
        if (!model_take(m, (size_t)(gone - d), now_ns))
            fail_msg("seed %d: one that was not due expired", (int)seed);
    for (size_t i = 0; i < N; i++)
        if (model_take(m, i, now_ns))
            fail_msg("seed %d: one that was due did not expire", (int)seed);
}

static void any_history_agrees_with_a_naive_model(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        static const int64_t duration_ns[] = {1, 5, 5000, 30, 7, 100, 2, 61};
        struct rng rng = {seed};
        struct deadlines all = {0};
        struct deadline d[N] = {0};
        struct model m = {0};
        int64_t now_ns = 1;
        for (int step = 0; step < 5000; step++) {
            const size_t i = rng_below(&rng, N);
            switch (rng_below(&rng, 4)) {
            case 0:
                deadline_clear(&d[i]);
                m.at_ns[i] = 0;
                break;
            case 1:
                now_ns += rng_below(&rng, 20);
                expire(&all, d, &m, now_ns, seed);
                break;
            default: {
                const int64_t ns = duration_ns[rng_below(&rng, COUNT_OF(duration_ns))];
                deadline_set(&all, &d[i], ns, now_ns);
                m.at_ns[i] = now_ns + ns;
            }
            }
        }
        expire(&all, d, &m, INT64_MAX, seed);
        deadlines_done(&all);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_set_expires_at_its_time_and_once),
        cmocka_unit_test(setting_again_replaces_and_clearing_forgets),
        cmocka_unit_test(an_expired_one_may_be_set_anew_at_once),
        cmocka_unit_test(forgetting_all_leaves_none_set),
        cmocka_unit_test(durations_that_nothing_waits_for_do_not_pile_up),
        cmocka_unit_test(any_history_agrees_with_a_naive_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The retry budget, over simulated time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "runtime/base/clock.h"
#include "runtime/base/rng.h"
#include "runtime/upstream/retry_budget.h"

static struct retry_budget budget;

static int set_up(void **state)
{
    (void)state;
    memset(&budget, 0, sizeof(budget));
    return 0;
}

/* So many of `n` retries at once are allowed. */
static unsigned take(unsigned n, uint32_t percent, int64_t now_ns)
{
    unsigned taken = 0;
    for (unsigned i = 0; i < n; i++)
        taken += retry_budget_take(&budget, percent, now_ns);
    return taken;
}

static void requests(unsigned n, int64_t now_ns)
{
    for (unsigned i = 0; i < n; i++)
        retry_budget_note(&budget, now_ns);
}

static void test_a_few_are_always_allowed(void **state)
{
    (void)state;
    assert_int_equal(take(100, 20, 0), RETRY_BUDGET_RESERVE);
}

static void test_a_part_of_the_requests_may_be_retries(void **state)
{
    (void)state;
    requests(1000, NS_PER_S);
    assert_int_equal(take(1000, 20, NS_PER_S), 200 + RETRY_BUDGET_RESERVE);
    assert_int_equal(take(10, 20, NS_PER_S), 0);
    requests(5, NS_PER_S);
    assert_int_equal(take(10, 20, NS_PER_S), 1);
}

static void test_what_was_refused_is_not_counted(void **state)
{
    (void)state;
    assert_int_equal(take(1000, 20, 0), RETRY_BUDGET_RESERVE);
    requests(100, 0);
    assert_int_equal(take(1000, 20, 0), 20);
}

static void test_the_window_before_counts_and_older_ones_do_not(void **state)
{
    (void)state;
    const int64_t w = RETRY_BUDGET_WINDOW_NS;
    requests(1000, 0);
    assert_int_equal(take(150, 20, w - 1), 150);
    assert_int_equal(take(1000, 20, w), 60); /* what the first window left */
    assert_int_equal(take(1000, 20, 2 * w - 1), 0);
    /* The first window's requests and retries are forgotten; the second's 60 retries are not. */
    assert_int_equal(take(1000, 20, 2 * w), 0);
    assert_int_equal(take(1000, 20, 3 * w), RETRY_BUDGET_RESERVE);
    assert_int_equal(take(1000, 20, 100 * w), RETRY_BUDGET_RESERVE);
}

/* An outage: every request fails and asks for two more tries, at rates that change. */
static void test_an_outage_costs_a_fifth_more_and_no_storm(void **state)
{
    (void)state;
    struct rng rng = {17};
    uint64_t came = 0, again = 0;
    int64_t now_ns = 0;
    for (int i = 0; i < 200000; i++) {
        now_ns += (int64_t)(rng_next(&rng) % (i % 40000 < 20000 ? 2 : 40)) * NS_PER_MS;
        retry_budget_note(&budget, now_ns);
        came++;
        again += take(2, 20, now_ns);
    }
    /* The reserve comes anew with each window at most. */
    const uint64_t windows = (uint64_t)(now_ns / RETRY_BUDGET_WINDOW_NS) + 1;
    assert_true(again <= came / 5 + windows * RETRY_BUDGET_RESERVE);
    assert_true(again >= came / 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_a_few_are_always_allowed, set_up),
        cmocka_unit_test_setup(test_a_part_of_the_requests_may_be_retries, set_up),
        cmocka_unit_test_setup(test_what_was_refused_is_not_counted, set_up),
        cmocka_unit_test_setup(test_the_window_before_counts_and_older_ones_do_not, set_up),
        cmocka_unit_test_setup(test_an_outage_costs_a_fifth_more_and_no_storm, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdbool.h>
#include <string.h>

#include "runtime/metrics/metrics.h"

static const struct metric_info *find(const char *name)
{
    for (size_t i = 0; i < metric_count; i++)
        if (strcmp(metric_info[i].name, name) == 0)
            return &metric_info[i];
    fail_msg("there is no %s", name);
    return NULL;
}

static void the_list_covers_the_block_exactly(void **state)
{
    (void)state;
    assert_int_equal(metric_count * sizeof(int64_t), sizeof(struct metrics));
    for (size_t i = 0; i < metric_count; i++) {
        assert_int_equal(metric_info[i].offset, i * sizeof(int64_t));
        assert_in_range(strlen(metric_info[i].help), 1, 64); /* `show info` has 100 columns */
        assert_true(strlen(metric_info[i].unit) > 0);
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(metric_info[i].name, metric_info[j].name);
    }
}

static void byte_counts_are_named_so(void **state)
{
    (void)state;
    for (size_t i = 0; i < metric_count; i++) {
        const size_t len = strlen(metric_info[i].name);
        const bool named = len > 6 && strcmp(metric_info[i].name + len - 6, "_bytes") == 0;
        assert_int_equal(named, strcmp(metric_info[i].unit, "bytes") == 0);
    }
}

static void a_sum_is_over_all_blocks(void **state)
{
    (void)state;
    struct metrics a = {0}, b = {0};
    const struct metrics *const both[] = {&a, &b};
    METRIC_ADD(a.requests_total, 5);
    METRIC_ADD(b.requests_total, 7);
    METRIC_ADD(b.connections_open, 1);
    METRIC_ADD(a.connections_open, -1); /* a gauge may fall in another block than it rose */
    assert_int_equal(metrics_sum(both, 2, find("requests_total")), 12);
    assert_int_equal(metrics_sum(both, 1, find("requests_total")), 5);
    assert_int_equal(metrics_sum(both, 0, find("requests_total")), 0);
    assert_int_equal(metrics_sum(both, 2, find("connections_open")), 0);
    assert_int_equal(metrics_sum(both, 2, find("retries")), 0);
}

#define ADDED 300000

static void *add_all(void *arg)
{
    struct metrics *m = arg;
    for (int i = 0; i < ADDED; i++)
        METRIC_ADD(m->requests_total, 1);
    return NULL;
}

static void a_reader_sees_counters_only_grow(void **state)
{
    (void)state;
    static struct metrics block[2];
    const struct metrics *const both[] = {&block[0], &block[1]};
    pthread_t worker[2];
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&worker[i], NULL, add_all, &block[i]), 0);
    int64_t before = 0;
    while (before < 2 * ADDED) {
        const int64_t now = metrics_sum(both, 2, find("requests_total"));
        assert_true(now >= before && now <= 2 * ADDED);
        before = now;
    }
    for (size_t i = 0; i < 2; i++)
        pthread_join(worker[i], NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_list_covers_the_block_exactly),
        cmocka_unit_test(byte_counts_are_named_so),
        cmocka_unit_test(a_sum_is_over_all_blocks),
        cmocka_unit_test(a_reader_sees_counters_only_grow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

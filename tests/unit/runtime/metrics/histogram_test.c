/* Which bucket a time falls into, and what can be said of many. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "runtime/base/check.h"
#include "runtime/metrics/histogram.h"

static void a_time_falls_below_the_end_of_its_bucket(void **state)
{
    (void)state;
    static const struct {
        uint64_t ns;
        uint32_t bucket;
    } ROW[] = {{0, 0},           {1, 0},           {32767, 0},
               {32768, 1},       {65535, 1},       {65536, 2},
               {1000000, 5},     {1ull << 34, 20}, {(1ull << 35) - 1, 20},
               {1ull << 35, 21}, {UINT64_MAX, 21}};
    for (size_t i = 0; i < COUNT_OF(ROW); i++) {
        assert_int_equal(histogram_bucket(ROW[i].ns), ROW[i].bucket);
        assert_true(ROW[i].ns < histogram_end(ROW[i].bucket) || ROW[i].ns == UINT64_MAX);
        assert_true(ROW[i].bucket == 0 || ROW[i].ns >= histogram_end(ROW[i].bucket - 1));
    }
}

static struct histogram_sum of(const int64_t *ns, size_t n)
{
    static struct histogram h;
    memset(&h, 0, sizeof(h));
    for (size_t i = 0; i < n; i++)
        histogram_add(&h, ns[i]);
    struct histogram_sum sum = {.sum_ns = 0};
    histogram_read(&h, &sum);
    return sum;
}

static void what_is_added_is_there_once(void **state)
{
    (void)state;
    const int64_t ns[] = {-5, 0, 40000, 50000, INT64_C(1) << 40};
    struct histogram_sum sum = of(ns, COUNT_OF(ns));
    assert_int_equal(histogram_count(&sum), 5);
    assert_int_equal(sum.sum_ns, 90000 + (INT64_C(1) << 40));
    assert_int_equal(sum.bucket[0], 2);
    assert_int_equal(sum.bucket[1], 2);
    assert_int_equal(sum.bucket[HISTOGRAM_BUCKETS - 1], 1);
    const struct histogram_sum before = sum;
    histogram_join(&sum, &before);
    assert_int_equal(histogram_count(&sum), 10);
    const struct histogram_sum since = histogram_since(&sum, &before);
    assert_memory_equal(&since, &before, sizeof(since));
    const struct histogram_sum anew = histogram_since(&before, &sum);
    assert_memory_equal(&anew, &before, sizeof(anew)); /* it began again: all of it is new */
}

static void quantiles_are_within_their_bucket(void **state)
{
    (void)state;
    const struct histogram_sum none = {.sum_ns = 0};
    assert_true(histogram_quantile(&none, 0.5) < 0);
    int64_t ns[100];
    for (size_t i = 0; i < COUNT_OF(ns); i++)
        ns[i] = i < 90 ? 40000 : 5000000;
    const struct histogram_sum sum = of(ns, COUNT_OF(ns));
    const double median = histogram_quantile(&sum, 0.5), late = histogram_quantile(&sum, 0.99);
    assert_true(median > 32768 && median < 65536);
    assert_true(late > 4194304 && late < 8388608);
    assert_true(histogram_quantile(&sum, 0.9) <= 65536);
    assert_true(histogram_quantile(&sum, 1) <= 8388608);
    const int64_t longest[] = {INT64_C(1) << 40};
    const struct histogram_sum open = of(longest, 1);
    assert_true(histogram_quantile(&open, 0.99) >= (double)(INT64_C(1) << 34)); /* at least */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_time_falls_below_the_end_of_its_bucket),
        cmocka_unit_test(what_is_added_is_there_once),
        cmocka_unit_test(quantiles_are_within_their_bucket),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

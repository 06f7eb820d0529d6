#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "runtime/base/rng.h"

static void random_numbers_repeat_and_spread(void **state)
{
    (void)state;
    struct rng r = {.state = 0};
    assert_true(rng_next(&r) == UINT64_C(0xe220a8397b1dcdaf)); /* splitmix64's own first value */
    struct rng a = {.state = 5}, b = {.state = 5};
    unsigned seen[10] = {0};
    for (int i = 0; i < 10000; i++) {
        const uint32_t n = rng_below(&a, 10);
        assert_int_equal(n, rng_below(&b, 10));
        assert_true(n < 10);
        seen[n]++;
    }
    for (int i = 0; i < 10; i++)
        assert_in_range(seen[i], 850, 1150);
    assert_int_equal(rng_below(&a, 1), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(random_numbers_repeat_and_spread)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "runtime/base/vec.h"

static void arrays_grow(void **state)
{
    (void)state;
    VEC(uint64_t) v = {0};
    for (uint64_t i = 0; i < 10000; i++)
        VEC_ADD(&v, i * i);
    assert_int_equal(v.n, 10000);
    assert_true(v.room >= v.n);
    assert_int_equal(v.at[9999], 9999 * 9999);
    VEC_DONE(&v);
    assert_null(v.at);
    assert_int_equal(v.n, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(arrays_grow)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "runtime/tls/expiry.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "runtime/base/check.h"

#define DAY_S INT64_C(86400)

static void it_has_an_hour_for_each(void **state)
{
    (void)state;
    const struct {
        int64_t lifetime_s, soon_s, near_s; /* before its end */
    } row[] = {
        {90 * DAY_S, 14 * DAY_S, 3 * DAY_S},
        {398 * DAY_S, 14 * DAY_S, 3 * DAY_S},
        {6 * DAY_S, 6 * DAY_S / 5, 6 * DAY_S / 20}, /* those of some days are renewed so late */
        {100, 20, 5},
    };
    for (size_t i = 0; i < COUNT_OF(row); i++) {
        const int64_t from_s = INT64_C(1790000000), to_s = from_s + row[i].lifetime_s;
        const int64_t begins_s[] = {to_s - row[i].soon_s, to_s - row[i].near_s, to_s + 1};
        int64_t at_s = from_s - 5;
        for (enum expiry e = EXPIRY_FAR; e < EXPIRY_OVER; e++) {
            assert_int_equal(expiry_at(from_s, to_s, at_s), e);
            assert_int_equal(expiry_at(from_s, to_s, begins_s[e] - 1), e);
            assert_int_equal(expiry_next_s(from_s, to_s, at_s), begins_s[e]);
            at_s = begins_s[e];
        }
        assert_int_equal(expiry_at(from_s, to_s, at_s), EXPIRY_OVER);
        assert_true(expiry_next_s(from_s, to_s, at_s) == INT64_MAX);
    }
}

static void one_of_no_lifetime_is_over_at_once(void **state)
{
    (void)state;
    assert_int_equal(expiry_at(7, 7, 6), EXPIRY_FAR);
    assert_int_equal(expiry_at(7, 7, 7), EXPIRY_NEAR);
    assert_int_equal(expiry_at(7, 7, 8), EXPIRY_OVER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_has_an_hour_for_each),
        cmocka_unit_test(one_of_no_lifetime_is_over_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

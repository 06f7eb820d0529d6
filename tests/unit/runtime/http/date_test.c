#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <string.h>
#include <time.h>

#include "runtime/base/check.h"
#include "runtime/base/rng.h"
#include "runtime/http/date.h"

static const struct {
    const char *says;
    int64_t wall_s;
    const char *is;
} rows[] = {
    /* clang-format off */
    {"the example of RFC 9110",    784111777,    "Sun, 06 Nov 1994 08:49:37 GMT"},
    {"the beginning",              0,            "Thu, 01 Jan 1970 00:00:00 GMT"},
    {"a second before",            -1,           "Wed, 31 Dec 1969 23:59:59 GMT"},
    {"a leap day",                 951782400,    "Tue, 29 Feb 2000 00:00:00 GMT"},
    {"none in 2100",               4107542400,   "Mon, 01 Mar 2100 00:00:00 GMT"},
    {"the last second of a year",  1735689599,   "Tue, 31 Dec 2024 23:59:59 GMT"},
    {"beyond 32 bits",             2147483648,   "Tue, 19 Jan 2038 03:14:08 GMT"},
    {"the first that can be",      -62135596800, "Mon, 01 Jan 0001 00:00:00 GMT"},
    {"the last that can be",       253402300799, "Fri, 31 Dec 9999 23:59:59 GMT"},
    /* clang-format on */
};

static void dates_are_in_fixed_form(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char out[HTTP_DATE_BYTES];
        assert_int_equal(http_date_write(rows[i].wall_s, out), HTTP_DATE_BYTES);
        if (memcmp(out, rows[i].is, HTTP_DATE_BYTES) != 0)
            fail_msg("%s: %.*s", rows[i].says, HTTP_DATE_BYTES, out);
    }
}

static void dates_agree_with_the_c_library(void **state)
{
    (void)state;
    struct rng rng = {1};
    for (int i = 0; i < 100000; i++) {
        const int64_t wall_s = (int64_t)(rng_next(&rng) % UINT64_C(315537897600)) - 62135596800;
        const time_t t = wall_s;
        struct tm tm;
        char out[HTTP_DATE_BYTES], is[64];
        assert_non_null(gmtime_r(&t, &tm));
        const size_t year = strftime(is, sizeof(is), "%a, %d %b ", &tm);
        snprintf(is + year, sizeof(is) - year, "%04d %02d:%02d:%02d GMT", tm.tm_year + 1900,
                 tm.tm_hour, tm.tm_min, tm.tm_sec);
        http_date_write(wall_s, out);
        assert_memory_equal(out, is, HTTP_DATE_BYTES);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dates_are_in_fixed_form),
        cmocka_unit_test(dates_agree_with_the_c_library),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

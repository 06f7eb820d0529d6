#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "runtime/base/check.h"
#include "runtime/base/clock.h"
#include "runtime/base/rng.h"
#include "runtime/log/stamp.h"

static const struct {
    const char *says;
    int64_t wall_ns;
    const char *text;
} rows[] = {
    {"the beginning", 0, "1970-01-01T00:00:00.000Z"},
    {"milliseconds are cut, not rounded", 999999999, "1970-01-01T00:00:00.999Z"},
    {"a leap day", 951827696789 * NS_PER_MS, "2000-02-29T12:34:56.789Z"},
    {"the end of a year", 1798761599 * NS_PER_S, "2026-12-31T23:59:59.000Z"},
    {"past 32 bits", 4294967296 * NS_PER_S, "2106-02-07T06:28:16.000Z"},
    {"as late as it goes", INT64_MAX, "2262-04-11T23:47:16.854Z"},
};

static void moments_are_written_as_rfc_3339(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char text[STAMP_SIZE];
        stamp_format(rows[i].wall_ns, text);
        if (strcmp(text, rows[i].text) != 0)
            fail_msg("%s: %s", rows[i].says, text);
    }
}

static void any_moment_is_what_strftime_says(void **state)
{
    (void)state;
    struct rng rng = {7};
    for (int i = 0; i < 20000; i++) {
        const int64_t ns = (int64_t)(rng_next(&rng) >> 1);
        const time_t seconds = ns / NS_PER_S;
        struct tm t;
        char expected[STAMP_SIZE], text[STAMP_SIZE];
        gmtime_r(&seconds, &t);
        const size_t len = strftime(expected, sizeof(expected), "%Y-%m-%dT%H:%M:%S", &t);
        snprintf(expected + len, sizeof(expected) - len, ".%03dZ",
                 (int)(ns % NS_PER_S / NS_PER_MS));
        stamp_format(ns, text);
        assert_string_equal(text, expected);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(moments_are_written_as_rfc_3339),
        cmocka_unit_test(any_moment_is_what_strftime_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

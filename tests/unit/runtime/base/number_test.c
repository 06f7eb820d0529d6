#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "runtime/base/number.h"

static const struct {
    const char *text;
    uint64_t max;
    bool ok;
    uint64_t value;
} numbers[] = {
    {"0", 0, true, 0},
    {"007", 7, true, 7},
    {"8", 7, false, 0},
    {"18446744073709551615", UINT64_MAX, true, UINT64_MAX},
    {"18446744073709551616", UINT64_MAX, false, 0},
    {"99999999999999999999999", UINT64_MAX, false, 0},
    {"", 9, false, 0},
    {"+1", 9, false, 0},
    {"-1", 9, false, 0},
    {" 1", 9, false, 0},
    {"1 ", 9, false, 0},
    {"0x1", 99, false, 0},
    {"1/", 99, false, 0},
    {"1:", 99, false, 0},
};

static void numbers_are_strict(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(numbers); i++) {
        uint64_t value = 0;
        const bool ok = number_parse(slice_of(numbers[i].text), numbers[i].max, &value);
        if (ok != numbers[i].ok || value != numbers[i].value)
            fail_msg("\"%s\": %llu", numbers[i].text, (unsigned long long)value);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(numbers_are_strict)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

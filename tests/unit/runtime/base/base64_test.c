/* The examples of RFC 4648 10, and what is no base64. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "runtime/base/base64.h"

static const struct row {
    const char *digits, *bytes; /* NULL: it is none */
} rows[] = {
    {"", ""},
    {"Zg", "f"},
    {"Zm8", "fo"},
    {"Zm9v", "foo"},
    {"Zm9vYg", "foob"},
    {"Zm9vYmE", "fooba"},
    {"Zm9vYmFy", "foobar"},
    {"-_-_", "\xfb\xff\xbf"},
    {"Z", NULL},
    {"Zm9vY", NULL},
    {"Zh", NULL},
    {"Zm9", NULL},
    {"Zm9vYh", NULL},
    {"Zg==", NULL},
    {"Zm+/", NULL},
    {"Zm 9", NULL},
    {"Zm9vYm-y\xc3", NULL},
    {"\x80m9v", NULL},
};

static void digits_are_bytes(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char bytes[16];
        size_t len = 99;
        const bool ok = base64_decode(slice_of(rows[i].digits), BASE64_URL, bytes, 16, &len);
        if (ok != (rows[i].bytes != NULL))
            fail_msg("%s is %s", rows[i].digits, ok ? "read" : "refused");
        if (ok && !slice_eq((struct slice){bytes, len}, slice_of(rows[i].bytes)))
            fail_msg("%s is something else", rows[i].digits);
    }
}

static void there_is_so_much_room(void **state)
{
    char bytes[4];
    size_t len;
    (void)state;
    assert_true(base64_decode(SLICE("Zm9vYg"), BASE64_PLAIN, bytes, 4, &len));
    assert_false(base64_decode(SLICE("Zm9vYg"), BASE64_PLAIN, bytes, 3, &len));
    assert_true(base64_decode(SLICE("+/+/"), BASE64_PLAIN, bytes, 3, &len));
    assert_false(base64_decode(SLICE("-_-_"), BASE64_PLAIN, bytes, 3, &len));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(digits_are_bytes),
        cmocka_unit_test(there_is_so_much_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

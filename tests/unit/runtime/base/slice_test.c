#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "runtime/base/check.h"
#include "runtime/base/slice.h"

static void empty_slices_are_harmless(void **state)
{
    (void)state;
    const struct slice none = SLICE_NONE, empty = SLICE("");
    assert_true(slice_eq(none, empty));
    assert_true(slice_starts(none, none) && slice_ends(empty, none));
    assert_int_equal(slice_trim(none).len, 0);
    struct slice rest = none, part;
    assert_false(slice_split(&rest, ',', &part));
    rest = empty;
    assert_false(slice_split(&rest, ',', &part));
}

static const struct {
    const char *a, *b;
    bool equal, nocase, starts, ends; /* a and b; a with b */
} pairs[] = {
    {"abc", "abc", true, true, true, true},
    {"abc", "ABC", false, true, false, false},
    {"abc", "ab", false, false, true, false},
    {"abc", "bc", false, false, false, true},
    {"abc", "", false, false, true, true},
    {"", "a", false, false, false, false},
    {"a[", "A{", false, false, false, false}, /* only letters have a case */
    {"\xc3\x84", "\xc3\xa4", false, false, false, false},
};

static void slices_compare(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(pairs); i++) {
        const struct slice a = slice_of(pairs[i].a), b = slice_of(pairs[i].b);
        if (slice_eq(a, b) != pairs[i].equal || slice_eq_nocase(a, b) != pairs[i].nocase ||
            slice_starts(a, b) != pairs[i].starts || slice_ends(a, b) != pairs[i].ends)
            fail_msg("\"%s\" and \"%s\"", pairs[i].a, pairs[i].b);
    }
}

static void blanks_and_tabs_are_trimmed(void **state)
{
    (void)state;
    assert_true(slice_eq(slice_trim(SLICE(" \t a b\t ")), SLICE("a b")));
    assert_true(slice_eq(slice_trim(SLICE(" \t")), SLICE("")));
    assert_true(slice_eq(slice_trim(SLICE("\na\r")), SLICE("\na\r"))); /* OWS has no line ends */
}

static const struct {
    const char *text;
    unsigned n;
    const char *part[4];
} splits[] = {
    {"a,b,c", 3, {"a", "b", "c"}},
    {"a", 1, {"a"}},
    {",a", 2, {"", "a"}},
    {"a,,b", 3, {"a", "", "b"}},
    {"a,", 1, {"a"}}, /* nothing behind the last separator is no part */
    {",", 1, {""}},
};

static void slices_split(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(splits); i++) {
        struct slice rest = slice_of(splits[i].text), part;
        unsigned n = 0;
        while (slice_split(&rest, ',', &part)) {
            if (n == splits[i].n || !slice_eq(part, slice_of(splits[i].part[n])))
                fail_msg("\"%s\": part %u", splits[i].text, n);
            n++;
        }
        if (n != splits[i].n)
            fail_msg("\"%s\": %u parts", splits[i].text, n);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(empty_slices_are_harmless),
        cmocka_unit_test(slices_compare),
        cmocka_unit_test(blanks_and_tabs_are_trimmed),
        cmocka_unit_test(slices_split),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

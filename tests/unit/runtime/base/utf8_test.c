#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "runtime/base/check.h"
#include "runtime/base/utf8.h"

static const struct {
    const char *says;
    struct slice s;
    size_t valid;
} rows[] = {
    {"ASCII", SLICE_INIT("abc"), 3},
    {"NUL is a character", SLICE_INIT("a\0b"), 3},
    {"two, three and four bytes", SLICE_INIT("\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80"), 9},
    {"the last one there is", SLICE_INIT("\xf4\x8f\xbf\xbf"), 4},
    {"past it", SLICE_INIT("\xf4\x90\x80\x80"), 0},
    {"a first byte past it", SLICE_INIT("\xf5\x80\x80\x80"), 0},
    {"nothing", SLICE_INIT(""), 0},
    {"a continuation alone", SLICE_INIT("a\x80"), 1},
    {"cut after one", SLICE_INIT("a\xe2\x82"), 1},
    {"cut by another character", SLICE_INIT("a\xe2\x82x"), 1},
    {"overlong in two", SLICE_INIT("\xc0\xaf"), 0},
    {"overlong in two, the last", SLICE_INIT("\xc1\xbf"), 0},
    {"overlong in three", SLICE_INIT("\xe0\x9f\xbf"), 0},
    {"the first of three", SLICE_INIT("\xe0\xa0\x80"), 3},
    {"overlong in four", SLICE_INIT("\xf0\x8f\xbf\xbf"), 0},
    {"the first of four", SLICE_INIT("\xf0\x90\x80\x80"), 4},
    {"below the surrogates", SLICE_INIT("\xed\x9f\xbf"), 3},
    {"a surrogate", SLICE_INIT("\xed\xa0\x80"), 0},
    {"Latin-1", SLICE_INIT("caf\xe9"), 3},
};

static void only_well_formed_text_is_valid(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        if (utf8_valid_bytes(rows[i].s) != rows[i].valid)
            fail_msg("%s: %zu", rows[i].says, utf8_valid_bytes(rows[i].s));
    assert_int_equal(utf8_valid_bytes(SLICE_NONE), 0);
}

static void controls_are_those_that_move_a_cursor(void **state)
{
    (void)state;
    static const struct slice IS[] = {SLICE_INIT("\x1b["), SLICE_INIT("\n"), SLICE_INIT("\x7f"),
                                      SLICE_INIT("\xc2\x80"), SLICE_INIT("\xc2\x9f")};
    static const struct slice NOT[] = {SLICE_INIT(" "), SLICE_INIT("a\n"), SLICE_INIT("\xc2\xa0"),
                                       SLICE_INIT("\xc3\x80"), SLICE_INIT("\xc2")};
    for (size_t i = 0; i < COUNT_OF(IS); i++)
        assert_true(utf8_is_control(IS[i]));
    for (size_t i = 0; i < COUNT_OF(NOT); i++)
        assert_false(utf8_is_control(NOT[i]));
    assert_false(utf8_is_control(SLICE_NONE));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(only_well_formed_text_is_valid),
                                       cmocka_unit_test(controls_are_those_that_move_a_cursor)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

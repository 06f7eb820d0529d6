#include "runtime/control/parts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void what_is_written_is_read(void **state)
{
    (void)state;
    static const struct part part[] = {
        {SLICE_INIT("sticky"), SLICE_INIT("app\t1\tx-user\t5"),
         SLICE_INIT("\0\n\t\xff end\t0\t\n")},
        {SLICE_INIT("cookies"), SLICE_INIT(""), SLICE_INIT("")},
        {SLICE_INIT("limit"), SLICE_INIT("few"), SLICE_INIT("0123456789")}};
    struct text text = {0};
    parts_begin(&text);
    for (size_t i = 0; i < 3; i++)
        parts_add(&text, &part[i]);
    parts_end(&text);
    text_adds(&text, "what follows is nobody's");

    struct slice rest = text_slice(&text);
    struct part p;
    assert_true(parts_open(&rest));
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(parts_next(&rest, &p), PARTS_ONE);
        assert_true(slice_eq(p.word, part[i].word));
        assert_true(slice_eq(p.about, part[i].about));
        assert_true(slice_eq(p.bytes, part[i].bytes));
    }
    assert_int_equal(parts_next(&rest, &p), PARTS_END);
    text_done(&text);
}

static void wherever_it_is_cut_off_it_is_broken(void **state)
{
    (void)state;
    struct text text = {0};
    parts_begin(&text);
    const size_t first = text.len;
    parts_add(&text, &(struct part){SLICE("sticky"), SLICE("app"), SLICE("0123456789")});
    parts_end(&text);
    for (size_t len = first; len < text.len - strlen("\t\n"); len++) {
        struct slice rest = {text.at, len};
        struct part p;
        enum parts_next next;
        assert_true(parts_open(&rest));
        while ((next = parts_next(&rest, &p)) == PARTS_ONE)
            assert_int_equal(p.bytes.len, 10);
        if (next != PARTS_BROKEN)
            fail_msg("%zu of %zu bytes are enough", len, text.len);
    }
    text_done(&text);
}

static void what_is_none_is_broken(void **state)
{
    (void)state;
    static const char *const bad[] = {"",
                                      "\n",
                                      "sticky\n",
                                      "sticky\tx\tapp\n",
                                      "s\t-1\t",
                                      "s\t1\tabout",
                                      "s\t18446744073709551616\ta\n",
                                      "s\t4\ta\nxyz"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct slice rest = slice_of(bad[i]);
        struct part p;
        if (parts_next(&rest, &p) != PARTS_BROKEN)
            fail_msg("not broken: \"%s\"", bad[i]);
    }
}

static void another_version_is_refused(void **state)
{
    (void)state;
    static const char *const other[] = {"", "lbc remembers 2\nend\t0\t\n", "lbc hands over 1\n"};
    for (size_t i = 0; i < sizeof(other) / sizeof(other[0]); i++) {
        struct slice rest = slice_of(other[i]);
        assert_false(parts_open(&rest));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(wherever_it_is_cut_off_it_is_broken),
        cmocka_unit_test(what_is_none_is_broken),
        cmocka_unit_test(another_version_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

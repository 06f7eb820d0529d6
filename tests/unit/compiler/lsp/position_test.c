/* Bytes to positions and back, in each encoding, for each kind of line end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "compiler/lsp/position.h"

static const struct row {
    const char *says, *text;
    enum encoding encoding;
    uint32_t offset, line, character;
} rows[] = {
    {"the beginning", "abc", ENCODING_UTF16, 0, 0, 0},
    {"the end", "abc", ENCODING_UTF16, 3, 0, 3},
    {"of nothing", "", ENCODING_UTF16, 0, 0, 0},
    {"behind a line end", "a\nb", ENCODING_UTF16, 2, 1, 0},
    {"behind the last line end", "a\n", ENCODING_UTF16, 2, 1, 0},
    {"behind \\r\\n", "a\r\nb", ENCODING_UTF16, 3, 1, 0},
    {"behind a lone \\r", "a\rb", ENCODING_UTF16, 2, 1, 0},
    {"between two \\r", "a\r\rb", ENCODING_UTF16, 2, 1, 0},
    {"behind \\n\\r", "a\n\rb", ENCODING_UTF16, 3, 2, 0},
    {"two bytes are one unit", "\xc3\xa9x", ENCODING_UTF16, 2, 0, 1},
    {"three bytes are one unit", "\xe2\x82\xacx", ENCODING_UTF16, 3, 0, 1},
    {"four bytes are two units", "\xf0\x9f\xa6\x86x", ENCODING_UTF16, 4, 0, 2},
    {"four bytes are four in UTF-8", "\xf0\x9f\xa6\x86x", ENCODING_UTF8, 4, 0, 4},
    {"four bytes are one in UTF-32", "\xf0\x9f\xa6\x86x", ENCODING_UTF32, 4, 0, 1},
    {"what is not UTF-8 counts by byte", "\xff\xffx", ENCODING_UTF16, 2, 0, 2},
};

static void both_ways(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const struct row *r = &rows[i];
        struct lines l;
        lines_init(&l, slice_of(r->text));
        const struct position p = lines_position(&l, r->encoding, r->offset);
        const uint32_t back = lines_offset(&l, r->encoding, p);
        lines_done(&l);
        if (p.line != r->line || p.character != r->character || back != r->offset)
            fail_msg("%s: %u:%u, and back to %u", r->says, p.line, p.character, back);
    }
}

static const struct row outside[] = {
    {"behind the end of a line", "ab\ncd", ENCODING_UTF16, 2, 0, 99},
    {"behind the end of a \\r\\n line", "ab\r\ncd", ENCODING_UTF16, 2, 0, 99},
    {"behind the last line", "ab\ncd", ENCODING_UTF16, 5, 7, 1},
    {"inside a pair of surrogates", "\xf0\x9f\xa6\x86x", ENCODING_UTF16, 0, 0, 1},
    {"inside a character's bytes", "a\xc3\xa9x", ENCODING_UTF8, 1, 0, 2},
    {"far out", "ab", ENCODING_UTF8, 2, UINT32_MAX, UINT32_MAX},
};

static void what_is_outside_is_brought_in(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(outside); i++) {
        const struct row *r = &outside[i];
        struct lines l;
        lines_init(&l, slice_of(r->text));
        const uint32_t at = lines_offset(&l, r->encoding, (struct position){r->line, r->character});
        lines_done(&l);
        if (at != r->offset)
            fail_msg("%s: %u, not %u", r->says, at, r->offset);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_ways),
        cmocka_unit_test(what_is_outside_is_brought_in),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

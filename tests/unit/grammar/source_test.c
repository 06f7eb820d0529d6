/* Offsets to places for people. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>

#include "grammar/source.h"
#include "runtime/base/text.h"

static const struct {
    const char *says;
    uint32_t offset;
    const char *file;
    uint32_t line, column;
    const char *text;
} rows[] = {
    {"the first byte is 1:1", 0, "a", 1, 1, "one"},
    {"a line end belongs to its line", 3, "a", 1, 4, "one"},
    {"the next byte begins a line", 4, "a", 2, 1, "\xc3\xa9z"},
    {"columns count characters", 6, "a", 2, 2, "\xc3\xa9z"},
    {"the end of a file is a place in it", 7, "a", 2, 3, "\xc3\xa9z"},
    {"the next file begins one further", 8, "b", 1, 1, "x"},
    {"what lies beyond is the end of the last", 99, "b", 2, 1, ""},
};

static void offsets_are_places(void **state)
{
    (void)state;
    struct sources *s = sources_new();
    assert_int_equal(sources_add(s, SLICE("a"), SLICE("one\n\xc3\xa9z")), 0);
    assert_int_equal(sources_add(s, SLICE("b"), SLICE("x\r\n")), 1);
    assert_int_equal(sources_count(s), 2);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const struct place p = sources_place(s, rows[i].offset);
        if (!slice_eq(p.file, slice_of(rows[i].file)) || p.line != rows[i].line ||
            p.column != rows[i].column || !slice_eq(p.line_text, slice_of(rows[i].text)))
            fail_msg("%s: " SLICE_FMT ":%u:%u " SLICE_FMT, rows[i].says, SLICE_ARG(p.file), p.line,
                     p.column, SLICE_ARG(p.line_text));
    }
    sources_free(s);
}

/* Counting from a note near by gives what counting from the line's start gives. */
static void columns_of_long_lines_are_right(void **state)
{
    (void)state;
    static const char *const unit[] = {"a", "\xc3\xa9", "\xf0\x9f\x98\x80", "\xe6\x97\xa5", "\xff"};
    struct text text = {0};
    for (unsigned i = 0; text.len < 60000; i++)
        text_adds(&text, i == 3000 || i == 3001 || i == 20000 ? "\n" : unit[i * 7 % 11 % 5]);
    struct sources *s = sources_new();
    assert_int_equal(sources_add(s, SLICE("a"), text_slice(&text)), 0);
    uint32_t line = 1, column = 1, utf16 = 1;
    for (uint32_t at = 0; at <= text.len;) {
        const struct place p = sources_place(s, at);
        assert_int_equal(p.line, line);
        assert_int_equal(p.column, column);
        assert_int_equal(p.column_utf16, utf16);
        assert_int_equal(p.line_from,
                         (uint32_t)(p.line_text.at - sources_text(s, 0, &(uint32_t){0}).at));
        const unsigned char c = at < text.len ? (unsigned char)text.at[at] : 'a';
        column++;
        utf16 += c == 0xf0 ? 2 : 1;
        at += c == 0xc3 ? 2 : c == 0xe6 ? 3 : c == 0xf0 ? 4 : 1;
        if (c == '\n') {
            line++;
            column = utf16 = 1;
        }
    }
    assert_true(line == 4);
    text_done(&text);
    sources_free(s);
}

static void what_cannot_be_read_says_why(void **state)
{
    (void)state;
    struct sources *s = sources_new();
    assert_int_equal(sources_load(s, "/no/such/file"), -ENOENT);
    assert_int_equal(sources_load(s, "/"), -EISDIR);
    assert_int_equal(sources_count(s), 0);
    sources_free(s);
    sources_free(NULL);
}

static bool knows_one(void *from, struct slice path, struct slice *text)
{
    (void)from;
    if (!text)
        return slice_eq(path, SLICE("/et[c]"));
    *text = SLICE("given");
    return slice_eq(path, SLICE("/known"));
}

static void only_what_is_given_is_read_where_nothing_else_may_be(void **state)
{
    (void)state;
    struct sources *s = sources_new();
    uint32_t n;
    sources_ask(s, knows_one, NULL);
    sources_read(s, SOURCES_NONE);
    assert_int_equal(sources_load(s, "/known"), 0);
    assert_int_equal(sources_load(s, "/no/such/file"), -EPERM);
    assert_int_equal(sources_include(s, 0, SLICE("/dev/nul*"), &n), -EPERM);
    assert_int_equal(sources_include(s, 0, SLICE("/et[c]"), &n), 0);
    assert_int_equal(n, 0);
    sources_free(s);
}

static void what_could_block_is_not_read_where_that_is_asked_for(void **state)
{
    (void)state;
    struct sources *s = sources_new();
    sources_read(s, SOURCES_REGULAR);
    assert_int_equal(sources_load(s, "/dev/null"), -ENOTSUP);
    assert_int_equal(sources_load(s, "/"), -EISDIR);
    assert_int_equal(sources_load(s, "/no/such/file"), -ENOENT);
    assert_int_equal(sources_load(s, "/proc/self/stat"), 0);
    sources_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(offsets_are_places),
        cmocka_unit_test(columns_of_long_lines_are_right),
        cmocka_unit_test(what_cannot_be_read_says_why),
        cmocka_unit_test(only_what_is_given_is_read_where_nothing_else_may_be),
        cmocka_unit_test(what_could_block_is_not_read_where_that_is_asked_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

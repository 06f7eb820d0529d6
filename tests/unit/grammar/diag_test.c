/* Rendering, to the byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "grammar/diag.h"

struct page {
    struct sources *sources;
    struct diags *diags;
};

static struct page page(const char *text)
{
    struct page p = {.sources = sources_new()};
    const int index = sources_add(p.sources, SLICE("a.lbconf"), slice_of(text));
    assert_int_equal(index, 0);
    p.diags = diags_new(p.sources, 3);
    return p;
}

static void expect(struct page *p, enum diag_format format, const char *expected)
{
    struct text out = {0};
    diag_render(p->diags, format, &out);
    assert_string_equal(text_slice(&out).at, expected);
    text_done(&out);
    diags_free(p->diags);
    sources_free(p->sources);
}

/* Where `part` stands in `text`. */
static struct span at(const char *text, const char *part)
{
    const char *found = strstr(text, part);
    assert_non_null(found);
    const uint32_t from = (uint32_t)(found - text);
    return (struct span){from, from + (uint32_t)strlen(part)};
}

static const char *const two_lines = "cluster api {\n\n\n  forward apii\n";

static void everything_has_its_place(void **state)
{
    (void)state;
    struct page p = page(two_lines);
    diag(p.diags, DIAG_UNDEFINED, at(two_lines, "apii"), "cluster", SLICE_ARG(SLICE("apii")));
    diag_label(p.diags, "here");
    diag_also(p.diags, at(two_lines, "api"), "a name like it");
    diag_note(p.diags, "names are %s", "short");
    diag_fix(p.diags, at(two_lines, "apii"), SLICE("api"), "did you mean `api`?");
    expect(&p, DIAG_HUMAN,
           "error[E0201]: no cluster is called `apii`\n"
           " --> a.lbconf:4:11\n"
           "  |\n"
           "1 | cluster api {\n"
           "  |         --- a name like it\n"
           "  ...\n"
           "4 |   forward apii\n"
           "  |           ^^^^ here\n"
           "  = note: names are short\n"
           "  = help: did you mean `api`?\n"
           "\n"
           "1 error\n");
}

static void json_is_one_object_a_line(void **state)
{
    (void)state;
    struct page p = page(two_lines);
    diag(p.diags, DIAG_UNDEFINED, at(two_lines, "apii"), "cluster", SLICE_ARG(SLICE("a\"i")));
    diag_also(p.diags, at(two_lines, "api"), "a name like it");
    diag_note(p.diags, "short");
    diag_fix(p.diags, at(two_lines, "apii"), SLICE("api"), "did you mean `api`?");
    expect(
        &p, DIAG_JSON,
        "{\"code\":\"E0201\",\"severity\":\"error\",\"message\":\"no cluster is called `a\\\"i`\","
        "\"spans\":[{\"file\":\"a.lbconf\",\"line\":4,\"column\":11,\"end_line\":4,\"end_column\":"
        "15,"
        "\"label\":\"\",\"primary\":true},{\"file\":\"a.lbconf\",\"line\":1,\"column\":9,"
        "\"end_line\":1,\"end_column\":12,\"label\":\"a name like it\",\"primary\":false}],"
        "\"notes\":[\"short\"],\"fixes\":[{\"message\":\"did you mean `api`?\",\"span\":"
        "{\"file\":\"a.lbconf\",\"line\":4,\"column\":11,\"end_line\":4,\"end_column\":15},"
        "\"replacement\":\"api\"}]}\n");
}

static const struct {
    const char *says, *text, *part, *expected;
} rows[] = {
    {"a tab is four columns", "\tx", "x", "1 |     x\n  |     ^\n"},
    {"an accent is one column", "\xc3\xa9 x", "x", "1 | \xc3\xa9 x\n  |   ^\n"},
    {"a combining mark is none", "e\xcc\x81 x", "x", "1 | e\xcc\x81 x\n  |   ^\n"},
    {"a wide character is two", "\xe6\x97\xa5 x", "x", "1 | \xe6\x97\xa5 x\n  |    ^\n"},
    {"and has two carets", "a \xe6\x97\xa5", "\xe6\x97\xa5", "1 | a \xe6\x97\xa5\n  |   ^^\n"},
    {"what steers a terminal is not let through", "\x1b[31m x", "x",
     "1 | \xe2\x90\x9b[31m x\n  |       ^\n"},
    {"a no-break space has its name", "a\xc2\xa0x", "x", "1 | a<U+00A0>x\n  |          ^\n"},
    {"what turns the reading direction, too", "a \xe2\x80\xae x", "x",
     "1 | a <U+202E> x\n  |            ^\n"},
    {"a byte that is no UTF-8 is a question mark", "a\xfcx", "x", "1 | a\xef\xbf\xbdx\n  |   ^\n"},
    {"a carriage return is not shown", "x y\r\n", "y", "1 | x y\n  |   ^\n"},
    {"a place of several lines is marked on its first", "a b\nc", "b\nc", "1 | a b\n  |   ^\n"},
    {"the end of a line has a caret too", "ab\nc", "\nc", "1 | ab\n  |   ^\n"},
};

static void columns_are_those_of_a_terminal(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct page p = page(rows[i].text);
        struct text out = {0};
        diag(p.diags, DIAG_ALWAYS_HOLDS, at(rows[i].text, rows[i].part));
        diag_render(p.diags, DIAG_HUMAN, &out);
        if (!strstr(out.at, rows[i].expected))
            fail_msg("%s:\n%s", rows[i].says, out.at);
        text_done(&out);
        diags_free(p.diags);
        sources_free(p.sources);
    }
}

static void a_long_line_is_cut_around_the_place(void **state)
{
    (void)state;
    char text[2000];
    memset(text, '.', sizeof(text));
    memcpy(text + 1000, "HERE", 4);
    text[sizeof(text) - 1] = '\0';
    struct page p = page(text);
    struct text out = {0};
    diag(p.diags, DIAG_ALWAYS_HOLDS, at(text, "HERE"));
    diag_render(p.diags, DIAG_HUMAN, &out);
    assert_non_null(strstr(out.at, "..HERE.."));
    assert_true(out.len < 600);
    text_done(&out);
    diags_free(p.diags);
    sources_free(p.sources);
}

/* A NUL is shown, and the rest of the line too. */
static void a_nul_is_shown(void **state)
{
    (void)state;
    struct page p = {.sources = sources_new()};
    assert_int_equal(sources_add(p.sources, SLICE("a"), SLICE("x\0y\n")), 0);
    p.diags = diags_new(p.sources, 0);
    diag(p.diags, DIAG_ALWAYS_HOLDS, (struct span){2, 3});
    expect(&p, DIAG_HUMAN,
           "error[E0305]: this always holds\n --> a:1:3\n  |\n1 | x\xe2\x90\x80y\n"
           "  |   ^\n\n1 error\n");
}

static void places_of_other_files_say_which(void **state)
{
    (void)state;
    struct page p = page("a b\n");
    assert_int_equal(sources_add(p.sources, SLICE("b.lbconf"), SLICE("\nc d\n")), 1);
    diag(p.diags, DIAG_ALWAYS_HOLDS, (struct span){8, 9});
    diag_also(p.diags, (struct span){0, 1}, "first here");
    diag_also(p.diags, (struct span){6, 7}, "then here");
    expect(&p, DIAG_HUMAN,
           "error[E0305]: this always holds\n"
           " --> b.lbconf:2:3\n"
           "  |\n"
           "2 | c d\n"
           "  | - then here\n"
           "  |   ^\n"
           " ::: a.lbconf:1:1\n"
           "1 | a b\n"
           "  | - first here\n"
           "\n1 error\n");
}

static const struct {
    const char *says, *text, *part, *replacement, *message, *expected;
} fixes[] = {
    {"a changed line, before and after", "a b c", "b", "beta", "use another",
     "1 - a b c\n1 + a beta c\n"},
    {"a line put in is shown alone", "a\nb\nc", "b", "x\nb", "put one in",
     "help: put one in\n2 + x\n\n"},
    {"a line taken out, too", "a\nb\nc", "b\n", "", "take it out", "help: take it out\n2 - b\n\n"},
    {"what the message says already is not shown again", "a b", "b", "c", "did you mean `c`?",
     "help: did you mean `c`?\n\n"},
    {"not more lines than anyone reads", "a\nb", "b", "1\n2\n3\n4\n5\n6\n7\nb", "many",
     "7 + 6\n  ...\n"},
};

static void a_fix_is_shown_as_a_change(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(fixes); i++) {
        struct page p = page(fixes[i].text);
        struct text out = {0};
        diag(p.diags, DIAG_ALWAYS_HOLDS, at(fixes[i].text, fixes[i].part));
        diag_fix(p.diags, at(fixes[i].text, fixes[i].part), slice_of(fixes[i].replacement), "%s",
                 fixes[i].message);
        diag_render(p.diags, DIAG_HUMAN, &out);
        if (!strstr(out.at, fixes[i].expected))
            fail_msg("%s:\n%s", fixes[i].says, out.at);
        text_done(&out);
        diags_free(p.diags);
        sources_free(p.sources);
    }
}

/* Mistakes beside one another on one line of a megabyte: the work goes by their number, not by its
 * square. It took minutes when it did not. */
static void long_lines_with_many_mistakes_are_shown_in_time(void **state)
{
    (void)state;
    const size_t len = 1 << 20;
    char *text = MUST_ARRAY(char, len + 1);
    memset(text, '.', len);
    struct page p = {.sources = sources_new()};
    assert_int_equal(sources_add(p.sources, SLICE("a"), (struct slice){text, len}), 0);
    p.diags = diags_new(p.sources, 0);
    for (uint32_t i = 0; i < 1000; i++) {
        const uint32_t from = 1000 * i;
        diag(p.diags, DIAG_ALWAYS_HOLDS, (struct span){from, from + 3});
        diag_also(p.diags, (struct span){from + 10, from + 11}, "here");
    }
    struct text out = {0};
    diag_render(p.diags, DIAG_HUMAN, &out);
    assert_non_null(strstr(out.at, " --> a:1:999001\n"));
    text_clear(&out);
    diag_render(p.diags, DIAG_SARIF, &out);
    assert_non_null(strstr(out.at, "\"startColumn\":999001,"));
    text_done(&out);
    diags_free(p.diags);
    sources_free(p.sources);
    free(text);
}

static void two_places_of_one_line_share_it(void **state)
{
    (void)state;
    static const char *const line = "a b c";
    struct page p = page(line);
    diag(p.diags, DIAG_ALWAYS_HOLDS, at(line, "c"));
    diag_also(p.diags, at(line, "a"), "first");
    expect(&p, DIAG_HUMAN,
           "error[E0305]: this always holds\n --> a.lbconf:1:5\n  |\n1 | a b c\n"
           "  | - first\n  |     ^\n\n1 error\n");
}

static void more_than_the_limit_are_counted(void **state)
{
    (void)state;
    struct page p = page("abcdef");
    for (uint32_t i = 0; i < 5; i++) {
        diag(p.diags, DIAG_ALWAYS_HOLDS, (struct span){5 - i, 6 - i});
        diag_note(p.diags, "%u", i);
    }
    assert_int_equal(diags_count(p.diags), 3);
    assert_int_equal(diag_errors(p.diags), 5);
    assert_int_equal(diags_span(p.diags, 0).from, 3); /* in order of place, not of speaking */
    struct text out = {0};
    diag_render(p.diags, DIAG_HUMAN, &out);
    assert_non_null(strstr(out.at, "5 errors; the last 2 are not shown\n"));
    assert_null(strstr(out.at, "note: 3"));
    text_done(&out);
    diags_free(p.diags);
    sources_free(p.sources);
}

static void color_is_only_there_when_asked_for(void **state)
{
    (void)state;
    struct page p = page("x");
    struct text plain = {0}, color = {0};
    diag(p.diags, DIAG_ALWAYS_HOLDS, (struct span){0, 1});
    diag_render(p.diags, DIAG_HUMAN, &plain);
    diag_render(p.diags, DIAG_HUMAN_COLOR, &color);
    assert_null(strchr(plain.at, '\x1b'));
    assert_non_null(strchr(color.at, '\x1b'));
    text_done(&plain);
    text_done(&color);
    diags_free(p.diags);
    sources_free(p.sources);
}

static void codes_are_distinct(void **state)
{
    (void)state;
    for (enum diag_code a = 0; a < DIAG_COUNT; a++)
        for (enum diag_code b = 0; b < a; b++)
            assert_string_not_equal(diag_code_name(a), diag_code_name(b));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_has_its_place),
        cmocka_unit_test(json_is_one_object_a_line),
        cmocka_unit_test(columns_are_those_of_a_terminal),
        cmocka_unit_test(a_long_line_is_cut_around_the_place),
        cmocka_unit_test(a_nul_is_shown),
        cmocka_unit_test(places_of_other_files_say_which),
        cmocka_unit_test(a_fix_is_shown_as_a_change),
        cmocka_unit_test(long_lines_with_many_mistakes_are_shown_in_time),
        cmocka_unit_test(two_places_of_one_line_share_it),
        cmocka_unit_test(more_than_the_limit_are_counted),
        cmocka_unit_test(color_is_only_there_when_asked_for),
        cmocka_unit_test(codes_are_distinct),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

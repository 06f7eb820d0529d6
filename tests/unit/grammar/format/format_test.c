/* Rules of the canonical form, each with a text that needs it; every result is canonical already.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "grammar/diag.h"
#include "grammar/format/format.h"
#include "runtime/base/arena.h"
#include "runtime/base/text.h"

static bool format_text(struct slice text, struct text *out)
{
    struct sources *sources = sources_new();
    assert_int_equal(sources_add(sources, SLICE("test.lbconf"), text), 0);
    struct diags *d = diags_new(sources, 0);
    struct arena arena = {0};
    const bool done = format(sources, 0, &arena, d, out);
    assert_int_equal(done, diag_errors(d) == 0);
    arena_free(&arena);
    diags_free(d);
    sources_free(sources);
    return done;
}

#define LONG "\"0123456789012345678901234567890123456789\""

static const struct {
    const char *says, *text, *formatted;
} rows[] = {
    {"nothing is nothing", " \n\r\n\t", ""},
    {"blanks are settled", "\xEF\xBB\xBFlbconf\t1  \r\nacl x=(  host==\"a\" )",
     "lbconf 1\nacl x = (host == \"a\")\n"},
    {"a statement has its line", "lbconf 1; acl a = b;;acl b = a;",
     "lbconf 1\nacl a = b\nacl b = a\n"},
    {"blank lines are one at most, and none at the ends",
     "\n\nlbconf 1\n\n\n\nroute r {\n\n\n  otherwise { deny }\n\n}\n\n\n",
     "lbconf 1\n\nroute r {\n  otherwise { deny }\n}\n"},
    {"a block that was on one line stays there",
     "cluster a {server x 1.2.3.4:5;server y 1.2.3.4:6;}",
     "cluster a { server x 1.2.3.4:5; server y 1.2.3.4:6 }\n"},
    {"one that was not does not", "cluster a {server x 1.2.3.4:5\n}",
     "cluster a {\n  server x 1.2.3.4:5\n}\n"},
    {"an empty one is on one", "cluster a {\n\n}", "cluster a {}\n"},
    {"settings are two blanks apart",
     "cluster a { health http GET \"/\" { every 2s    timeout 1s; rise 2 } }",
     "cluster a { health http GET \"/\" { every 2s  timeout 1s; rise 2 } }\n"},
    {"also where one was left", "limit a { key src, header \"x\" rate 5/m   rate 9/h }",
     "limit a { key src, header \"x\"  rate 5/m  rate 9/h }\n"},
    {"but not where a word belongs to the setting before",
     "cluster a { retry 2 on timeout timeout 5s;balance  first; server timeout 1.2.3.4:5 weight 2 "
     "}",
     "cluster a { retry 2 on timeout timeout 5s; balance  first; server timeout 1.2.3.4:5 weight 2 "
     "}\n"},
    {"or have a line each", "cluster a {\n health tcp { every 2s; timeout 1s\n }\n}",
     "cluster a {\n  health tcp {\n    every 2s\n    timeout 1s\n  }\n}\n"},
    {"what does not fit on one line has several",
     "route r { otherwise { set header \"a\" " LONG "; set header \"b\" " LONG "; deny } }",
     "route r {\n  otherwise {\n    set header \"a\" " LONG "\n    set header \"b\" " LONG
     "\n    deny\n  }\n}\n"},
    {"comments keep their places",
     "#a\n  # b\nlbconf 1 # c \r\n\n\n# d\n\ncluster x { # e\n#f\n server a 1.2.3.4:5# g\n\n # h\n}"
     "# i\n# j",
     "#a\n# b\nlbconf 1 # c\n\n# d\n\ncluster x { # e\n  #f\n  server a 1.2.3.4:5 # g\n\n  # h\n}"
     " # i\n# j\n"},
    {"a comment keeps its block open", "route r { # a\n otherwise { deny } }",
     "route r { # a\n  otherwise { deny }\n}\n"},
    {"a comment in a statement ends its line", "acl a = b and # why\n# more\nc",
     "acl a = b and # why\n    # more\n    c\n"},
    {"a break before an operator stays", "acl a = b\n and c or\n d",
     "acl a = b\n    and c\n    or d\n"},
    {"and elsewhere does not", "acl a =\n (\n b and c\n)", "acl a = (b and c)\n"},
    {"too long a condition is broken",
     "acl a = host == " LONG " or host == " LONG " or host == " LONG,
     "acl a = host == " LONG "\n    or host == " LONG "\n    or host == " LONG "\n"},
    {"a set on one line", "set a : path = {\"x\",\"y\"\n}", "set a : path = { \"x\", \"y\" }\n"},
    {"a set that is too long is filled", "set a : path = { " LONG ", " LONG ", " LONG " }",
     "set a : path = {\n  " LONG ", " LONG ",\n  " LONG "\n}\n"},
    {"the lines of a tall set stay",
     "set a : path = {\n\"a\", \"b\", # x\n\n# y\n\"c\"\n,\n \"d\"}",
     "set a : path = {\n  \"a\", \"b\", # x\n\n  # y\n  \"c\",\n  \"d\"\n}\n"},
    {"an empty set", "acl a = path in {  }", "acl a = path in {}\n"},
    {"columns of blocks, when one is there",
     "route r {\n  when a  { deny }\n  when abc { deny }\n  otherwise { deny }\n}",
     "route r {\n  when a    { deny }\n  when abc  { deny }\n  otherwise { deny }\n}\n"},
    {"and not when none is", "route r {\n  when a { deny }\n  when abc { deny }\n}",
     "route r {\n  when a { deny }\n  when abc { deny }\n}\n"},
    {"and not beyond a blank line or a tall statement",
     "route r {\n  when abcd { deny }\n\n  when a  { deny }\n  when abc { deny }\n  when x {\n    "
     "deny\n"
     "  }\n  when abcdef { deny }\n}",
     "route r {\n  when abcd { deny }\n\n  when a   { deny }\n  when abc { deny }\n  when x {\n    "
     "deny\n"
     "  }\n  when abcdef { deny }\n}\n"},
    {"columns of definitions",
     "const A  : duration = 5s\nacl a = b\nenv LONGER : port\nset x : path   = { \"/\" }",
     "const A      : duration = 5s\nacl a = b\nenv   LONGER : port\nset   x      : path     = { "
     "\"/\" }\n"},
    {"of maps too", "set a  : path = { \"/\" }\nmap bcd : string -> host from file \"x\"",
     "set a   : path           = { \"/\" }\nmap bcd : string -> host from file \"x\"\n"},
    {"columns of words",
     "cluster a {\n  server x  1.2.3.4:5 backup\n  server long 1.2.3.40:5 backup\n  timeout read "
     "5s\n}",
     "cluster a {\n  server x    1.2.3.4:5 backup\n  server long 1.2.3.40:5 backup\n  timeout read "
     "5s\n}\n"},
    {"comments that were aligned stay so", "lbconf 1       # a\nacl a = b      # b\n",
     "lbconf 1       # a\nacl a = b      # b\n"},
    {"comments in different columns are aligned", "lbconf 1    # a\nacl a = b  # b\nacl ccc = d\n",
     "lbconf 1  # a\nacl a = b # b\nacl ccc = d\n"},
};

static void test_rules(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct text once = {0}, twice = {0};
        assert_true(format_text(slice_of(rows[i].text), &once));
        text_addc(&once, '\0');
        if (strcmp(once.at, rows[i].formatted) != 0)
            print_error("%s\n", rows[i].says);
        assert_string_equal(once.at, rows[i].formatted);
        once.len--;
        assert_true(format_text(text_slice(&once), &twice));
        text_addc(&twice, '\0');
        assert_string_equal(twice.at, rows[i].formatted);
        text_done(&once);
        text_done(&twice);
    }
}

static void test_what_does_not_parse_is_refused(void **state)
{
    (void)state;
    struct text out = {0};
    assert_false(format_text(SLICE("lbconf 1\ncluster {"), &out));
    assert_false(format_text(SLICE("lbconf 1 \xff"), &out));
    assert_int_equal(out.len, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rules),
        cmocka_unit_test(test_what_does_not_parse_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

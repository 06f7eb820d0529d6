/* What is proven about routes, a sentence a row. tests/prove holds the same against brute force. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "compiler/compile.h"
#include "compiler/prove/prove.h"
#include "compiler/sema/program.h"
#include "grammar/diag.h"
#include "grammar/source.h"
#include "runtime/base/arena.h"
#include "runtime/base/text.h"

struct row {
    const char *sentence, *clauses, *codes;
};

static const struct row ROWS[] = {
    {"the same condition twice",
     "when path == \"/\" { deny }\n when path == \"/\" { forward c }\n otherwise { deny }",
     "E0506"},
    {"unless the first goes on",
     "when path == \"/\" { set header \"x\" \"y\"; continue }\n when path == \"/\" { deny }\n"
     "otherwise { deny }",
     ""},
    {"or changed what the second asks",
     "when header \"x\" exists { deny }\n when path == \"/\" { set header \"x\" \"y\"; continue }\n"
     "when header \"x\" exists { deny }\n otherwise { deny }",
     ""},
    {"what it asks must be changeable",
     "when method == GET { deny }\n when path == \"/\" { set header \"x\" \"y\"; continue }\n"
     "when method == GET { deny }\n otherwise { deny }",
     "E0506"},
    {"a wider path before a narrower one",
     "when path under \"/a\" { deny }\n when path == \"/a/b\" { forward c }\n otherwise { deny }",
     "E0506"},
    {"a narrower path before a wider one",
     "when path == \"/a/b\" { deny }\n when path under \"/a\" { forward c }\n otherwise { deny }",
     ""},
    {"networks that make up another together",
     "when src in { 10.0.0.0/9 } { deny }\n when src in { 10.128.0.0/9 } { deny }\n"
     "when src in { 10.0.0.0/8 } { forward c }\n otherwise { deny }",
     "E0506"},
    {"networks that leave one address",
     "when src in { 10.0.0.0/9 } { deny }\n when src in { 10.128.0.0/9 } { deny }\n"
     "when src in { 10.0.0.0/8, 11.0.0.0/32 } { forward c }\n otherwise { deny }",
     ""},
    {"a header may have both values at once",
     "when header \"x\" == \"a\" and header \"x\" == \"b\" { deny }\n otherwise { forward c }", ""},
    {"the host may not",
     "when host == \"a.b\" and host == \"b.b\" { deny }\n otherwise { forward c }", "E0306"},
    {"any value equals is not no value equals",
     "when header \"x\" == \"a\" { deny }\n when header \"x\" exists and not header \"x\" == \"a\" "
     "{ "
     "forward c }\n when header \"x\" exists { deny }\n otherwise { deny }",
     "E0506"},
    {"an absent header equals nothing, differently either",
     "when header \"x\" == \"a\" { deny }\n when header \"x\" != \"a\" { forward c }\n"
     "when header \"x\" exists { deny }\n otherwise { deny }",
     "E0506"},
    {"schemes are two", "when scheme == http { deny }\n when scheme == https { forward c }", ""},
    {"methods are not", "when method == GET { deny }\n when method in { PUT, POST } { forward c }",
     "E0501"},
    {"otherwise with nothing left for it",
     "when scheme == http { deny }\n when scheme == https { forward c }\n otherwise { deny }",
     "E0506"},
    {"the listener's name is known", "when listener == \"l\" { forward c }", ""},
    {"what was set is what is asked",
     "when method == GET { set header \"x\" \"1\"; continue }\n"
     "when not method == GET { remove header \"x\"; continue }\n"
     "when header \"x\" == \"2\" { deny }\n otherwise { forward c }",
     "E0306"},
    {"what is added leaves what was there",
     "when method == GET { add header \"x\" \"1\"; continue }\n"
     "when method == GET and header \"x\" == \"2\" { deny }\n otherwise { forward c }",
     ""},
    {"what a template makes is not known, but that it is there",
     "when method == GET { set header \"x\" \"{host}\"; continue }\n"
     "when method == GET and header \"x\" == \"example.com\" { deny }\n"
     "when method == GET and not header \"x\" exists { deny }\n otherwise { forward c }",
     "E0306"},
    {"a cookie set with its header",
     "when method == GET { set header \"cookie\" \"a=1\"; continue }\n"
     "when method == GET and cookie \"a\" == \"2\" { deny }\n otherwise { forward c }",
     "E0306"},
    {"each value, and there is one",
     "when all header \"x\" == \"a\" { deny }\n"
     "when header \"x\" == \"a\" and header \"x\" == \"b\" { forward c }\n"
     "when header \"x\" == \"a\" and not header \"x\" != \"b\" { deny }\n otherwise { deny }",
     "E0506"},
    {"numbers that leave none",
     "when src.port < 1024 { deny }\n when src.port in 1024..65535 { forward c }\n"
     "when src.port == 80 { deny }\n otherwise { deny }",
     "E0506"},
    {"a random percentage is below 100",
     "when random < 50% { deny }\n when random >= 50% { forward c }", ""},
    {"a wildcard takes what is below it, and not itself",
     "when host == \"*.a.b\" { deny }\n when host == \"x.a.b\" { deny }\n"
     "when host == \"a.b\" { forward c }\n otherwise { deny }",
     "E0506"},
    {"wildcards in a set",
     "when host in { \"*.a.b\", \"a.b\" } { deny }\n when host in { \"*.x.a.b\" } { deny }\n"
     "when host in { \"*.b\" } { forward c }\n otherwise { deny }",
     "E0506"},
    {"expressions that a request can match, and not match",
     "when path matches /^\\/v[0-9]+\\// { deny }\n when path matches /^\\/v/ and host matches "
     "/^a+\\.b$/ { forward c }\n when path starts-with \"/v\" { deny }\n otherwise { deny }",
     ""},
    {"the same expression twice",
     "when path matches /x[0-9]/ { deny }\n when path matches /x[0-9]/ and method == GET { forward "
     "c "
     "}\n otherwise { deny }",
     "E0506"},
    {"what goes to another route is all that comes there",
     "when path under \"/a\" { goto q }\n otherwise { forward c }\n}\nroute q {\n"
     "when path == \"/b\" { deny }\n when path == \"/a/b\" { deny }\n otherwise { forward c }",
     "E0306"},
    {"by two ways into a route",
     "when path == \"/a\" { goto q }\n when method == POST { goto q }\n otherwise { forward c "
     "}\n}\n"
     "route q {\n when path == \"/b\" { deny }\n when method == PUT and path == \"/a\" { deny }\n"
     "when method == POST { deny }\n when path == \"/a\" { forward c }",
     ""},
    {"routes that do nothing but lead to another begin with its first node",
     "otherwise { goto p }\n}\nroute p { otherwise { goto q } }\nroute q {\n"
     "when path == \"/b\" { deny }\n when path == \"/b\" { deny }\n otherwise { forward c }",
     "E0506"},
    {"and one of them that nobody gets to",
     "when path == \"/b\" { deny }\n otherwise { goto p }\n}\nroute p { when path == \"/b\" { goto "
     "q }\n otherwise { forward c } }\nroute q { otherwise { goto s } }\nroute s {\n"
     "otherwise { forward c }",
     "E0506 E0506 E0506"},
    {"a path that was stripped is a function of the path",
     "when path under \"/p\" { strip prefix \"/p\"; continue }\n"
     "when path under \"/p\" { forward c }\n when path == \"/p/x\" { deny }\n otherwise { deny }",
     "E0506"},
    {"and an end that reaches into what was stripped is none",
     "when path == \"/p\" { strip prefix \"/p\"; continue }\n when path ends-with \"/\" { deny }\n"
     "when path ends-with \"p\" and path == \"/p\" { forward c }\n otherwise { deny }",
     "E0306"},
    {"a path that is written anew is that one",
     "when method == GET { rewrite path \"/a/b\"; continue }\n"
     "when method == GET and path == \"/b\" { deny }\n otherwise { forward c }",
     "E0306"},
    {"but there is none in OPTIONS *",
     "when method == OPTIONS { rewrite path \"/a/b\"; continue }\n"
     "when method == OPTIONS and not path under \"/a\" { deny }\n otherwise { forward c }",
     ""},
    {"of a parameter that was set there is one, in every request that can have it",
     "when method == GET { set query \"k\" \"a\"; continue }\n"
     "when method == GET and query \"k\" == \"b\" { deny }\n otherwise { forward c }",
     "E0306"},
    {"what is contained is in what ends so",
     "when path contains \"/x/\" { deny }\n when path ends-with \"/x/y\" { deny }\n"
     "when path ends-with \"x/y\" { forward c }\n otherwise { deny }",
     "E0506"},
    {"items of a list",
     "when header \"x\" items == \"a\" { deny }\n when header \"x\" == \"b\" { forward c }\n"
     "when header \"x\" items in { \"a\" } { deny }\n otherwise { deny }",
     "E0506"},
    {"two chains that cross",
     "when header \"a\" exists and header \"b\" exists { deny }\n"
     "when header \"c\" exists and header \"d\" exists { deny }\n"
     "when header \"a\" exists and header \"c\" exists and header \"d\" exists { deny }\n"
     "otherwise { forward c }",
     "E0506"},
};

static void codes_of(const char *clauses, struct text *codes, struct text *said)
{
    struct text source = {0};
    struct arena arena = {0};
    text_addf(&source,
              "lbconf 1\ncluster c { server a 127.0.0.1:9000 }\n"
              "listener l { bind 127.0.0.1:8080\n route r }\nroute r {\n%s\n}\n",
              clauses);
    struct sources *sources = sources_new();
    assert_int_equal(sources_add(sources, SLICE("row"), text_slice(&source)), 0);
    struct diags *d = diags_new(sources, 0);
    struct prove_count count = {0};
    const struct compile_options options = {.count = &count};
    struct table *t = compile(sources, &options, &arena, d, NULL);
    for (uint32_t i = 0; i < diags_count(d); i++)
        if (diags_code(d, i) != DIAG_UNUSED)
            text_addf(codes, "%s%s", codes->len ? " " : "", diag_code_name(diags_code(d, i)));
    diag_render(d, DIAG_HUMAN, said);
    if (count.unknown > 0 || count.unconfirmed > 0)
        text_addf(codes, " unknown %u unconfirmed %llu", count.unknown,
                  (unsigned long long)count.unconfirmed);
    table_free(t);
    diags_free(d);
    sources_free(sources);
    arena_free(&arena);
    text_done(&source);
}

static void clauses_are_proven(void **state)
{
    (void)state;
    bool failed = false;
    for (size_t i = 0; i < COUNT_OF(ROWS); i++) {
        struct text codes = {0}, said = {0};
        text_adds(&codes, "");
        codes_of(ROWS[i].clauses, &codes, &said);
        if (!slice_eq(text_slice(&codes), slice_of(ROWS[i].codes))) {
            print_error("%s: said was \"%s\"\n%s", ROWS[i].sentence, codes.at, said.at);
            failed = true;
        }
        text_done(&codes);
        text_done(&said);
    }
    assert_false(failed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(clauses_are_proven)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

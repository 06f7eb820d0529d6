/* Two configurations decide one request: alike, or in which respect not? */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "compiler/compile.h"
#include "compiler/table/compare.h"
#include "compiler/table/eval.h"
#include "compiler/tools/request.h"
#include "grammar/diag.h"
#include "grammar/source.h"
#include "runtime/base/arena.h"
#include "runtime/base/text.h"

static struct table *compiled(const char *clauses, bool other_order)
{
    struct arena arena = {0};
    struct sources *sources = sources_new();
    struct text text = {0};
    text_addf(&text,
              "lbconf 1\n%scluster web { server s 127.0.0.1:1 }\n%s"
              "limit l { key src; rate 1/s }\n"
              "listener front { bind 127.0.0.1:80; route r }\n"
              "route r {\n%s\n otherwise { forward web }\n}\n",
              other_order ? "cluster api { server s 127.0.0.1:1 }\n" : "",
              other_order ? "" : "cluster api { server s 127.0.0.1:1 }\n", clauses);
    assert_int_equal(sources_add(sources, SLICE("test"), text_slice(&text)), 0);
    struct diags *d = diags_new(sources, 0);
    const struct compile_options options = {0};
    const struct program *p;
    struct table *t = compile(sources, &options, &arena, d, &p);
    struct text said = {0};
    diag_render(d, DIAG_HUMAN, &said);
    if (!t)
        fail_msg("%s", said.at);
    text_done(&said);
    text_done(&text);
    diags_free(d);
    sources_free(sources);
    arena_free(&arena);
    return t;
}

struct row {
    const char *sentence, *before, *after;
    enum verdict_difference what;
};

#define WHEN "when path under \"/\" "

static const struct row rows[] = {
    {"nothing is nothing", "", "", DIFFERENCE_NONE},
    {"another clause that does the same", "", WHEN "{ forward web }", DIFFERENCE_NONE},
    {"another cluster", "", WHEN "{ forward api }", DIFFERENCE_CLUSTER},
    {"a split that comes to the same", "", WHEN "{ split { 100% -> web } }", DIFFERENCE_NONE},
    {"denied", "", WHEN "{ deny 403 }", DIFFERENCE_OUTCOME},
    {"dropped", WHEN "{ deny 403 }", WHEN "{ drop }", DIFFERENCE_OUTCOME},
    {"another status", WHEN "{ deny 403 }", WHEN "{ deny 404 }", DIFFERENCE_STATUS},
    {"another body", WHEN "{ deny 403 with \"a\" }", WHEN "{ deny 403 with \"b\" }",
     DIFFERENCE_ANSWER},
    {"another location", WHEN "{ redirect 302 \"/a\" }", WHEN "{ redirect 302 \"/b\" }",
     DIFFERENCE_ANSWER},
    {"a location that comes to the same", WHEN "{ redirect 302 \"http://a.test{path}\" }",
     WHEN "{ redirect 302 \"http://{host}/p\" }", DIFFERENCE_NONE},
    {"another path", "", WHEN "{ rewrite path \"/q\"; forward web }", DIFFERENCE_TARGET},
    {"a path that comes to the same", "", WHEN "{ rewrite path \"{path}\"; forward web }",
     DIFFERENCE_NONE},
    {"a header more", "", WHEN "{ set header \"x\" \"1\"; forward web }", DIFFERENCE_HEADERS},
    {"another value", WHEN "{ set header \"x\" \"1\"; forward web }",
     WHEN "{ set header \"x\" \"2\"; forward web }", DIFFERENCE_HEADERS},
    {"a value that comes to the same", WHEN "{ set header \"x\" \"a.test\"; forward web }",
     WHEN "{ set header \"x\" \"{host}\"; forward web }", DIFFERENCE_NONE},
    {"an order that nobody sees",
     WHEN "{ set header \"x\" \"1\"; set header \"y\" \"2\"; forward web }",
     WHEN "{ set header \"y\" \"2\"; set header \"x\" \"1\"; forward web }", DIFFERENCE_NONE},
    {"an order that is seen",
     WHEN "{ add header \"x\" \"1\"; add header \"x\" \"2\"; forward web }",
     WHEN "{ add header \"x\" \"2\"; add header \"x\" \"1\"; forward web }", DIFFERENCE_HEADERS},
    {"what is set over", WHEN "{ add header \"x\" \"1\"; set header \"x\" \"2\"; forward web }",
     WHEN "{ set header \"x\" \"2\"; forward web }", DIFFERENCE_NONE},
    {"a header of what is not sent on", WHEN "{ deny 403 }",
     WHEN "{ set header \"x\" \"1\"; deny 403 }", DIFFERENCE_NONE},
    {"a header of the answer", WHEN "{ deny 403 }",
     WHEN "{ set response header \"x\" \"1\"; deny 403 }", DIFFERENCE_HEADERS},
    {"the header of a response is not that of a request",
     WHEN "{ set header \"x\" \"1\"; forward web }",
     WHEN "{ set response header \"x\" \"1\"; forward web }", DIFFERENCE_HEADERS},
    {"a limit", "", WHEN "{ limit l; forward web }", DIFFERENCE_RULES},
    {"headers are graver than the rest", WHEN "{ tag \"a\"; forward web }",
     WHEN "{ set header \"x\" \"1\"; forward web }", DIFFERENCE_HEADERS},
    {"a timeout that is said over", WHEN "{ timeout read 1s; timeout read 2s; forward web }",
     WHEN "{ timeout read 2s; forward web }", DIFFERENCE_NONE},
};

static enum verdict_difference compare(const struct table *t, const struct table *u)
{
    static struct verdict a, b;
    struct arena arena = {0};
    struct request r;
    assert_null(request_parse(&r, SLICE("GET http://a.test/p"), 0, &arena));
    r.facts.listener = SLICE("front");
    eval(t, t->listener[0].route, &r.facts, &a, NULL);
    eval(u, u->listener[0].route, &r.facts, &b, NULL);
    const enum verdict_difference d =
        verdict_compare((struct compared){t, &a}, (struct compared){u, &b}, &r.facts);
    arena_free(&arena);
    return d;
}

/* Either way round, and with clusters at other places. */
static void each_difference_is_told(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct table *t = compiled(rows[i].before, false), *u = compiled(rows[i].after, true);
        if (compare(t, u) != rows[i].what || compare(u, t) != rows[i].what)
            fail_msg("%s: %s and %s", rows[i].sentence, verdict_difference_text(compare(t, u)),
                     verdict_difference_text(compare(u, t)));
        table_free(t);
        table_free(u);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(each_difference_is_told)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

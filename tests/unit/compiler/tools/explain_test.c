#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "compiler/lower/lower.h"
#include "compiler/sema/program.h"
#include "compiler/table/verify.h"
#include "compiler/tools/explain.h"
#include "compiler/tools/request.h"
#include "runtime/base/arena.h"
#include "runtime/base/text.h"

static const struct cond ALWAYS = {.kind = COND_TRUE};
static const struct cond IS_API = {
    .kind = COND_ATOM, .field = FIELD_PATH, .compare = COMPARE_UNDER, .string = SLICE_INIT("/api")};
static const struct cond TIERED = {.kind = COND_ATOM,
                                   .field = FIELD_HEADER,
                                   .key = SLICE_INIT("x-tier"),
                                   .compare = COMPARE_EQUAL,
                                   .string = SLICE_INIT("public:h")};
static const struct cond ASKED = {
    .kind = COND_ATOM, .field = FIELD_QUERY_KEY, .key = SLICE_INIT("q"), .compare = COMPARE_EXISTS};
static const struct cond BOTH = {.kind = COND_AND, .left = &TIERED, .right = &ASKED};
static const struct table_part PARTS[] = {{.literal = SLICE_INIT("public:")},
                                          {.field = FIELD_HOST}};
static const struct action CHANGE[] = {
    {.kind = ACTION_SET_HEADER, .name = SLICE_INIT("x-tier"), .value = {PARTS, 2}},
    {.kind = ACTION_CONTINUE}};
static const struct action DENY[] = {{.kind = ACTION_DENY, .status = 403}};
static const struct action MOVE[] = {{.kind = ACTION_REDIRECT, .status = 308, .value = {PARTS, 2}}};
static const struct clause CLAUSES[] = {
    {.when = &IS_API, .action = CHANGE, .n_actions = 2},
    {.when = &BOTH, .action = DENY, .n_actions = 1},
    {.when = &ALWAYS, .otherwise = true, .action = MOVE, .n_actions = 1}};
static const struct route ROUTE = {.name = SLICE_INIT("shop"), .clause = CLAUSES, .n_clauses = 3};

static const struct {
    const char *request, *told;
} rows[] = {
    {"GET http://h/api?q=a+b", "\n"
                               "clause 1  :0\n"
                               "  true   path under \"/api\"  (is \"/api\")\n"
                               "         set header \"x-tier\" \"public:{host}\"\n"
                               "\n"
                               "clause 2  :0\n"
                               "  true   header \"x-tier\" == \"public:h\"  (is \"public:h\")\n"
                               "  true   query \"q\" exists  (is \"a b\")\n"
                               "\n"
                               "the request is changed\n"
                               "  set header \"x-tier\" \"public:h\"\n"
                               "\n"
                               "deny 403  by clause 2 of route shop, :0\n"},
    {"GET http://h/", "\n"
                      "clause 1  :0\n"
                      "  false  path under \"/api\"  (is \"/\")\n"
                      "\n"
                      "clause 2  :0\n"
                      "  false  header \"x-tier\" == \"public:h\"  (is absent)\n"
                      "\n"
                      "clause 3  :0\n"
                      "\n"
                      "redirect 308 \"public:h\"  by clause 3 of route shop, :0\n"},
};

static void each_step_is_told(void **state)
{
    (void)state;
    const struct program p = {.route = &ROUTE, .n_routes = 1};
    struct table *t = lower(&p);
    assert_null(table_verify(t));
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct arena arena = {0};
        struct request *r = MUST_NEW(struct request);
        struct text out = {0};
        assert_null(request_parse(r, slice_of(rows[i].request), 0, &arena));
        explain_write(&(struct explain){t, NULL, 0, &r->facts}, false, &out);
        assert_string_equal(out.at, rows[i].told);
        text_done(&out);
        free(r);
        arena_free(&arena);
    }
    table_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(each_step_is_told)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

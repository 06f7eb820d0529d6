/* What a path of the admin port means. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "runtime/base/check.h"
#include "stats/server/route.h"

static void paths(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        enum route_kind kind;
        bool token;
        enum route_kind without; /* metrics and pages */
    } ROW[] = {
        {"/", ROUTE_FILE, false, ROUTE_NONE},
        {"/index.html", ROUTE_FILE, false, ROUTE_NONE},
        {"/main.js", ROUTE_FILE, false, ROUTE_NONE},
        {"/package.json", ROUTE_NONE, false, ROUTE_NONE},
        {"/../main.js", ROUTE_NONE, false, ROUTE_NONE},
        {"//main.js", ROUTE_NONE, false, ROUTE_NONE},
        {"", ROUTE_NONE, false, ROUTE_NONE},
        {"*", ROUTE_NONE, false, ROUTE_NONE},
        {"/health", ROUTE_HEALTH, false, ROUTE_HEALTH},
        {"/healthy", ROUTE_NONE, false, ROUTE_NONE},
        {"/metrics", ROUTE_ASK, true, ROUTE_NONE},
        {"/api/v1", ROUTE_INDEX, true, ROUTE_INDEX},
        {"/api/v1/", ROUTE_INDEX, true, ROUTE_INDEX},
        {"/api/v1/servers", ROUTE_ASK, true, ROUTE_ASK},
        {"/api/v1/servers/", ROUTE_NONE, false, ROUTE_NONE},
        {"/api/v1/Servers", ROUTE_NONE, false, ROUTE_NONE},
        {"/api/v1/events", ROUTE_EVENTS, true, ROUTE_EVENTS},
        {"/api/v2/servers", ROUTE_NONE, false, ROUTE_NONE},
    };
    for (size_t i = 0; i < COUNT_OF(ROW); i++) {
        const struct route with = route_find(slice_of(ROW[i].path), true, true);
        const struct route without = route_find(slice_of(ROW[i].path), false, false);
        if (with.kind != ROW[i].kind || with.needs_token != ROW[i].token ||
            without.kind != ROW[i].without)
            fail_msg("%s: %d, %d", ROW[i].path, (int)with.kind, (int)without.kind);
        assert_int_equal(with.is_page, strcmp(ROW[i].path, "/") == 0);
    }
}

/* Whatever shows something asks for a token, and is a command that changes nothing. */
static void endpoints(void **state)
{
    (void)state;
    for (enum api e = 0; e < ENDPOINT_COUNT; e++) {
        const struct route r = route_find(slice_of(endpoint_path(e)), true, true);
        assert_int_equal(r.kind, ROUTE_ASK);
        assert_int_equal(r.endpoint, e);
        assert_true(r.needs_token);
        assert_true(slice_starts(slice_of(endpoint_command(e)), SLICE("show ")));
        assert_true(endpoint_help(e)[0] != '\0');
    }
}

static void types(void **state)
{
    (void)state;
    assert_string_equal(route_type(SLICE("a.js")), "text/javascript; charset=utf-8");
    assert_string_equal(route_type(SLICE("a.b.css")), "text/css; charset=utf-8");
    assert_string_equal(route_type(SLICE("js")), "application/octet-stream");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths),
        cmocka_unit_test(endpoints),
        cmocka_unit_test(types),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Names that may stand in Host, tokens, cookies, and requests for other sites. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "stats/server/guard.h"

#define S(text) SLICE_INIT(text)

static void hosts(void **state)
{
    (void)state;
    static const struct {
        const char *says;
        struct slice host;
        const char *bind;
        bool ours;
    } ROW[] = {
        {"localhost", S("localhost"), "127.0.0.1:9000", true},
        {"with a port, which is not looked at", S("localhost:1"), "127.0.0.1:9000", true},
        {"in capitals", S("LocalHost:9000"), "[::1]:9000", true},
        {"a loopback address", S("127.0.0.1:9000"), "127.0.0.1:9000", true},
        {"another one", S("127.1.2.3"), "127.0.0.1:9000", true},
        {"of the other family", S("[::1]:9000"), "127.0.0.1:9000", true},
        {"a name", S("lbc.example.com"), "127.0.0.1:9000", false},
        {"a name that begins like ours", S("localhost.example.com"), "127.0.0.1:9000", false},
        {"one that ends like ours", S("evil-localhost"), "127.0.0.1:9000", false},
        {"a name of digits", S("127.0.0.1.example.com"), "127.0.0.1:9000", false},
        {"a short address, which browsers take for a name first", S("127.1"), "127.0.0.1:9000",
         false},
        {"no name", S(""), "127.0.0.1:9000", false},
        {"half an address", S("[::1"), "127.0.0.1:9000", false},
        {"another address at loopback", S("10.0.0.5"), "127.0.0.1:9000", false},
        {"the bind's own", S("10.0.0.5:9000"), "10.0.0.5:9000", true},
        {"any address at another one, for no name stands for it", S("192.0.2.1"), "0.0.0.0:9000",
         true},
        {"a name at another one", S("lbc.example.com"), "0.0.0.0:9000", false},
        {"anything at a Unix socket", S("lbc.example.com"), "unix:/run/admin", true},
    };
    for (size_t i = 0; i < COUNT_OF(ROW); i++) {
        struct endpoint bind;
        assert_true(endpoint_parse(slice_of(ROW[i].bind), &bind));
        if (guard_host_is_ours(ROW[i].host, &bind) != ROW[i].ours)
            fail_msg("%s", ROW[i].says);
    }
}

static void requests_for_other_sites(void **state)
{
    (void)state;
    static const struct {
        const char *says;
        struct slice site, mode, origin, host;
        bool page, api;
    } ROW[] = {
        {"a program", S(""), S(""), S(""), S("localhost"), false, false},
        {"typed in", S("none"), S("navigate"), S(""), S("localhost"), false, false},
        {"our own page", S("same-origin"), S("cors"), S(""), S("localhost"), false, false},
        {"a link of another", S("cross-site"), S("navigate"), S(""), S("localhost"), false, true},
        {"an image of another", S("cross-site"), S("no-cors"), S(""), S("localhost"), true, true},
        {"another port of this host", S("same-site"), S("cors"), S(""), S("localhost:9000"), true,
         true},
        {"another origin", S(""), S(""), S("http://evil"), S("localhost"), true, true},
        {"no origin to speak of", S(""), S(""), S("null"), S("localhost"), true, true},
        {"another port as origin", S(""), S(""), S("http://localhost:1"), S("localhost:9000"), true,
         true},
        {"this one", S("same-origin"), S("cors"), S("http://Localhost:9000"), S("localhost:9000"),
         false, false},
        {"this one behind TLS", S("same-origin"), S("cors"), S("https://a.b"), S("a.b"), false,
         false},
    };
    for (size_t i = 0; i < COUNT_OF(ROW); i++)
        for (int page = 0; page < 2; page++)
            if (guard_is_foreign(ROW[i].site, ROW[i].mode, ROW[i].origin, ROW[i].host, page) !=
                (page ? ROW[i].page : ROW[i].api))
                fail_msg("%s, %s", ROW[i].says, page ? "the page" : "the API");
}

static void tokens_and_cookies(void **state)
{
    (void)state;
    struct guard g = {.asks = false}, other = {.asks = false}, again = {.asks = false};
    guard_init(&g, SLICE("0123456789abcdef"), SLICE("random"));
    guard_init(&again, SLICE("0123456789abcdef"), SLICE("another process"));
    guard_init(&other, SLICE("0123456789abcdeg"), SLICE("random"));
    assert_true(guard_is_token(&g, SLICE("0123456789abcdef")));
    assert_false(guard_is_token(&g, SLICE("0123456789abcdeF")));
    assert_false(guard_is_token(&g, SLICE("0123456789abcde")));
    assert_false(guard_is_token(&g, SLICE("0123456789abcdef0")));
    assert_false(guard_is_token(&g, SLICE("")));
    assert_true(guard_is_cookie(&g, slice_of(g.cookie)));
    assert_string_equal(g.cookie, again.cookie); /* it outlives the process */
    assert_false(guard_is_cookie(&g, slice_of(other.cookie)));
    assert_false(guard_is_cookie(&g, SLICE("")));
    assert_int_equal(strlen(g.cookie), GUARD_COOKIE_MAX - 1);
    guard_done(&g);
    guard_done(&other);
    guard_done(&again);
    assert_false(g.asks);
}

static void tokens_that_are_none(void **state)
{
    (void)state;
    char long_one[GUARD_TOKEN_MAX + 1];
    memset(long_one, 'x', sizeof(long_one));
    assert_null(guard_token_problem(SLICE("0123456789abcdef")));
    assert_null(guard_token_problem((struct slice){long_one, GUARD_TOKEN_MAX}));
    assert_non_null(guard_token_problem((struct slice){long_one, GUARD_TOKEN_MAX + 1}));
    assert_non_null(guard_token_problem(SLICE("0123456789abcde")));
    assert_non_null(guard_token_problem(SLICE("0123456789 abcdef")));
    assert_non_null(guard_token_problem(SLICE("0123456789abcdef\n")));
    assert_non_null(guard_token_problem(SLICE("0123456789abcd\xc3\xbc")));
}

static void what_headers_carry(void **state)
{
    (void)state;
    assert_true(slice_eq(guard_bearer(SLICE("Bearer abc")), SLICE("abc")));
    assert_true(slice_eq(guard_bearer(SLICE(" bearer  abc ")), SLICE("abc")));
    assert_int_equal(guard_bearer(SLICE("Basic abc")).len, 0);
    assert_int_equal(guard_bearer(SLICE("Bearer")).len, 0);
    assert_int_equal(guard_bearer(SLICE("")).len, 0);
    const struct slice all = SLICE("a=1; lbc-admin-9000=x=y;lbc-admin-9=z");
    assert_true(slice_eq(guard_cookie(all, SLICE("lbc-admin-9000")), SLICE("x=y")));
    assert_true(slice_eq(guard_cookie(all, SLICE("lbc-admin-9")), SLICE("z")));
    assert_int_equal(guard_cookie(all, SLICE("lbc-admin-90")).len, 0);
    assert_int_equal(guard_cookie(SLICE(""), SLICE("a")).len, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hosts),
        cmocka_unit_test(requests_for_other_sites),
        cmocka_unit_test(tokens_and_cookies),
        cmocka_unit_test(tokens_that_are_none),
        cmocka_unit_test(what_headers_carry),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

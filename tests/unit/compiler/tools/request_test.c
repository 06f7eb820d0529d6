#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "compiler/tools/request.h"
#include "runtime/base/arena.h"

static const struct {
    const char *says, *line, *header;
    const char *method, *scheme, *host, *path, *uri, *query; /* path NULL: refused */
    uint16_t port;
} requests[] = {
    {"a whole URL", "GET http://Shop.Example.com:8080/a/../b?c=d", NULL, "GET", "http",
     "shop.example.com", "/b", "/b?c=d", "c=d", 8080},
    {"https has its own port", "POST https://h", NULL, "POST", "https", "h", "/", "/", NULL, 443},
    {"a path alone has no host", "GET /x", NULL, "GET", "http", "", "/x", "/x", NULL, 80},
    {"unless a header says it", "GET /x", "Host: H.:81", "GET", "http", "h", "/x", "/x", NULL, 81},
    {"both may agree", "GET http://h/x", "host: h", "GET", "http", "h", "/x", "/x", NULL, 80},
    {"they must not differ", "GET http://h/x", "host: g", "", "", "", NULL, "", NULL, 0},
    {"an empty query is one", "GET /?", NULL, "GET", "http", "", "/", "/?", "", 80},
    {"the server as a whole", "OPTIONS *", "Host: h", "OPTIONS", "http", "h", "*", "*", NULL, 80},
    {"which has another form", "OPTIONS https://h", NULL, "OPTIONS", "https", "h", "*", "*", NULL,
     443},
    {"only OPTIONS asks for it", "GET *", NULL, "", "", "", NULL, "", NULL, 0},
    {"no proxy for anything", "CONNECT h:443", NULL, "", "", "", NULL, "", NULL, 0},
    {"which is said of lines alone", "CONNECT h", "host: \x0f", "", "", "", NULL, "", NULL, 0},
    {"two hosts, even alike", "GET /", "host: h\r\nhost: h", "", "", "", NULL, "", NULL, 0},
    {"no method", "http://h/", NULL, "", "", "", NULL, "", NULL, 0},
    {"no URL", "GET ", NULL, "", "", "", NULL, "", NULL, 0},
    {"another scheme", "GET ftp://h/", NULL, "", "", "", NULL, "", NULL, 0},
    {"no host where one belongs", "GET http:///a", NULL, "", "", "", NULL, "", NULL, 0},
    {"a path that no server should see", "GET /a%2fb", NULL, "", "", "", NULL, "", NULL, 0},
    {"a query with a blank", "GET /a?b c", NULL, "", "", "", NULL, "", NULL, 0},
    {"a header without colon", "GET /", "name", "", "", "", NULL, "", NULL, 0},
    {"a header without name", "GET /", ": v", "", "", "", NULL, "", NULL, 0},
    {"a line end in a header", "GET /", "a: b\r\nc: d", "", "", "", NULL, "", NULL, 0},
};

static bool same(struct slice s, const char *wanted)
{
    return (s.at == NULL) == (wanted == NULL) && (!wanted || slice_eq(s, slice_of(wanted)));
}

static void requests_are_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(requests); i++) {
        struct arena arena = {0};
        struct request *r = MUST_NEW(struct request);
        const char *problem = request_parse(r, slice_of(requests[i].line), 0, &arena);
        if (!problem && requests[i].header)
            problem = request_add_header(r, slice_of(requests[i].header), &arena);
        if (!problem)
            problem = request_served(r);
        const struct facts *f = &r->facts;
        if (!requests[i].path) {
            if (!problem)
                fail_msg("%s: taken", requests[i].says);
        } else if (problem) {
            fail_msg("%s: %s", requests[i].says, problem);
        } else if (!same(f->method, requests[i].method) || !same(f->scheme, requests[i].scheme) ||
                   !same(f->host, requests[i].host) || !same(f->path, requests[i].path) ||
                   !same(f->uri, requests[i].uri) || !same(f->query, requests[i].query) ||
                   r->facts.port != requests[i].port) {
            fail_msg("%s: read wrongly", requests[i].says);
        }
        free(r);
        arena_free(&arena);
    }
}

static void headers_come_in_order(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct request *r = MUST_NEW(struct request);
    assert_null(request_parse(r, SLICE("GET /"), 0, &arena));
    assert_null(request_add_header(r, SLICE("X-A:  one "), &arena));
    assert_null(request_add_header(r, SLICE("other: no"), &arena));
    assert_null(request_add_header(r, SLICE("x-a:"), &arena));

    uint32_t cursor = 0;
    struct slice value;
    assert_true(r->facts.header(r->facts.request, SLICE("x-a"), &cursor, &value));
    assert_true(slice_eq(value, SLICE("one")));
    assert_true(r->facts.header(r->facts.request, SLICE("x-a"), &cursor, &value));
    assert_int_equal(value.len, 0);
    assert_false(r->facts.header(r->facts.request, SLICE("x-a"), &cursor, &value));
    free(r);
    arena_free(&arena);
}

static void the_client_is_an_address(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct request *r = MUST_NEW(struct request);
    assert_null(request_parse(r, SLICE("GET /"), 0, &arena));
    assert_null(request_from(r, SLICE("2001:db8::1"), &arena));
    assert_int_equal(r->facts.src.byte[0], 0x20);
    assert_non_null(request_from(r, SLICE("10.0.0.0/8"), &arena));
    free(r);
    arena_free(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_are_read),
        cmocka_unit_test(headers_come_in_order),
        cmocka_unit_test(the_client_is_an_address),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

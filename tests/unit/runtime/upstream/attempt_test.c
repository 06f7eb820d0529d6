#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "runtime/upstream/attempt.h"

static const struct {
    const char *says, *answer;
    int status;
} rows[] = {
    {"a status line", "HTTP/1.1 200 OK\r\n", 200},
    {"HTTP/1.0 will do", "HTTP/1.0 404 Not Found\r\n", 404},
    {"the reason may be missing", "HTTP/1.1 204\r\n", 204},
    {"and so may the CR", "HTTP/1.1 204\n", 204},
    {"what follows does not matter", "HTTP/1.1 503 \x01\xff", 503},
    {"nothing yet", "", 0},
    {"not enough yet", "HTTP/1.1 20", 0},
    {"the number is not over yet", "HTTP/1.1 200", 0},
    {"four digits are no status", "HTTP/1.1 2000 OK", -1},
    {"nor are two", "HTTP/1.1 20 OK\r\n", -1},
    {"nor one that begins with zero", "HTTP/1.1 099 x", -1},
    {"another protocol", "SSH-2.0-x\r\n", -1},
    {"another version", "HTTP/2.0 200 OK\r\n", -1},
    {"case matters", "http/1.1 200 OK\r\n", -1},
    {"one blank, not two", "HTTP/1.1  200 OK\r\n", -1},
    {"no blank before", " HTTP/1.1 200 OK\r\n", -1},
    {"nonsense is seen at its first byte", "x", -1},
};

static void status_lines_are_read_strictly(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const int status = attempt_status(slice_of(rows[i].answer));
        if (status != rows[i].status)
            fail_msg("%s: %d", rows[i].says, status);
    }
}

static void every_beginning_of_a_good_one_needs_more(void **state)
{
    (void)state;
    const struct slice whole = SLICE("HTTP/1.1 301 Moved\r\n");
    for (size_t len = 0; len <= whole.len; len++)
        assert_int_equal(attempt_status((struct slice){whole.at, len}), len < 13 ? 0 : 301);
}

static void a_plan_has_the_whole_request(void **state)
{
    (void)state;
    struct table_health check = {.kind = HEALTH_HTTP,
                                 .method = SLICE("GET"),
                                 .path = SLICE("/health?x=1"),
                                 .timeout_ns = 1,
                                 .status_first = 200,
                                 .status_last = 299};
    struct attempt_plan a = attempt_plan_new(&check, NULL, SLICE("10.0.0.1:80"));
    assert_string_equal(a.request.at, "GET /health?x=1 HTTP/1.1\r\nHost: 10.0.0.1:80\r\n"
                                      "User-Agent: lbc-health\r\nAccept: */*\r\n"
                                      "Connection: close\r\n\r\n");
    check.host = SLICE("app.example");
    struct attempt_plan b = attempt_plan_new(&check, NULL, SLICE("10.0.0.1:80"));
    assert_non_null(strstr(b.request.at, "\r\nHost: app.example\r\n"));
    assert_true(attempt_plan_eq(&a, &a));
    assert_false(attempt_plan_eq(&a, &b));
    attempt_plan_done(&a);
    attempt_plan_done(&b);
}

static void another_header_is_another_plan(void **state)
{
    (void)state;
    const struct table_health tcp = {.kind = HEALTH_TCP, .timeout_ns = 1};
    struct table_health v2 = tcp;
    v2.proxy_protocol = 2;
    struct attempt_plan plain = attempt_plan_new(&tcp, NULL, SLICE("h")),
                        two = attempt_plan_new(&v2, NULL, SLICE("h"));
    assert_int_equal(two.proxy_protocol, PROXY_V2);
    assert_false(attempt_plan_eq(&plain, &two));
    attempt_plan_done(&plain);
    attempt_plan_done(&two);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(status_lines_are_read_strictly),
        cmocka_unit_test(every_beginning_of_a_good_one_needs_more),
        cmocka_unit_test(a_plan_has_the_whole_request),
        cmocka_unit_test(another_header_is_another_plan),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

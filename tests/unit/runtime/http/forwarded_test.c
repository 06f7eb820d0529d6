#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "runtime/base/text.h"
#include "runtime/http/forwarded.h"
#include "runtime/http/h1_head.h"
#include "runtime/http/request_id.h"

static const struct {
    const char *says, *client, *proto, *host, *is;
} rows[] = {
    /* clang-format off */
    {"an IPv4 client",                 "192.0.2.1", "http", "example.com", "for=192.0.2.1;proto=http;host=example.com"},
    {"an IPv6 client is quoted",       "2001:db8::1", "https", "a", "for=\"[2001:db8::1]\";proto=https;host=a"},
    {"a mapped client is an IPv4 one", "::ffff:10.0.0.1", "http", "a", "for=10.0.0.1;proto=http;host=a"},
    {"a port is not of a token",       "10.0.0.1", "https", "a:8080", "for=10.0.0.1;proto=https;host=\"a:8080\""},
    {"an IPv6 host",                   "10.0.0.1", "https", "[::1]:80", "for=10.0.0.1;proto=https;host=\"[::1]:80\""},
    {"quotes and backslashes",         "10.0.0.1", "http", "a\"b\\c", "for=10.0.0.1;proto=http;host=\"a\\\"b\\\\c\""},
    {"no host",                        "10.0.0.1", "http", "", "for=10.0.0.1;proto=http"},
    /* clang-format on */
};

static struct address address(const char *text)
{
    struct address a;
    assert_true(address_parse(slice_of(text), &a));
    return a;
}

static void forwarded_is_quoted_where_it_must_be(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char out[FORWARDED_BYTES_MAX];
        const struct address client = address(rows[i].client);
        const size_t len =
            forwarded_write(&client, slice_of(rows[i].proto), slice_of(rows[i].host), out);
        if (!slice_eq((struct slice){out, len}, slice_of(rows[i].is)))
            fail_msg("%s: %.*s", rows[i].says, (int)len, out);
    }
}

static void a_host_that_does_not_fit_is_left_out(void **state)
{
    (void)state;
    char host[FORWARDED_BYTES_MAX], out[FORWARDED_BYTES_MAX];
    memset(host, 'a', sizeof(host));
    const struct address client = address("10.0.0.1");
    const size_t around = sizeof("for=10.0.0.1;proto=http;host=") - 1;
    size_t len =
        forwarded_write(&client, SLICE("http"), (struct slice){host, sizeof(out) - around}, out);
    assert_int_equal(len, sizeof(out));
    len = forwarded_write(&client, SLICE("http"), (struct slice){host, sizeof(out) - around + 1},
                          out);
    assert_int_equal(len, around - sizeof(";host=") + 1);
}

static void x_forwarded_for_is_appended_to(void **state)
{
    (void)state;
    const char in[] = "GET / HTTP/1.1\r\nX-Forwarded-For: 10.0.0.1 , 10.0.0.2\r\nX-A: b\r\n"
                      "x-forwarded-for:\r\nX-FORWARDED-FOR: 10.0.0.3\r\n\r\n";
    struct http_head head;
    assert_true(h1_request_parse(&head, in, sizeof(in) - 1) > 0);
    const struct address client = address("2001:db8::1");
    const char is[] = "10.0.0.1 , 10.0.0.2, 10.0.0.3, 2001:db8::1";

    char out[sizeof(is) - 1];
    assert_int_equal(x_forwarded_for_write(&head, &client, out, sizeof(out)), sizeof(out));
    assert_memory_equal(out, is, sizeof(out));
    assert_int_equal(x_forwarded_for_write(&head, &client, out, sizeof(out) - 1), sizeof(out));
    head.field[0].dropped = true; /* by the edit of the first time that it was sent */
    assert_int_equal(x_forwarded_for_write(&head, &client, out, sizeof(out)), sizeof(out));
    assert_memory_equal(out, is, sizeof(out));
    assert_int_equal(x_forwarded_for_write(NULL, &client, out, sizeof(out)), 11);
    assert_memory_equal(out, "2001:db8::1", 11);
}

static void a_request_id_is_32_digits(void **state)
{
    (void)state;
    char out[REQUEST_ID_BYTES];
    assert_int_equal(request_id_write(0x123456789abcdef, 0xfedcba9876543210, out), 32);
    assert_memory_equal(out, "0123456789abcdeffedcba9876543210", 32);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forwarded_is_quoted_where_it_must_be),
        cmocka_unit_test(a_host_that_does_not_fit_is_left_out),
        cmocka_unit_test(x_forwarded_for_is_appended_to),
        cmocka_unit_test(a_request_id_is_32_digits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

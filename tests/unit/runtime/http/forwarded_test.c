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
    {"a client on a Unix socket has no address", "::", "http", "a", "for=unknown;proto=http;host=a"},
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

static const struct {
    const char *says, *fields, *client;
} chains[] = {
    /* clang-format off */
    {"nothing is said",                 "", "10.0.0.1"},
    {"one client",                      "X-Forwarded-For: 192.0.2.1", "192.0.2.1"},
    {"the last that is not trusted",    "X-Forwarded-For: 198.51.100.1, 192.0.2.1", "192.0.2.1"},
    {"behind two proxies",              "X-Forwarded-For: 192.0.2.1, 10.0.0.2", "192.0.2.1"},
    {"over several lines",              "X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-For: 10.0.0.3,10.0.0.2", "192.0.2.1"},
    {"all are trusted",                 "X-Forwarded-For: 10.0.0.3, 10.0.0.2", "10.0.0.3"},
    {"nonsense ends it",                "X-Forwarded-For: 192.0.2.1, x, 10.0.0.2", "10.0.0.2"},
    {"nonsense at the end",             "X-Forwarded-For: 192.0.2.1, unknown", "10.0.0.1"},
    {"empty items are none",            "X-Forwarded-For: 192.0.2.1, , ", "192.0.2.1"},
    {"with a port",                     "X-Forwarded-For: 192.0.2.1:8080", "192.0.2.1"},
    {"IPv6 without brackets",           "X-Forwarded-For: 2001:db8::1", "2001:db8::1"},
    {"IPv6 with brackets and port",     "X-Forwarded-For: [2001:db8::1]:80", "2001:db8::1"},
    {"an open bracket",                 "X-Forwarded-For: [2001:db8::1", "10.0.0.1"},
    {"Forwarded",                       "Forwarded: for=192.0.2.1;proto=https", "192.0.2.1"},
    {"in quotes, not first, in capitals", "Forwarded: proto=https; For=\"[2001:db8::1]:80\"", "2001:db8::1"},
    {"a comma in quotes",               "Forwarded: for=192.0.2.1;host=\"a,b;for=192.0.2.2\", for=10.0.0.2", "192.0.2.1"},
    {"an escaped quote",                "Forwarded: host=\"a\\\",for=192.0.2.2\";for=192.0.2.1", "192.0.2.1"},
    {"a hidden node",                   "Forwarded: for=_secret", "10.0.0.1"},
    {"an element without for",          "Forwarded: for=192.0.2.1, proto=https", "10.0.0.1"},
    {"a quote that does not end",       "Forwarded: for=\"192.0.2.1", "10.0.0.1"},
    {"X-Forwarded-For goes first",      "Forwarded: for=192.0.2.1\r\nX-Forwarded-For: 192.0.2.2", "192.0.2.2"},
    /* clang-format on */
};

static bool of_ten(const void *of, const struct address *a)
{
    (void)of;
    return address_is_v4(a) && a->byte[12] == 10;
}

static struct address client_by(const char *fields, enum forwarded_by by)
{
    struct text head = {0};
    text_addf(&head, "GET / HTTP/1.1\r\n%s%s\r\n", fields, *fields ? "\r\n" : "");
    struct http_head h;
    assert_true(h1_request_parse(&h, head.at, head.len) > 0);
    const struct address from = address("10.0.0.1");
    const struct address client = forwarded_client(&h, by, &from, of_ten, NULL);
    text_done(&head);
    return client;
}

static struct address client_of(const char *fields)
{
    return client_by(fields, FORWARDED_BY_EITHER);
}

static void one_header_alone_may_be_believed(void **state)
{
    (void)state;
    static const char both[] = "Forwarded: for=192.0.2.1\r\nX-Forwarded-For: 192.0.2.2";
    static const struct {
        const char *fields;
        enum forwarded_by by;
        const char *client;
    } believed[] = {{both, FORWARDED_BY_FORWARDED, "192.0.2.1"},
                    {both, FORWARDED_BY_X_FORWARDED_FOR, "192.0.2.2"},
                    {"X-Forwarded-For: 192.0.2.2", FORWARDED_BY_FORWARDED, "10.0.0.1"},
                    {"Forwarded: for=192.0.2.1", FORWARDED_BY_X_FORWARDED_FOR, "10.0.0.1"}};
    for (size_t i = 0; i < COUNT_OF(believed); i++) {
        const struct address is = client_by(believed[i].fields, believed[i].by),
                             wanted = address(believed[i].client);
        assert_int_equal(address_compare(&is, &wanted), 0);
    }
}

static void the_client_is_the_last_that_nobody_trusts(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(chains); i++) {
        const struct address is = client_of(chains[i].fields), wanted = address(chains[i].client);
        char text[ADDRESS_TEXT_MAX];
        address_format(&is, text);
        if (address_compare(&is, &wanted) != 0)
            fail_msg("%s: %s", chains[i].says, text);
    }
}

/* Of a long chain the end is looked at, where it matters. */
static void a_long_chain_is_read_from_its_end(void **state)
{
    (void)state;
    struct text fields = {0};
    text_adds(&fields, "X-Forwarded-For: 192.0.2.1");
    for (uint32_t i = 0; i + 1 < FORWARDED_HOPS_MAX; i++)
        text_adds(&fields, ", 10.0.0.9");
    const struct address wanted = address("192.0.2.1"), last = address("10.0.0.9");
    struct address is = client_of(fields.at);
    assert_int_equal(address_compare(&is, &wanted), 0);
    text_adds(&fields, ", 10.0.0.9");
    is = client_of(fields.at);
    assert_int_equal(address_compare(&is, &last), 0);
    text_done(&fields);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_client_is_the_last_that_nobody_trusts),
        cmocka_unit_test(one_header_alone_may_be_believed),
        cmocka_unit_test(a_long_chain_is_read_from_its_end),
        cmocka_unit_test(forwarded_is_quoted_where_it_must_be),
        cmocka_unit_test(a_host_that_does_not_fit_is_left_out),
        cmocka_unit_test(x_forwarded_for_is_appended_to),
        cmocka_unit_test(a_request_id_is_32_digits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

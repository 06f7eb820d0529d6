#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "runtime/net/proxy_header.h"
#include "tests/unit/runtime/http/guarded.h"

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"
#define ROW(says, bytes, used, src, dst)                                                           \
    {                                                                                              \
        says, {bytes, sizeof(bytes) - 1}, used, src, dst                                           \
    }
#define LONG_UNKNOWN                                                                               \
    "PROXY UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535 "                                   \
    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"                                                          \
    "xxxxxxxxxxxx"

/* `used` is what is used; 0: more is needed. `src` is NULL where nobody is named. */
static const struct {
    const char *says;
    struct slice bytes;
    int used;
    const char *src, *dst;
} rows[] = {
    /* clang-format off */
    ROW("version 1, IPv4", "PROXY TCP4 192.0.2.1 10.0.0.1 56324 443\r\n", 41, "192.0.2.1:56324", "10.0.0.1:443"),
    ROW("version 1, IPv6", "PROXY TCP6 2001:db8::1 ::1 1 65535\r\n", 36, "[2001:db8::1]:1", "[::1]:65535"),
    ROW("what follows is not used", "PROXY TCP4 192.0.2.1 10.0.0.1 1 2\r\nGET", 35, "192.0.2.1:1", "10.0.0.1:2"),
    ROW("unknown", "PROXY UNKNOWN\r\n", 15, NULL, NULL),
    ROW("unknown, with whatever behind it", "PROXY UNKNOWN a b  c\r\n", 22, NULL, NULL),
    ROW("the longest line", LONG_UNKNOWN "\r\n", 107, NULL, NULL),
    ROW("a longer line", LONG_UNKNOWN "x\r\n", PROXY_BAD, NULL, NULL),
    ROW("107 bytes without an end", LONG_UNKNOWN "xx", PROXY_BAD, NULL, NULL),
    ROW("106 bytes without an end", LONG_UNKNOWN "x", 0, NULL, NULL),
    ROW("a bare line feed", "PROXY TCP4 192.0.2.1 10.0.0.1 1 2\n", PROXY_BAD, NULL, NULL),
    ROW("two spaces", "PROXY TCP4  192.0.2.1 10.0.0.1 1 2\r\n", PROXY_BAD, NULL, NULL),
    ROW("a space at the end", "PROXY TCP4 192.0.2.1 10.0.0.1 1 2 \r\n", PROXY_BAD, NULL, NULL),
    ROW("a leading zero", "PROXY TCP4 192.0.2.1 10.0.0.1 01 2\r\n", PROXY_BAD, NULL, NULL),
    ROW("a port too large", "PROXY TCP4 192.0.2.1 10.0.0.1 65536 2\r\n", PROXY_BAD, NULL, NULL),
    ROW("a negative port", "PROXY TCP4 192.0.2.1 10.0.0.1 -1 2\r\n", PROXY_BAD, NULL, NULL),
    ROW("no port", "PROXY TCP4 192.0.2.1 10.0.0.1 1\r\n", PROXY_BAD, NULL, NULL),
    ROW("a word too many", "PROXY TCP4 192.0.2.1 10.0.0.1 1 2 3\r\n", PROXY_BAD, NULL, NULL),
    ROW("IPv6 where IPv4 is said", "PROXY TCP4 ::1 10.0.0.1 1 2\r\n", PROXY_BAD, NULL, NULL),
    ROW("IPv4 where IPv6 is said", "PROXY TCP6 192.0.2.1 ::1 1 2\r\n", PROXY_BAD, NULL, NULL),
    ROW("a family that there is not", "PROXY UDP4 192.0.2.1 10.0.0.1 1 2\r\n", PROXY_BAD, NULL, NULL),
    ROW("small letters", "proxy TCP4 192.0.2.1 10.0.0.1 1 2\r\n", PROXY_BAD, NULL, NULL),
    ROW("nothing but the word", "PROXY \r\n", PROXY_BAD, NULL, NULL),
    ROW("a request", "GET / HTTP/1.1\r\n", PROXY_BAD, NULL, NULL),
    ROW("nothing", "", 0, NULL, NULL),
    ROW("the beginning of either", "\r\n", 0, NULL, NULL),

    ROW("version 2, IPv4", SIGNATURE "\x21\x11\0\x0c\xc0\0\x02\x01\x0a\0\0\x01\xdc\x04\x01\xbb", 28, "192.0.2.1:56324", "10.0.0.1:443"),
    ROW("version 2, IPv6", SIGNATURE "\x21\x21\0\x24" "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01" "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01" "\0\x01\xff\xff", 52, "[2001:db8::1]:1", "[::1]:65535"),
    ROW("with two TLVs", SIGNATURE "\x21\x11\0\x14\xc0\0\x02\x01\x0a\0\0\x01\0\x01\0\x02" "\x04\0\x02" "ab" "\x02\0\0", 36, "192.0.2.1:1", "10.0.0.1:2"),
    ROW("a TLV longer than its room", SIGNATURE "\x21\x11\0\x11\xc0\0\x02\x01\x0a\0\0\x01\0\x01\0\x02" "\x04\0\x03" "ab", PROXY_BAD, NULL, NULL),
    ROW("half a TLV", SIGNATURE "\x21\x11\0\x0e\xc0\0\x02\x01\x0a\0\0\x01\0\x01\0\x02" "\x04\0", PROXY_BAD, NULL, NULL),
    ROW("local", SIGNATURE "\x20\0\0\0", 16, NULL, NULL),
    ROW("local, with addresses that are not looked at", SIGNATURE "\x20\x11\0\x03" "abc", 19, NULL, NULL),
    ROW("unspecified", SIGNATURE "\x21\0\0\x02" "ab", 18, NULL, NULL),
    ROW("no room for the addresses", SIGNATURE "\x21\x11\0\x0b\xc0\0\x02\x01\x0a\0\0\x01\0\x01\0", PROXY_BAD, NULL, NULL),
    ROW("datagrams", SIGNATURE "\x21\x12\0\x0c\xc0\0\x02\x01\x0a\0\0\x01\0\x01\0\x02", PROXY_BAD, NULL, NULL),
    ROW("a command that there is not", SIGNATURE "\x22", PROXY_BAD, NULL, NULL),
    ROW("a version that there is not", SIGNATURE "\x11", PROXY_BAD, NULL, NULL),
    ROW("a length beyond the bound", SIGNATURE "\x21\x11\x10\x00", PROXY_BAD, NULL, NULL),
    ROW("a signature that goes wrong late", "\r\n\r\n\0\r\nQUIT\r", PROXY_BAD, NULL, NULL),
    /* clang-format on */
};

static struct endpoint endpoint(const char *text)
{
    struct endpoint e;
    assert_true(endpoint_parse(slice_of(text), &e));
    return e;
}

static bool same(const char *text, const struct endpoint *got)
{
    const struct endpoint none = {0}, wanted = text ? endpoint(text) : none;
    return endpoint_eq(&wanted, got);
}

static void headers_are_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct proxy_header h = {0};
        const struct slice got = {guarded(rows[i].bytes), rows[i].bytes.len};
        const int used = proxy_header_read(got, &h);
        if (used != rows[i].used)
            fail_msg("%s: %d", rows[i].says, used);
        if (used > 0 && (!same(rows[i].src, &h.src) || !same(rows[i].dst, &h.dst) ||
                         h.named != (rows[i].src != NULL)))
            fail_msg("%s: other addresses", rows[i].says);
    }
}

/* One byte at a time: more is needed until the last one, or until it is known to be bad. */
static void headers_come_in_pieces(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct proxy_header h;
        int used = 0;
        for (size_t len = 0; len <= rows[i].bytes.len && used == 0; len++) {
            const struct slice piece = {rows[i].bytes.at, len};
            used = proxy_header_read((struct slice){guarded(piece), len}, &h);
            if (used > 0 && (size_t)used != len)
                fail_msg("%s: complete at %zu, and %d used", rows[i].says, len, used);
        }
        if (used != rows[i].used)
            fail_msg("%s: in pieces %d", rows[i].says, used);
    }
}

static void unix_sockets_are_named_without_address(void **state)
{
    (void)state;
    char bytes[16 + 216] = SIGNATURE "\x21\x31\0\xd8/run/a.sock";
    struct proxy_header h;
    const struct slice all = {bytes, sizeof(bytes)};
    assert_int_equal(proxy_header_read((struct slice){guarded(all), all.len}, &h), sizeof(bytes));
    assert_true(h.named && same(NULL, &h.src) && same(NULL, &h.dst));
    bytes[15]--;
    assert_int_equal(proxy_header_read(all, &h), PROXY_BAD);
}

static const struct {
    const char *says, *src, *dst;
    size_t v1, v2; /* lengths */
} written[] = {
    {"IPv4", "192.0.2.1:1", "10.0.0.1:2", 35, 28},
    {"IPv6", "[2001:db8::1]:1", "[::1]:2", 32, 52},
    {"both", "192.0.2.1:1", "[::1]:2", 37, 52},
    {"the longest that are written", "[1111:2222:3333:4444:5555:6666:7777:8888]:65535",
     "[1111:2222:3333:4444:5555:6666:7777:8888]:65534", 104, 52},
    {"a Unix socket", NULL, "10.0.0.1:2", 15, 16},
};

static void what_is_written_is_read_as_the_same(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(written); i++) {
        const struct endpoint unix_peer = {0}, dst = endpoint(written[i].dst);
        const struct endpoint src = written[i].src ? endpoint(written[i].src) : unix_peer;
        for (enum proxy_version v = PROXY_V1; v <= PROXY_V2; v++) {
            char out[PROXY_WRITTEN_BYTES_MAX];
            struct proxy_header h;
            const size_t len = proxy_header_write(v, &src, &dst, out);
            const int used = proxy_header_read((struct slice){out, len}, &h);
            if (len != (v == PROXY_V1 ? written[i].v1 : written[i].v2) || used != (int)len)
                fail_msg("%s, version %d: %zu bytes, %d read", written[i].says, (int)v, len, used);
            if (written[i].src && (!endpoint_eq(&h.src, &src) || !endpoint_eq(&h.dst, &dst)))
                fail_msg("%s, version %d: other addresses", written[i].says, (int)v);
        }
    }
}

static void our_own_connections_name_nobody(void **state)
{
    (void)state;
    char out[PROXY_WRITTEN_BYTES_MAX];
    size_t len = proxy_header_write(PROXY_V1, NULL, NULL, out);
    assert_true(slice_eq((struct slice){out, len}, SLICE("PROXY UNKNOWN\r\n")));
    len = proxy_header_write(PROXY_V2, NULL, NULL, out);
    const struct slice local = {SIGNATURE "\x20\0\0\0", 16};
    assert_true(slice_eq((struct slice){out, len}, local));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(headers_are_read),
        cmocka_unit_test(headers_come_in_pieces),
        cmocka_unit_test(unix_sockets_are_named_without_address),
        cmocka_unit_test(what_is_written_is_read_as_the_same),
        cmocka_unit_test(our_own_connections_name_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

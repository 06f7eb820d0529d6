#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "runtime/http/h2_head.h"
#include "runtime/http/message.h"

static void assert_text(struct slice is, const char *expected)
{
    assert_true(slice_eq(is, slice_of(expected)));
}

#define LINE(m, s, a, p, q)                                                                        \
    {                                                                                              \
        .method = SLICE_INIT(m), .scheme = SLICE_INIT(s), .authority = SLICE_INIT(a),              \
        .path = SLICE_INIT(p), .protocol = SLICE_INIT(q)                                           \
    }

static const struct {
    const char *says;
    struct h2_request_line line;
    const char *text; /* NULL: refused */
} lines[] = {
    {"a request", LINE("GET", "http", "x", "/a?b", ""), "GET /a?b HTTP/1.1\r\nhost: x\r\n\r\n"},
    {"without an authority", LINE("GET", "https", "", "/", ""), "GET / HTTP/1.1\r\n\r\n"},
    {"an asterisk", LINE("OPTIONS", "http", "x", "*", ""), "OPTIONS * HTTP/1.1\r\nhost: x\r\n\r\n"},
    {"CONNECT", LINE("CONNECT", "", "x:1", "", ""), "CONNECT x:1 HTTP/1.1\r\nhost: x:1\r\n\r\n"},
    {"an extended CONNECT", LINE("CONNECT", "http", "x", "/c", "websocket"),
     "GET /c HTTP/1.1\r\nhost: x\r\nConnection: upgrade\r\nUpgrade: websocket\r\n"
     "Sec-WebSocket-Key: KEY\r\n\r\n"},
    {"a method that is no token", LINE("GE T", "http", "x", "/", ""), NULL},
    {"a path with a blank", LINE("GET", "http", "x", "/ HTTP/1.1", ""), NULL},
    {"a path with a line end", LINE("GET", "http", "x", "/\r\nb: c", ""), NULL},
    {"a path that is a URL", LINE("GET", "http", "x", "http://y/", ""), NULL},
    {"no path", LINE("GET", "http", "x", "", ""), NULL},
    {"another scheme", LINE("GET", "ftp", "x", "/", ""), NULL},
    {"a protocol without CONNECT", LINE("GET", "http", "x", "/", "websocket"), NULL},
    {"a protocol that is no token", LINE("CONNECT", "http", "x", "/", "a b"), NULL},
};

static void request_lines(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(lines); i++) {
        char room[256];
        struct h2_text t = {.at = room, .room = sizeof(room)};
        const bool good = h2_text_request(&t, &lines[i].line, SLICE("KEY"));
        if (good != (lines[i].text != NULL))
            fail_msg("%s", lines[i].says);
        if (good && !slice_eq((struct slice){room, h2_text_end(&t)}, slice_of(lines[i].text)))
            fail_msg("%s: %.*s", lines[i].says, (int)t.len, room);
    }
}

static void cookies_become_one_and_a_host_is_said_once(void **state)
{
    (void)state;
    char room[256];
    struct h2_text t = {.at = room, .room = sizeof(room), .authority = SLICE("x")};
    h2_text_field(&t, SLICE("cookie"), SLICE("a=1"));
    h2_text_field(&t, SLICE("host"), SLICE("X"));
    h2_text_field(&t, SLICE("b"), SLICE("2"));
    h2_text_field(&t, SLICE("cookie"), SLICE("c=3"));
    h2_text_field(&t, SLICE("host"), SLICE("y"));
    h2_text_field(&t, SLICE("cookie"), SLICE(""));
    assert_text((struct slice){room, h2_text_end(&t)},
                "cookie: a=1; c=3; \r\nb: 2\r\nhost: y\r\n\r\n");
}

static void a_head_that_is_too_long_never_ends(void **state)
{
    (void)state;
    for (size_t bytes = 1; bytes < 35; bytes++) {
        char room[41];
        memset(room, 0, sizeof(room)); /* what must not be read */
        struct h2_text t = {.at = room, .room = bytes};
        h2_text_response(&t, SLICE("200"), false);
        h2_text_field(&t, SLICE("cookie"), SLICE("a=1"));
        h2_text_field(&t, SLICE("cookie"), SLICE("a=1"));
        assert_int_equal(h2_text_end(&t), bytes);
        assert_true(t.len > bytes);
        assert_null(memmem(room, bytes, "\r\n\r\n", 4));
        assert_null(memchr(room, 0, bytes));
        assert_int_equal(room[bytes], 0);
    }
}

static void what_a_request_that_was_written_says(void **state)
{
    (void)state;
    char text[] = "POST /a?b HTTP/1.1\r\nHost: x:1\r\nX-One:  1 \r\nTE: trailers\r\n"
                  "Transfer-Encoding: chunked\r\nConnection: close\r\n\r\nbody";
    static struct h2_fields f;
    assert_int_equal(h2_fields_request(&f, slice_of(text), SLICE("http")), sizeof(text) - 5);
    static const char *const expected[][2] = {{":method", "POST"},   {":scheme", "http"},
                                              {":authority", "x:1"}, {":path", "/a?b"},
                                              {"x-one", "1"},        {"te", "trailers"}};
    assert_int_equal(f.n, COUNT_OF(expected));
    for (size_t i = 0; i < f.n; i++) {
        assert_text(f.at[i].name, expected[i][0]);
        assert_text(f.at[i].value, expected[i][1]);
    }
}

static void what_an_answer_that_was_written_says(void **state)
{
    (void)state;
    char text[] = "HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: websocket\r\n"
                  "Sec-WebSocket-Accept: x\r\nX: y\r\n\r\n";
    static struct h2_fields f;
    assert_int_equal(h2_fields_response(&f, slice_of(text)), sizeof(text) - 1);
    assert_int_equal(f.status, 101);
    assert_int_equal(f.n, 2);
    assert_text(f.at[0].value, "200");
    assert_text(f.at[1].name, "x");
}

static void more_fields_than_there_is_room_for(void **state)
{
    (void)state;
    static char text[H2_FIELDS_MAX * 8];
    size_t len = 0;
    for (unsigned i = 0; i <= H2_FIELDS_MAX; i++, len += 6)
        memcpy(text + len, "a: b\r\n", 6);
    static struct h2_fields f;
    assert_false(h2_fields_trailer(&f, (struct slice){text, len}));
    assert_true(h2_fields_trailer(&f, (struct slice){text, len - 6}));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(request_lines),
        cmocka_unit_test(cookies_become_one_and_a_host_is_said_once),
        cmocka_unit_test(a_head_that_is_too_long_never_ends),
        cmocka_unit_test(what_a_request_that_was_written_says),
        cmocka_unit_test(what_an_answer_that_was_written_says),
        cmocka_unit_test(more_fields_than_there_is_room_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

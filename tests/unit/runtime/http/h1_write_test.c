#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "runtime/base/check.h"
#include "runtime/http/h1_head.h"
#include "runtime/http/h1_write.h"
#include "runtime/http/semantics.h"

#define SET(name, value)                                                                           \
    {                                                                                              \
        HTTP_SET, SLICE_INIT(name), SLICE_INIT(value)                                              \
    }
#define ADD(name, value)                                                                           \
    {                                                                                              \
        HTTP_ADD, SLICE_INIT(name), SLICE_INIT(value)                                              \
    }
#define REMOVE(name)                                                                               \
    {                                                                                              \
        HTTP_REMOVE, SLICE_INIT(name), SLICE_INIT("")                                              \
    }
#define EDITS_MAX 4

#define CHUNKED (1u << 0)
#define UPGRADE (1u << 1)
#define CLOSED  (1u << 2)
#define KEPT    (1u << 3)
#define CUT     (1u << 4) /* the cookie lb */
#define ASKED   (1u << 5) /* by another method */

static const struct row {
    const char *says, *in;
    unsigned flags;
    struct http_edit edit[EDITS_MAX];
    const char *is;
} requests[] = {
    /* clang-format off */
    {"as it came, but Host first",
     "GET /a HTTP/1.1\r\nA: 1\r\nHost: a\r\nB:2 \r\n\r\n", 0, {{0}},
     "GET /t HTTP/1.1\r\nHost: h\r\nA: 1\r\nB:2 \r\n\r\n"},
    {"an HTTP/1.0 request becomes one of 1.1",
     "GET /a HTTP/1.0\r\n\r\n", 0, {{0}}, "GET /t HTTP/1.1\r\nHost: h\r\n\r\n"},
    {"empty lines before it are gone",
     "\r\nGET /a HTTP/1.1\r\nHost: a\r\nA: 1\r\n\r\n", 0, {{0}},
     "GET /t HTTP/1.1\r\nHost: h\r\nA: 1\r\n\r\n"},
    {"hop-by-hop fields go: first, last and within",
     "GET /a HTTP/1.1\r\nConnection: x\r\nHost: a\r\nA: 1\r\nX: 2\r\nB: 3\r\nTE: a\r\nC: 4\r\nKeep-Alive: 5\r\n\r\n",
     0, {{0}}, "GET /t HTTP/1.1\r\nHost: h\r\nA: 1\r\nB: 3\r\nC: 4\r\n\r\n"},
    {"set replaces all there were",
     "GET /a HTTP/1.1\r\nHost: a\r\nX-A: 1\r\nB: 2\r\nx-a: 3\r\n\r\n", 0, {SET("x-a", "4")},
     "GET /t HTTP/1.1\r\nHost: h\r\nB: 2\r\nx-a: 4\r\n\r\n"},
    {"add keeps them",
     "GET /a HTTP/1.1\r\nHost: a\r\nX-A: 1\r\n\r\n", 0, {ADD("x-a", "2"), ADD("x-a", "3")},
     "GET /t HTTP/1.1\r\nHost: h\r\nX-A: 1\r\nx-a: 2\r\nx-a: 3\r\n\r\n"},
    {"by another method than it came with",
     "POST /a HTTP/1.1\r\nHost: a\r\nA: 1\r\n\r\n", ASKED, {{0}},
     "GET /t HTTP/1.1\r\nHost: h\r\nA: 1\r\n\r\n"},
    {"remove removes",
     "GET /a HTTP/1.1\r\nHost: a\r\nX-A: 1\r\n\r\n", 0, {REMOVE("x-a")},
     "GET /t HTTP/1.1\r\nHost: h\r\n\r\n"},
    {"the later set wins",
     "GET /a HTTP/1.1\r\nHost: a\r\n\r\n", 0, {SET("x-a", "1"), ADD("x-b", "2"), SET("x-a", "3")},
     "GET /t HTTP/1.1\r\nHost: h\r\nx-b: 2\r\nx-a: 3\r\n\r\n"},
    {"set, then add: both",
     "GET /a HTTP/1.1\r\nHost: a\r\nX-A: 0\r\n\r\n", 0, {SET("x-a", "1"), ADD("x-a", "2")},
     "GET /t HTTP/1.1\r\nHost: h\r\nx-a: 1\r\nx-a: 2\r\n\r\n"},
    {"add, then remove: none",
     "GET /a HTTP/1.1\r\nHost: a\r\n\r\n", 0, {ADD("x-a", "1"), REMOVE("x-a")},
     "GET /t HTTP/1.1\r\nHost: h\r\n\r\n"},
    {"remove, then add: the new one",
     "GET /a HTTP/1.1\r\nHost: a\r\nX-A: 0\r\n\r\n", 0, {REMOVE("x-a"), ADD("x-a", "1")},
     "GET /t HTTP/1.1\r\nHost: h\r\nx-a: 1\r\n\r\n"},
    {"setting Host replaces it",
     "GET /a HTTP/1.1\r\nHost: a\r\n\r\n", 0, {SET("host", "b")}, "GET /t HTTP/1.1\r\nHost: b\r\n\r\n"},
    {"adding or removing Host does not",
     "GET /a HTTP/1.1\r\nHost: a\r\n\r\n", 0, {ADD("host", "b"), REMOVE("host")},
     "GET /t HTTP/1.1\r\nHost: h\r\n\r\n"},
    {"framing is out of an edit's reach",
     "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n", 0,
     {SET("content-length", "9"), REMOVE("content-length"), SET("transfer-encoding", "chunked"), ADD("connection", "close")},
     "POST /t HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\n"},
    {"a value cannot end its line",
     "GET /a HTTP/1.1\r\nHost: a\r\n\r\n", 0, {SET("x-a", "b\r\nx-c: \0\x7f\td")},
     "GET /t HTTP/1.1\r\nHost: h\r\nx-a: b  x-c:   \td\r\n\r\n"},
    {"chunked",
     "POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", CHUNKED, {{0}},
     "POST /t HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"},
    {"chunked instead of a length",
     "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n", CHUNKED, {{0}},
     "POST /t HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"},
    {"upgrade",
     "GET /a HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n", UPGRADE, {{0}},
     "GET /t HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"},
    {"a cookie is cut out of every line",
     "GET /a HTTP/1.1\r\nHost: a\r\nA: 1\r\nCookie: a=1; lb=x\r\nB: 2\r\ncookie:lb=y;b=2 \r\n\r\n", CUT, {{0}},
     "GET /t HTTP/1.1\r\nHost: h\r\nA: 1\r\nCookie: a=1\r\nB: 2\r\ncookie: b=2\r\n\r\n"},
    {"the line that it had for itself goes",
     "GET /a HTTP/1.1\r\nHost: a\r\nCookie: lb=x\r\nB: 2\r\n\r\n", CUT, {{0}},
     "GET /t HTTP/1.1\r\nHost: h\r\nB: 2\r\n\r\n"},
    {"what a rule says of cookies is what is sent",
     "GET /a HTTP/1.1\r\nHost: a\r\nCookie: a=1; lb=x\r\n\r\n", CUT, {SET("cookie", "lb=z; c=3")},
     "GET /t HTTP/1.1\r\nHost: h\r\ncookie: lb=z; c=3\r\n\r\n"},
    /* clang-format on */
};

static const struct row responses[] = {
    /* clang-format off */
    {"as it came",
     "HTTP/1.1 200 Very OK\r\nA: 1\r\nContent-Length: 5\r\n\r\n", 0, {{0}},
     "HTTP/1.1 200 Very OK\r\nA: 1\r\nContent-Length: 5\r\n\r\n"},
    {"HTTP/1.0 becomes 1.1",
     "HTTP/1.0 200\r\nContent-Length: 5\r\n\r\n", CLOSED, {{0}},
     "HTTP/1.1 200 \r\nContent-Length: 5\r\nConnection: close\r\n\r\n"},
    {"keep-alive for an HTTP/1.0 client",
     "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\n", KEPT, {{0}},
     "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: keep-alive\r\n\r\n"},
    {"chunked",
     "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nA: 1\r\n\r\n", CHUNKED, {{0}},
     "HTTP/1.1 200 OK\r\nA: 1\r\nTransfer-Encoding: chunked\r\n\r\n"},
    {"switching protocols",
     "HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nA: 1\r\n\r\n", UPGRADE, {{0}},
     "HTTP/1.1 101 x\r\nA: 1\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"},
    {"edits",
     "HTTP/1.1 200 OK\r\nServer: x\r\nContent-Length: 0\r\n\r\n", 0, {REMOVE("server"), SET("x-a", "1")},
     "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nx-a: 1\r\n\r\n"},
    /* clang-format on */
};

static size_t n_edits(const struct row *row)
{
    size_t n = 0;
    while (n < EDITS_MAX && row->edit[n].name.at)
        n++;
    return n;
}

/* Exact, whole when there is just room enough, and silent about nothing when there is not. */
static void check(const struct row *row, size_t write(char *, size_t, const void *),
                  const void *what)
{
    char out[1024];
    const size_t len = write(out, sizeof(out), what);
    if (!slice_eq((struct slice){out, len}, slice_of(row->is)))
        fail_msg("%s:\n%.*s", row->says, (int)len, out);
    for (size_t room = 0; room <= len; room++) {
        char *exact = malloc(room ? room : 1);
        if (write(exact, room, what) != len)
            fail_msg("%s: another length in %zu bytes", row->says, room);
        if (room == len)
            assert_memory_equal(exact, out, len);
        free(exact);
    }
}

static size_t write_request(char *out, size_t room, const void *what)
{
    return h1_write_request(out, room, what);
}

static size_t write_response(char *out, size_t room, const void *what)
{
    return h1_write_response(out, room, what);
}

static void requests_are_written(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(requests); i++) {
        const struct row *row = &requests[i];
        struct http_head h;
        struct http_request_info info;
        assert_true(h1_request_parse(&h, row->in, strlen(row->in)) > 0);
        assert_int_equal(http_request_understand(&h, &info), 0);
        http_edits_apply(&h, row->edit, n_edits(row));
        const struct h1_request_out r = {
            .head = &h,
            .method = row->flags & ASKED ? SLICE("GET") : SLICE_NONE,
            .target = SLICE("/t"),
            .host = SLICE("h"),
            .edit = row->edit,
            .n_edits = n_edits(row),
            .without_cookie = row->flags & CUT ? SLICE("lb") : SLICE_NONE,
            .chunked = row->flags & CHUNKED,
            .upgrade = row->flags & UPGRADE,
        };
        check(row, write_request, &r);
    }
}

static void responses_are_written(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(responses); i++) {
        const struct row *row = &responses[i];
        struct http_head h;
        struct http_response_info info;
        assert_true(h1_response_parse(&h, row->in, strlen(row->in)) > 0);
        assert_int_equal(http_response_understand(&h, false, &info), 0);
        http_edits_apply(&h, row->edit, n_edits(row));
        const struct h1_response_out r = {
            .head = &h,
            .edit = row->edit,
            .n_edits = n_edits(row),
            .chunked = row->flags & CHUNKED,
            .upgrade = row->flags & UPGRADE,
            .close = row->flags & CLOSED,
            .keep_alive = row->flags & KEPT,
        };
        check(row, write_response, &r);
    }
}

static void a_target_cannot_end_its_line(void **state)
{
    (void)state;
    const char in[] = "GET / HTTP/1.0\r\n\r\n";
    struct http_head h;
    assert_true(h1_request_parse(&h, in, sizeof(in) - 1) > 0);
    const struct h1_request_out r = {
        .head = &h, .target = SLICE("/a b\r\n\xff#\\?c"), .host = SLICE("h")};
    char out[128];
    const size_t len = h1_write_request(out, sizeof(out), &r);
    assert_true(slice_eq((struct slice){out, len},
                         SLICE("GET /a%20b%0D%0A%FF%23%5C?c HTTP/1.1\r\nHost: h\r\n\r\n")));
}

/* Values and targets are looked at in words: every byte, at every place of one and beyond. */
static void no_byte_escapes_at_any_place(void **state)
{
    (void)state;
    const char in[] = "GET / HTTP/1.0\r\n\r\n";
    struct http_head h, again;
    assert_true(h1_request_parse(&h, in, sizeof(in) - 1) > 0);
    for (unsigned byte = 0; byte < 256; byte++)
        for (size_t len = 1; len <= 20; len++)
            for (size_t at = 0; at < len; at++) {
                char text[20], out[256];
                memset(text, 'a', sizeof(text));
                text[at] = (char)byte;
                const struct http_edit edit = {HTTP_SET, SLICE_INIT("x"), {text, len}};
                const struct h1_request_out r = {.head = &h,
                                                 .target = {text, len},
                                                 .host = SLICE("h"),
                                                 .edit = &edit,
                                                 .n_edits = 1};
                const size_t n = h1_write_request(out, sizeof(out) - 1, &r);
                out[n] = '\0';
                if (h1_request_parse(&again, out, n) != (int)n || again.n_fields != 2)
                    fail_msg("byte %u at %zu of %zu", byte, at, len);
                const bool plain = byte > ' ' && byte < 0x7f && byte != '#' && byte != '\\';
                assert_int_equal(again.target_len, plain ? len : len + 2);
                if (plain || byte >= 0x80)
                    assert_true(slice_eq(http_field_value(&again, &again.field[1]), edit.value));
            }
}

static const struct {
    const char *says;
    struct h1_answer answer;
    const char *is;
} answers[] = {
    /* clang-format off */
    {"a page",
     {404, SLICE_INIT("text/plain"), SLICE_INIT(""), SLICE_INIT("gone\n"), false, false, true},
     "HTTP/1.1 404 Not Found\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\ngone\n"},
    {"to HEAD",
     {404, SLICE_INIT("text/plain"), SLICE_INIT(""), SLICE_INIT("gone\n"), true, false, false},
     "HTTP/1.1 404 Not Found\r\nContent-Type: text/plain\r\nContent-Length: 5\r\nConnection: close\r\n\r\n"},
    {"a redirect",
     {302, SLICE_INIT(""), SLICE_INIT("Location: /x\r\n"), SLICE_INIT(""), false, true, true},
     "HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: /x\r\nConnection: keep-alive\r\n\r\n"},
    {"204 has no body and no length",
     {204, SLICE_INIT(""), SLICE_INIT(""), SLICE_INIT("x"), false, false, true},
     "HTTP/1.1 204 No Content\r\n\r\n"},
    {"a status without a name",
     {599, SLICE_INIT(""), SLICE_INIT(""), SLICE_INIT(""), false, false, true},
     "HTTP/1.1 599 \r\nContent-Length: 0\r\n\r\n"},
    /* clang-format on */
};

static void answers_are_written(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(answers); i++) {
        char out[256];
        const size_t len = h1_write_answer(out, sizeof(out), &answers[i].answer);
        if (!slice_eq((struct slice){out, len}, slice_of(answers[i].is)))
            fail_msg("%s:\n%.*s", answers[i].says, (int)len, out);
        struct http_head h;
        out[len] = '\0';
        assert_true(h1_response_parse(&h, out, len) > 0);
        assert_int_equal(h1_write_answer(out, len - 1, &answers[i].answer), len);
    }
}

static void last_chunks_are_written(void **state)
{
    (void)state;
    const char in[] = "A: 1\r\nContent-Length: 5\r\nB: 2\r\n\r\n",
               is[] = "0\r\nA: 1\r\nB: 2\r\n\r\n";
    struct http_head h;
    char out[64];
    assert_true(h1_trailer_parse(&h, in, sizeof(in) - 1) > 0);
    assert_int_equal(h1_write_last_chunk(out, sizeof(out), &h), sizeof(is) - 1);
    assert_memory_equal(out, is, sizeof(is) - 1);
    assert_int_equal(h1_write_last_chunk(out, 5, NULL), 5);
    assert_memory_equal(out, "0\r\n\r\n", 5);
    assert_int_equal(h1_write_last_chunk(out, 4, NULL), 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_are_written),
        cmocka_unit_test(responses_are_written),
        cmocka_unit_test(a_target_cannot_end_its_line),
        cmocka_unit_test(no_byte_escapes_at_any_place),
        cmocka_unit_test(answers_are_written),
        cmocka_unit_test(last_chunks_are_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

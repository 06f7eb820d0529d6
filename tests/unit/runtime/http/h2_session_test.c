/* A client's session and a server's, each other's peer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>

#include "runtime/http/h2_session.h"

#define ROOM ((size_t)64 * 1024)

struct side {
    struct h2_session *session;
    char out[ROOM];
    size_t len, room;
    struct h2_stream stream; /* the one of each test */
    char in[2 * ROOM];       /* head and body */
    size_t in_len;
    int heads, ends, resets, writables;
    size_t trailer_len;
    uint32_t code;
    unsigned glitches[H2_GLITCH_COUNT];
};

static struct side client, server;

static struct side *side_of(const struct h2_stream *st)
{
    return st == &client.stream ? &client : &server;
}

static struct h2_stream *opens(void *of, int32_t id)
{
    (void)id;
    struct side *s = of;
    return s->stream.id == 0 ? &s->stream : NULL;
}

static char *room(struct h2_stream *st, size_t *bytes)
{
    struct side *s = side_of(st);
    *bytes = sizeof(s->in) - s->in_len;
    return s->in + s->in_len;
}

static void head(struct h2_stream *st, size_t len)
{
    side_of(st)->in_len += len;
    side_of(st)->heads++;
}

static bool data(struct h2_stream *st, const char *at, size_t len)
{
    struct side *s = side_of(st);
    assert_true(s->in_len + len <= sizeof(s->in));
    memcpy(s->in + s->in_len, at, len);
    s->in_len += len;
    return true;
}

static void end(struct h2_stream *st, size_t trailer_len)
{
    side_of(st)->ends++;
    side_of(st)->trailer_len = trailer_len;
}

static void reset(struct h2_stream *st, uint32_t code)
{
    side_of(st)->resets++;
    side_of(st)->code = code;
}

static void writable(struct h2_stream *st)
{
    side_of(st)->writables++;
}

static char *output(void *of, size_t at_least, size_t *bytes)
{
    struct side *s = of;
    *bytes = s->room - s->len;
    return *bytes >= at_least ? s->out + s->len : NULL;
}

static void wrote(void *of, size_t n)
{
    struct side *s = of;
    s->len += n;
    assert_true(s->len <= s->room);
}

static void glitch(void *of, enum h2_glitch which)
{
    ((struct side *)of)->glitches[which]++;
}

static const struct h2_calls calls = {opens, room,     head,   data,  end,
                                      reset, writable, output, wrote, glitch};

static int begin(void **state)
{
    (void)state;
    const struct h2_limits limits = {.streams_max = 1,
                                     .stream_window = 1000,
                                     .connection_window = 1 << 20,
                                     .head_bytes_max = 4000,
                                     .glitches_burst = 20,
                                     .glitches_per_s = 10};
    memset(&client, 0, sizeof(client));
    memset(&server, 0, sizeof(server));
    client.room = server.room = ROOM;
    client.session = h2_session_client(&limits, &calls, &client);
    server.session = h2_session_server(&limits, &calls, &server);
    return client.session && server.session ? 0 : -1;
}

static int finish(void **state)
{
    (void)state;
    h2_session_free(client.session);
    h2_session_free(server.session);
    return 0;
}

static bool give(struct side *from, struct side *to)
{
    h2_session_pump(from->session);
    const bool good = h2_session_receive(to->session, from->out, from->len, 1);
    from->len = 0;
    return good;
}

static void exchange(void)
{
    for (int i = 0; i < 4; i++) {
        assert_true(give(&client, &server));
        assert_true(give(&server, &client));
    }
}

static ssize_t write_text(struct side *s, const char *text, bool last, struct slice trailer)
{
    static char copy[ROOM];
    const size_t len = strlen(text);
    memcpy(copy, text, len);
    const struct iovec part = {copy, len};
    return h2_session_write(s->session, &s->stream, &part, len > 0, last, trailer);
}

#define REQUEST "GET / HTTP/1.1\r\nHost: x\r\nX-A: b\r\n\r\n"

static void a_request_an_answer_and_trailers(void **state)
{
    (void)state;
    exchange();
    assert_int_equal(write_text(&client, REQUEST, true, SLICE_NONE), strlen(REQUEST));
    exchange();
    assert_int_equal(server.heads, 1);
    assert_int_equal(server.ends, 1);
    assert_true(slice_eq((struct slice){server.in, server.in_len},
                         SLICE("GET / HTTP/1.1\r\nhost: x\r\nx-a: b\r\n\r\n")));

    static const char answer[] = "HTTP/1.1 200 OK\r\nB: c\r\n\r\nhello";
    char trailer[] = "Sum: 1\r\n"; /* written to */
    assert_int_equal(write_text(&server, answer, true, slice_of(trailer)), strlen(answer));
    assert_true(server.stream.sent_end);
    exchange();
    assert_true(slice_eq((struct slice){client.in, client.in_len},
                         SLICE("HTTP/1.1 200 \r\nb: c\r\n\r\nhello")));
    assert_true(slice_eq((struct slice){client.in + client.in_len, client.trailer_len},
                         SLICE("sum: 1\r\n\r\n")));
    assert_int_equal(client.resets + server.resets, 0);
    assert_true(client.stream.is_gone && server.stream.is_gone);
}

static void a_window_opens_when_what_came_was_taken(void **state)
{
    (void)state;
    static char body[3000];
    memset(body, 'x', sizeof(body) - 1);
    exchange();
    assert_int_equal(write_text(&client, REQUEST, false, SLICE_NONE), strlen(REQUEST));
    assert_int_equal(write_text(&client, body, false, SLICE_NONE), 1000);
    assert_int_equal(write_text(&client, body, false, SLICE_NONE), -EAGAIN);
    assert_false(h2_session_is_blocked(client.session));
    exchange();
    assert_int_equal(client.writables, 0);
    h2_session_consumed(server.session, &server.stream, 1000);
    exchange();
    assert_true(client.writables > 0);
    assert_int_equal(write_text(&client, body, true, SLICE_NONE), 1000);
    assert_false(client.stream.sent_end);
}

static void without_room_nothing_is_taken(void **state)
{
    (void)state;
    exchange();
    assert_int_equal(write_text(&client, REQUEST, true, SLICE_NONE), strlen(REQUEST));
    exchange();
    server.room = 0;
    static const char answer[] = "HTTP/1.1 200 OK\r\n\r\nhello";
    const ssize_t n = write_text(&server, answer, true, SLICE_NONE);
    assert_true(n == -EAGAIN || n == (ssize_t)strlen(answer) - 5);
    assert_true(h2_session_is_blocked(server.session));
    server.room = ROOM;
    assert_int_equal(write_text(&server, n < 0 ? answer : "hello", true, SLICE_NONE),
                     n < 0 ? strlen(answer) : 5);
    exchange();
    assert_int_equal(client.ends, 1);
}

static void leaving_before_the_end_is_a_reset(void **state)
{
    (void)state;
    exchange();
    assert_int_equal(write_text(&client, REQUEST, true, SLICE_NONE), strlen(REQUEST));
    exchange();
    h2_session_leave(server.session, &server.stream, H2_CALM);
    exchange();
    assert_int_equal(client.resets, 1);
    assert_int_equal(client.code, H2_CALM);
    assert_int_equal(write_text(&client, "x", true, SLICE_NONE), -EPIPE);
    assert_int_equal(server.glitches[H2_GLITCH_PROVOKED], 0);
}

static void a_budget_that_is_spent_ends_the_connection(void **state)
{
    (void)state;
    static const char ping[] = "\0\0\x08\x06\0\0\0\0\0abcdefgh";
    exchange();
    int n = 0;
    while (h2_session_receive(server.session, ping, 17, 2))
        n++;
    assert_int_equal(n, 18); /* its SETTINGS and its window were the first */
    assert_true(h2_session_is_calmed(server.session));
    assert_int_equal(server.glitches[H2_GLITCH_CONTROL], 20);
    give(&server, &client);
    assert_false(h2_session_may_open(client.session));
}

static void a_budget_grows_again(void **state)
{
    (void)state;
    static const char ping[] = "\0\0\x08\x06\0\0\0\0\0abcdefgh";
    exchange();
    for (int i = 0; i < 200; i++) {
        assert_true(h2_session_receive(server.session, ping, 17, (int64_t)i * 200000000 + 2));
        server.len = 0;
        h2_session_pump(server.session);
    }
}

static void little_data_is_counted_and_much_is_not(void **state)
{
    (void)state;
    static char answer[3000] = "HTTP/1.1 200 OK\r\n\r\n";
    static const char by_one[] = "\0\0\x04\x08\0\0\0\0\x01\0\0\0\x01";
    memset(answer + strlen(answer), 'x', sizeof(answer) - strlen(answer) - 1);
    exchange();
    assert_int_equal(write_text(&client, REQUEST, true, SLICE_NONE), strlen(REQUEST));
    exchange();
    const ssize_t n = write_text(&server, answer, true, SLICE_NONE);
    assert_true(n > 1000); /* all that the window has */
    exchange();
    const unsigned before = server.glitches[H2_GLITCH_UPDATES];
    for (ssize_t at = n; at < n + 5; at++) { /* 1000 bytes before do not pay for one */
        assert_true(h2_session_receive(server.session, by_one, 13, 2));
        assert_int_equal(write_text(&server, answer + at, true, SLICE_NONE), 1);
        assert_int_equal(server.glitches[H2_GLITCH_UPDATES], before + (unsigned)(at - n) + 1);
    }
}

static void a_full_continuation_costs_nothing(void **state)
{
    (void)state;
    static const char begin_head[] = "\0\0\x01\x01\0\0\0\0\x01\x82",
                      empty[] = "\0\0\0\x09\0\0\0\0\x01";
    static char full[9 + 1024] = "\0\x04\0\x09\0\0\0\0\x01\x0f\x01\x7f\xfc\x06";
    memset(full + 14, 'a', sizeof(full) - 14);
    exchange();
    assert_true(h2_session_receive(server.session, begin_head, 10, 2));
    assert_true(h2_session_receive(server.session, full, sizeof(full), 2));
    assert_int_equal(server.glitches[H2_GLITCH_CONTINUED], 0);
    assert_true(h2_session_receive(server.session, empty, 9, 2));
    assert_int_equal(server.glitches[H2_GLITCH_CONTINUED], 1);
    assert_false(h2_session_receive(server.session, empty, 9, 2)); /* 10 of 18 are gone */
    assert_int_equal(h2_session_calmed_by(server.session), H2_GLITCH_CONTINUED);
}

static void a_message_that_was_whole_gives_a_little_back(void **state)
{
    (void)state;
    static const char ping[] = "\0\0\x08\x06\0\0\0\0\0abcdefgh";
    static const char answer[] = "HTTP/1.1 204 No Content\r\n\r\n";
    exchange();
    for (int i = 0; i < 50; i++) {
        client.stream = server.stream = (struct h2_stream){0};
        client.in_len = server.in_len = 0;
        assert_int_equal(write_text(&client, REQUEST, true, SLICE_NONE), strlen(REQUEST));
        exchange();
        assert_int_equal(write_text(&server, answer, true, SLICE_NONE), strlen(answer));
        exchange();
        assert_true(h2_session_receive(server.session, ping, 17, 1));
    }
    assert_false(h2_session_is_calmed(server.session));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, finish)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_request_an_answer_and_trailers),
        TEST(a_window_opens_when_what_came_was_taken),
        TEST(without_room_nothing_is_taken),
        TEST(leaving_before_the_end_is_a_reset),
        TEST(a_budget_that_is_spent_ends_the_connection),
        TEST(a_budget_grows_again),
        TEST(little_data_is_counted_and_much_is_not),
        TEST(a_full_continuation_costs_nothing),
        TEST(a_message_that_was_whole_gives_a_little_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

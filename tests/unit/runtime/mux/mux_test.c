/* A client's connection and a server's, each other's peer over a pair of sockets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "runtime/base/clock.h"
#include "runtime/http/message.h"
#include "runtime/mux/stream.h"

#define WINDOW 65535u

/* One end of a stream, as a session or a link would be. */
struct user {
    struct conn conn;
    unsigned heard; /* WATCH_ bits, gathered */
    char in[512 * 1024];
    size_t len;
    bool ended, broken, reads;
};

/* One end of the connection. */
struct side {
    struct mux_owner owner;
    struct pool buffers;
    struct metrics metrics;
    struct conn conn;
    struct mux mux;
    char scratch[64 * 1024];
    bool over;
};

static struct loop *loop;
static struct side client, server;
static struct user asks, answers[8];
static unsigned n_answers;

static void read_all(struct user *u)
{
    for (;;) {
        const ssize_t n = conn_read(&u->conn, u->in + u->len, sizeof(u->in) - u->len);
        u->ended |= n == 0;
        u->broken |= n < 0 && n != -EAGAIN;
        if (n <= 0)
            return;
        u->len += (size_t)n;
    }
}

static void user_ready(void *of, unsigned what)
{
    struct user *u = of;
    u->heard |= what;
    if (u->reads)
        read_all(u);
    loop_stop(loop);
}

static void opened(struct mux *m, struct stream *st)
{
    (void)m;
    struct user *u = &answers[n_answers++];
    u->reads = true;
    stream_attach(st, &u->conn, user_ready, u);
    read_all(u);
    conn_want(&u->conn, WATCH_READ);
    loop_stop(loop);
}

static void settled(struct mux *m)
{
    (void)m;
    loop_stop(loop);
}

static void over(struct mux *m)
{
    CONTAINER_OF(m, struct side, mux)->over = true;
    loop_stop(loop);
}

static void side_ready(void *of, unsigned what)
{
    struct side *s = of;
    if (!s->over)
        mux_ready(&s->mux, what, clock_now_ns());
}

static void side_open(struct side *s, int fd, bool is_client, uint32_t streams)
{
    static const struct mux_calls calls = {.opened = opened, .settled = settled, .over = over};
    const struct h2_limits limits = {.streams_max = streams,
                                     .stream_window = WINDOW,
                                     .connection_window = 1u << 20,
                                     .head_bytes_max = HTTP_HEAD_BYTES_MAX,
                                     .glitches_burst = 1000,
                                     .glitches_per_s = 100,
                                     .extended_connect = !is_client};
    pool_init(&s->buffers, BUFFER_BLOCK_BYTES, 0, 4);
    mux_owner_init(&s->owner, loop, &s->buffers, &s->metrics, s->scratch, sizeof(s->scratch));
    conn_open(&s->conn, &transport_plain, loop, fd, side_ready, s);
    assert_true(mux_init(&s->mux, &s->owner, &s->conn, is_client, &limits, &calls));
    conn_want(&s->conn, WATCH_READ);
}

static void side_close(struct side *s)
{
    conn_close(&s->conn);
    mux_owner_done(&s->owner);
    pool_done(&s->buffers);
}

static int set_up(void **state)
{
    (void)state;
    int fd[2];
    loop = loop_new();
    memset(&client, 0, sizeof(client));
    memset(&server, 0, sizeof(server));
    memset(&asks, 0, sizeof(asks));
    memset(answers, 0, sizeof(answers));
    n_answers = 0;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd), 0);
    side_open(&client, fd[0], true, 4);
    side_open(&server, fd[1], false, 2);
    asks.reads = true;
    return 0;
}

static void leave(struct user *u)
{
    if (u->conn.state)
        conn_close(&u->conn);
}

static int tear_down(void **state)
{
    (void)state;
    leave(&asks);
    for (unsigned i = 0; i < n_answers; i++)
        leave(&answers[i]);
    if (client.mux.magic)
        mux_done(&client.mux);
    if (server.mux.magic)
        mux_done(&server.mux);
    side_close(&client);
    side_close(&server);
    loop_free(loop);
    return 0;
}

static void time_is_up(void *of)
{
    (void)of;
    fail_msg("nothing came of it in ten seconds");
}

/* Runs until the condition holds, looked at whenever anything has happened. */
#define UNTIL(condition)                                                                           \
    do {                                                                                           \
        struct timer t;                                                                            \
        timer_init(&t, loop, time_is_up, NULL);                                                    \
        timer_set(&t, 10 * NS_PER_S);                                                              \
        while (!(condition))                                                                       \
            loop_run(loop);                                                                        \
        timer_stop(&t);                                                                            \
    } while (0)

/* From a scratch, as everybody does: names are put into lower case where they stand. */
static ssize_t say(struct user *u, const char *text, bool last, const char *trailer)
{
    static char scratch[1024], lines[256];
    snprintf(scratch, sizeof(scratch), "%s", text);
    snprintf(lines, sizeof(lines), "%s", trailer);
    const struct iovec part = {scratch, strlen(scratch)};
    return last ? conn_finish(&u->conn, &part, 1, slice_of(lines)) : conn_write(&u->conn, &part, 1);
}

static void open_request(struct user *u)
{
    struct stream *st = mux_open(&client.mux);
    assert_non_null(st);
    stream_attach(st, &u->conn, user_ready, u);
    conn_want(&u->conn, WATCH_READ);
}

#define HEAD "GET /a HTTP/1.1\r\nHost: x\r\n\r\n"

static void ask(void)
{
    mux_start(&client.mux);
    open_request(&asks);
    assert_int_equal(say(&asks, HEAD, true, ""), strlen(HEAD));
    UNTIL(n_answers == 1);
}

/* --- the tests --- */

static void a_request_and_its_answer(void **state)
{
    (void)state;
    ask();
    assert_string_equal(answers[0].in, "GET /a HTTP/1.1\r\nhost: x\r\n\r\n");
    assert_true(conn_ended(&answers[0].conn));
    static const char answer[] = "HTTP/1.1 200 OK\r\nX-A: b\r\n\r\nbody";
    assert_true(say(&answers[0], answer, true, "x-sum: 1\r\n\r\n") > 0);
    UNTIL(asks.ended);
    assert_string_equal(asks.in, "HTTP/1.1 200 \r\nx-a: b\r\n\r\nbody");
    const struct slice trailer = conn_trailer(&asks.conn);
    assert_memory_equal(trailer.at, "x-sum: 1\r\n\r\n", trailer.len);
    assert_int_equal(stream_code(&asks.conn), H2_NO_ERROR);
}

static void who_leaves_early_is_noticed(void **state)
{
    (void)state;
    ask();
    conn_close(&asks.conn);
    UNTIL(conn_is_broken(&answers[0].conn));
    assert_int_equal(stream_code(&answers[0].conn), H2_CANCEL);
}

static void a_server_that_breaks_off_resets(void **state)
{
    (void)state;
    ask();
    assert_true(say(&answers[0], "HTTP/1.1 200 OK\r\n\r\nhalf", false, "") > 0);
    conn_close(&answers[0].conn);
    UNTIL(asks.broken);
    assert_int_equal(stream_code(&asks.conn), H2_INTERNAL_ERROR);
    assert_false(asks.ended);
}

/* Nothing beyond a window is taken from the writer until the reader reads; then all of it comes. */
static void a_reader_that_waits_stops_its_writer(void **state)
{
    (void)state;
    static char body[300000];
    for (size_t i = 0; i < sizeof(body); i++)
        body[i] = (char)('a' + i % 23);
    asks.reads = false;
    ask();
    assert_true(say(&answers[0], "HTTP/1.1 200 OK\r\n\r\n", false, "") > 0);
    size_t sent = 0;
    for (int idle = 0; idle < 20;) {
        const struct iovec part = {body + sent, sizeof(body) - sent};
        const ssize_t n = conn_write(&answers[0].conn, &part, 1);
        assert_true(n > 0 || n == -EAGAIN);
        sent += n > 0 ? (size_t)n : 0;
        idle = n > 0 ? 0 : idle + 1;
        mux_touch(&server.mux);
        loop_run(loop);
    }
    assert_int_equal(sent, WINDOW);
    assert_false(answers[0].heard & WATCH_WRITE);

    asks.reads = true;
    read_all(&asks);
    while (sent < sizeof(body)) {
        conn_want(&answers[0].conn, WATCH_READ | WATCH_WRITE);
        answers[0].heard = 0;
        UNTIL(answers[0].heard & WATCH_WRITE);
        const struct iovec part = {body + sent, sizeof(body) - sent};
        const ssize_t n = conn_finish(&answers[0].conn, &part, 1, SLICE_NONE);
        sent += n > 0 ? (size_t)n : 0;
    }
    UNTIL(asks.ended);
    const char *at = strstr(asks.in, "\r\n\r\n") + 4;
    assert_int_equal(asks.len - (size_t)(at - asks.in), sizeof(body));
    assert_memory_equal(at, body, sizeof(body));
}

static void a_stream_too_many_is_refused(void **state)
{
    (void)state;
    static struct user more[3];
    memset(more, 0, sizeof(more));
    mux_start(&client.mux);
    for (int i = 0; i < 3; i++) { /* before the server has said that it takes two */
        open_request(&more[i]);
        more[i].reads = true;
        assert_true(say(&more[i], HEAD, true, "") > 0);
    }
    UNTIL(more[2].broken);
    assert_int_equal(stream_code(&more[2].conn), H2_REFUSED_STREAM);
    UNTIL(n_answers == 2);
    for (int i = 0; i < 3; i++)
        leave(&more[i]);
}

static void what_a_stream_waits_for(void **state)
{
    (void)state;
    open_request(&asks);
    assert_int_equal(stream_reach(&asks.conn), -EAGAIN);
    assert_int_equal(say(&asks, HEAD, true, ""), -EAGAIN);
    stream_await_settings(&asks.conn);
    asks.reads = false;
    conn_want(&asks.conn, WATCH_WRITE);
    mux_start(&client.mux);
    UNTIL(asks.heard & WATCH_WRITE);
    assert_int_equal(stream_reach(&asks.conn), -EAGAIN);
    assert_false(stream_connects(&asks.conn));
    asks.heard = 0;
    UNTIL(asks.heard & WATCH_WRITE);
    assert_int_equal(stream_reach(&asks.conn), 0);
    assert_true(stream_connects(&asks.conn));
}

static void a_connection_that_came_to_nothing_says_why(void **state)
{
    (void)state;
    open_request(&asks);
    mux_abandon(&client.mux, -EPROTO, "not this");
    assert_int_equal(stream_reach(&asks.conn), -EPROTO);
    assert_string_equal(stream_why(&asks.conn), "not this");
    assert_true(asks.broken);
    assert_int_equal(say(&asks, HEAD, true, ""), -EPIPE);
}

static void streams_outlive_their_connection(void **state)
{
    (void)state;
    ask();
    mux_done(&client.mux);
    char byte;
    assert_int_equal(conn_read(&asks.conn, &byte, 1), -ECONNRESET);
    assert_int_equal(stream_reach(&asks.conn), -ECONNREFUSED);
    assert_false(stream_connects(&asks.conn));
    conn_close(&answers[0].conn);
    mux_done(&server.mux);
}

static void a_peer_that_goes_is_over(void **state)
{
    (void)state;
    ask();
    shutdown(server.conn.fd, SHUT_RDWR);
    UNTIL(client.over);
    assert_null(mux_open(&client.mux));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_request_and_its_answer, set_up, tear_down),
        cmocka_unit_test_setup_teardown(who_leaves_early_is_noticed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_server_that_breaks_off_resets, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_reader_that_waits_stops_its_writer, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_stream_too_many_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_a_stream_waits_for, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_connection_that_came_to_nothing_says_why, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(streams_outlive_their_connection, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_peer_that_goes_is_over, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Commands whose answers come later, or bit by bit: over a pair of sockets, before a control plane
 * that is not one. */
#include "tests/unit/stats/socket/fake_control.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "runtime/event/loop.h"
#include "stats/socket/client.h"

static struct loop *loop;
static struct stats_sockets all;
static const struct stats_at at = {.path = "", .speech = STATS_LBC, .level = STATS_ADMIN};
static struct client *client; /* NULL once it has gone */
static int peer;

static void gone(void *of, struct client *c)
{
    (void)of;
    assert_ptr_equal(c, client);
    client = NULL;
}

static int set_up(void **state)
{
    (void)state;
    int pair[2];
    control = (struct control){.report = ""};
    loop = loop_new();
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
    all = (struct stats_sockets){.loop = loop, .control = &control};
    list_init(&all.socket);
    client = client_new(pair[0], &at, &all, gone, NULL);
    peer = pair[1];
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    if (client)
        client_free(client);
    loop_free(loop);
    if (peer != -1)
        close(peer);
    return 0;
}

static void stop(void *of)
{
    (void)of;
    loop_stop(loop);
}

/* As long as it takes until all that is ready was called. */
static void settle(void)
{
    struct timer t;
    timer_init(&t, loop, stop, NULL);
    timer_set(&t, 20 * NS_PER_MS);
    loop_run(loop);
    timer_stop(&t);
}

static void say(const char *lines)
{
    assert_int_equal(send(peer, lines, strlen(lines), MSG_NOSIGNAL), (ssize_t)strlen(lines));
    settle();
}

/* What has been said since. */
static const char *heard(void)
{
    static char room[65536];
    size_t len = 0;
    settle();
    for (ssize_t n; (n = recv(peer, room + len, sizeof(room) - 1 - len, 0)) > 0;)
        len += (size_t)n;
    room[len] = '\0';
    return room;
}

static void trace_one(void)
{
    struct trace_place p = {
        .is_over = true,
        .n_steps = 2,
        .left_out = 1,
        .step = {{TRACE_BEGUN, 0, "first byte"}, {TRACE_END, 1500 * NS_PER_US, "complete"}},
        .record = {.client = {{[10] = 0xff, [11] = 0xff, 10, 1, 2, 3}},
                   .client_port = 4711,
                   .status = 200,
                   .received_bytes = 10,
                   .sent_bytes = 20}};
    ACCESS_SET(p.record.method, SLICE("GET"));
    ACCESS_SET(p.record.host, SLICE("a"));
    ACCESS_SET(p.record.uri, SLICE("/x?y"));
    control.trace.exchange(control.trace.of, &p);
}

static void end_trace(enum control_trace_why why)
{
    const struct control_trace_end e = {.why = why, .exchanges = 1, .others = 2};
    const struct control_trace_asker asker = control.trace;
    control.trace.over = NULL;
    asker.over(asker.of, &e);
}

/* --- the tests --- */

#define TITLE                                                                                      \
    "client         listener  protocol  state       age    busy  requests  streams       in      " \
    "out  server   request\n"
#define ROW                                                                                        \
    "10.1.2.3:4711  front     h2 tls    waiting  1m 30s  0.250s         7        2  1.0 KiB  2.0 " \
    "KiB  web/one  GET a/\"x\"\n"
#define COUNTS                                                                                     \
    "1 of 3 shown, the oldest first; 5 connected\n"                                                \
    "1 of 2 workers did not answer in time: their clients are missing\nok\n"

static void sessions_are_shown_when_the_workers_have_answered(void **state)
{
    (void)state;
    say("show sessions src 10.0.0.0/8 listener front limit 7\nready web/one\n");
    assert_string_equal(heard(), "");
    assert_true(control.filter.by_source);
    assert_int_equal(control.filter.source.bits, 104);
    assert_true(slice_eq(control.filter.listener, SLICE("front")));
    assert_int_equal(control.filter.limit, 7);
    answer_sessions();
    assert_string_equal(heard(), TITLE ROW COUNTS "web/one is ready: it gets its share\nok\n");
}

static void sessions_for_programs(void **state)
{
    (void)state;
    control.answers_at_once = true;
    say("show sessions --json\n");
    assert_int_equal(control.filter.limit, 100);
    assert_string_equal(
        heard(),
        "{\"connections\":5,\"matched\":3,\"workers\":2,\"workers_missing\":1,\"loop_held_us\":12,"
        "\"sessions\":[{\"client\":\"10.1.2.3:4711\",\"worker\":1,\"protocol\":\"h2\",\"tls\":true,"
        "\"state\":\"waiting\",\"age_ms\":90000,\"request_ms\":250,\"requests\":7,\"streams\":2,"
        "\"received_bytes\":1024,\"sent_bytes\":2048,\"listener\":\"front\",\"cluster\":\"web\","
        "\"server\":\"one\",\"request\":\"GET a/\\\"x\\\"\"}]}\nok\n");
}

static void one_who_has_left_is_not_answered(void **state)
{
    (void)state;
    say("show sessions\n");
    client_free(client);
    answer_sessions();
    assert_null(client);
}

static void one_too_many_is_refused(void **state)
{
    (void)state;
    control.sessions.done = (void (*)(void *, const struct control_sessions *))abort;
    control.trace.over = (void (*)(void *, const struct control_trace_end *))abort;
    say("show sessions\ntrace src ::1\n");
    assert_string_equal(heard(), "refused: not now\nrefused: not now\n");
}

static void a_trace_is_told_bit_by_bit(void **state)
{
    (void)state;
    say("trace path /x src 10.1.2.3 for 5m 7\nready web/one\n");
    assert_int_equal(control.wish.exchanges, 7);
    assert_int_equal(control.wish.for_ns, 300 * NS_PER_S);
    assert_true(slice_eq(control.wish.filter.path, SLICE("/x")));
    assert_int_equal(control.wish.filter.source.bits, 128);
    assert_string_equal(heard(), "the next 7, for 5m 0s at most\n\n");
    trace_one();
    assert_string_equal(
        heard(),
        "1  GET a/x?... from 10.1.2.3:4711, http/1.1, request id "
        "00000000000000000000000000000000\n"
        "       0.000 ms      +0.000  begun      first byte\n"
        "       1.500 ms      +1.500  end        complete, 200: 10 bytes received, 20 sent\n"
        "  and 1 steps more than there is room for\n\n");
    end_trace(CONTROL_TRACE_TIME);
    assert_string_equal(heard(), "1 exchange traced: the time is over\n"
                                 "2 more began before that was known\nok\n"
                                 "web/one is ready: it gets its share\nok\n");
}

static void a_trace_for_programs(void **state)
{
    (void)state;
    say("trace src 10.1.2.3 --json\n");
    assert_int_equal(control.wish.exchanges, 10);
    assert_int_equal(control.wish.for_ns, 60 * NS_PER_S);
    assert_string_equal(heard(), "{\"trace\":\"on\",\"exchanges\":10,\"for_s\":60}\n");
    trace_one();
    assert_string_equal(
        heard(),
        "{\"exchange\":1,\"request_id\":\"00000000000000000000000000000000\",\"client\":"
        "\"10.1.2.3:4711\",\"protocol\":\"http/1.1\",\"request\":\"GET a/x?...\",\"status\":200,"
        "\"over\":true,\"end\":\"complete\",\"received_bytes\":10,\"sent_bytes\":20,\"steps\":["
        "{\"at_ms\":0.000,\"step\":\"begun\",\"text\":\"first byte\"},"
        "{\"at_ms\":1.500,\"step\":\"end\",\"text\":\"complete\"}],\"steps_left_out\":1}\n");
    end_trace(CONTROL_TRACE_ALL);
    assert_string_equal(heard(), "{\"exchanges\":1,\"why\":\"all\",\"others\":2,\"unread\":0,"
                                 "\"workers_missing\":0}\nok\n");
}

static void a_trace_knows_who_still_listens(void **state)
{
    (void)state;
    say("trace src 10.1.2.3\n");
    assert_false(control.trace.is_left(control.trace.of));
    shutdown(peer, SHUT_WR);
    settle();
    assert_false(control.trace.is_left(control.trace.of)); /* it still reads */
    close(peer);
    peer = -1;
    assert_true(control.trace.is_left(control.trace.of));
    end_trace(CONTROL_TRACE_LEFT);
    settle();
    assert_null(client);
}

static void one_who_does_not_read_misses_some_and_is_told_so(void **state)
{
    (void)state;
    enum { MANY = 3000 }; /* some 250 bytes each: more than the socket holds, and what may wait */
    say("trace src 10.1.2.3\n");
    for (int i = 0; i < MANY; i++)
        trace_one();
    end_trace(CONTROL_TRACE_ALL);
    const char *got = "";
    for (int i = 0; i < 100 && !strstr(got, "\nok\n"); i++)
        got = heard();
    const char *missing =
        strstr(got, " of them are missing here: they were not read fast enough\nok\n");
    assert_non_null(missing);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(sessions_are_shown_when_the_workers_have_answered),
        TEST(sessions_for_programs),
        TEST(one_who_has_left_is_not_answered),
        TEST(one_too_many_is_refused),
        TEST(a_trace_is_told_bit_by_bit),
        TEST(a_trace_for_programs),
        TEST(a_trace_knows_who_still_listens),
        TEST(one_who_does_not_read_misses_some_and_is_told_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

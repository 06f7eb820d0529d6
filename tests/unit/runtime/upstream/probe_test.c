/* Probes on a real loop, against real sockets on loopback that a thread answers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "runtime/base/clock.h"
#include "runtime/upstream/probe.h"

/* --- an origin: treats every connection alike, in a thread of its own --- */

enum manner { ANSWERS, ANSWERS_BYTE_BY_BYTE, SAYS_NOTHING, KEEPS_CONNECTIONS };

struct origin {
    pthread_t thread;
    int listening;
    struct endpoint endpoint;
    _Atomic int manner;
    _Atomic(const char *) answer; /* "": closes once it has read the request */
    atomic_uint accepted, asked;
    int held[400]; /* what it says nothing on */
    size_t n_held;
};

/* One request; whether the connection is still of use. */
static bool serve(struct origin *o, int fd)
{
    char request[1024];
    size_t got = 0;
    while (got < sizeof(request) - 1) {
        const ssize_t n = recv(fd, request + got, sizeof(request) - 1 - got, 0);
        if (n <= 0)
            return false;
        got += (size_t)n;
        request[got] = '\0';
        if (strstr(request, "\r\n\r\n"))
            break;
    }
    atomic_fetch_add(&o->asked, 1);
    const char *answer = atomic_load(&o->answer);
    const size_t step = atomic_load(&o->manner) == ANSWERS_BYTE_BY_BYTE ? 1 : strlen(answer);
    for (const char *at = answer; *at; at += step)
        if (send(fd, at, step, MSG_NOSIGNAL) == -1)
            return false; /* whoever asked knows enough */
    return true;
}

static void *origin_run(void *arg)
{
    struct origin *o = arg;
    for (;;) {
        const int fd = accept(o->listening, NULL, NULL);
        if (fd == -1 && errno == EMFILE)
            continue;
        if (fd == -1)
            return NULL;
        atomic_fetch_add(&o->accepted, 1);
        if (atomic_load(&o->manner) == SAYS_NOTHING && o->n_held < COUNT_OF(o->held)) {
            o->held[o->n_held++] = fd;
            continue;
        }
        while (serve(o, fd) && atomic_load(&o->manner) == KEEPS_CONNECTIONS)
            continue;
        close(fd);
    }
}

static void origin_open(struct origin *o, enum manner manner, const char *answer)
{
    *o = (struct origin){.listening = socket(AF_INET, SOCK_STREAM, 0)};
    atomic_init(&o->manner, (int)manner);
    atomic_init(&o->answer, answer);
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(in);
    assert_int_equal(bind(o->listening, (struct sockaddr *)&in, len), 0);
    assert_int_equal(listen(o->listening, 1024), 0);
    assert_int_equal(getsockname(o->listening, (struct sockaddr *)&in, &len), 0);
    o->endpoint = sockaddr_endpoint((struct sockaddr *)&in);
    assert_int_equal(pthread_create(&o->thread, NULL, origin_run, o), 0);
}

static void origin_close(struct origin *o)
{
    shutdown(o->listening, SHUT_RDWR); /* wakes its accept() */
    pthread_join(o->thread, NULL);
    close(o->listening);
    for (size_t i = 0; i < o->n_held; i++)
        close(o->held[i]);
}

/* --- the fixture --- */

static struct loop *loop;
static struct probes *probes;
static struct {
    int n;
    struct server *server;
    enum health_state state;
    char reason[128];
    void (*then)(struct server *s); /* called from within */
} told;

static void changed(void *of, struct server *s, enum health_state state, const char *reason)
{
    assert_ptr_equal(of, &told);
    assert_int_equal(atomic_load(&s->health), state); /* stored before it is told */
    told.n++;
    told.server = s;
    told.state = state;
    snprintf(told.reason, sizeof(told.reason), "%s", reason);
    loop_stop(loop);
    if (told.then)
        told.then(s);
}

static int set_up(void **state)
{
    (void)state;
    memset(&told, 0, sizeof(told));
    loop = loop_new();
    probes = probes_new(loop, 42, changed, &told);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    probes_free(probes);
    loop_free(loop);
    return 0;
}

static void time_is_up(void *of)
{
    *(bool *)of = true;
    loop_stop(loop);
}

/* Runs until the next change; whether none came in time. */
static bool run_for(int64_t ns)
{
    bool late = false;
    struct timer t;
    timer_init(&t, loop, time_is_up, &late);
    timer_set(&t, ns);
    loop_run(loop);
    timer_stop(&t);
    return late;
}

static void await(int n)
{
    while (told.n < n)
        if (run_for(10 * NS_PER_S))
            fail_msg("nothing changed in ten seconds");
}

static struct server *server_at(const struct endpoint *e)
{
    return server_new(SLICE("web"), SLICE("one"), e, 1);
}

static const struct table_health quick = {
    .kind = HEALTH_HTTP,
    .method = SLICE_INIT("GET"),
    .path = SLICE_INIT("/health"),
    .every_ns = 10 * NS_PER_MS,
    .timeout_ns = 10 * NS_PER_S,
    .rise = 1,
    .fall = 1,
    .status_first = 200,
    .status_last = 399,
};

static void watch_one(struct server *s, const struct table_health *check)
{
    probes_set(probes, &s, &check, NULL, 1);
}

static void watch_none(void)
{
    probes_set(probes, NULL, NULL, NULL, 0);
}

/* --- the tests --- */

static const struct {
    const char *says;
    enum manner manner;
    const char *answer;
    enum table_health_kind kind;
    int64_t timeout_ms;
    enum health_state state;
    const char *reason;
} rows[] = {
    {"a good status", ANSWERS, "HTTP/1.1 200 OK\r\n\r\n", HEALTH_HTTP, 10000, HEALTH_UP,
     "status 200"},
    {"the last good status", ANSWERS, "HTTP/1.1 399 x\r\n", HEALTH_HTTP, 10000, HEALTH_UP,
     "status 399"},
    {"a byte at a time", ANSWERS_BYTE_BY_BYTE, "HTTP/1.0 204 x\r\n", HEALTH_HTTP, 10000, HEALTH_UP,
     "status 204"},
    {"a bad status", ANSWERS, "HTTP/1.1 500 x\r\n", HEALTH_HTTP, 10000, HEALTH_DOWN, "status 500"},
    {"a status below", ANSWERS, "HTTP/1.1 199 x\r\n", HEALTH_HTTP, 10000, HEALTH_DOWN,
     "status 199"},
    {"garbage", ANSWERS, "220 mail.example ESMTP\r\n", HEALTH_HTTP, 10000, HEALTH_DOWN,
     "not an HTTP/1 response"},
    {"half an answer", ANSWERS, "HTTP/1.1 20", HEALTH_HTTP, 10000, HEALTH_DOWN,
     "closed without an answer"},
    {"no answer", ANSWERS, "", HEALTH_HTTP, 10000, HEALTH_DOWN, "closed without an answer"},
    {"silence", SAYS_NOTHING, "", HEALTH_HTTP, 50, HEALTH_DOWN, "no answer within 50ms"},
    {"to connect is enough for TCP", SAYS_NOTHING, "", HEALTH_TCP, 10000, HEALTH_UP, "connected"},
};

static void what_a_server_does_decides(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct origin o;
        origin_open(&o, rows[i].manner, rows[i].answer);
        struct table_health check = quick;
        check.kind = rows[i].kind;
        check.timeout_ns = rows[i].timeout_ms * NS_PER_MS;
        struct server *s = server_at(&o.endpoint);
        told.n = 0;
        watch_one(s, &check);
        await(1);
        if (told.state != rows[i].state || strcmp(told.reason, rows[i].reason) != 0)
            fail_msg("%s: %s, %s", rows[i].says, health_name(told.state), told.reason);
        watch_none();
        origin_close(&o);
        assert_int_equal(atomic_load(&s->pins), 1);
        server_unpin(s);
    }
}

/* Until the server was asked so often. */
static void await_asked(const struct origin *o, unsigned n)
{
    while (atomic_load(&o->asked) < n)
        assert_true(run_for(10 * NS_PER_MS)); /* nothing changes meanwhile */
}

static const struct {
    const char *says;
    enum manner manner;
    const char *answer;
    bool reused;
} kept[] = {
    {"no body", KEEPS_CONNECTIONS, "HTTP/1.1 204 x\r\n\r\n", true},
    {"a body", KEEPS_CONNECTIONS, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine", true},
    {"chunks", KEEPS_CONNECTIONS,
     "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nfine\r\n0\r\n\r\n", true},
    {"a body that has not come", KEEPS_CONNECTIONS,
     "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nfine", false},
    {"more than the body", KEEPS_CONNECTIONS, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nfine",
     false},
    {"a body that ends with the connection", KEEPS_CONNECTIONS, "HTTP/1.1 200 OK\r\n\r\nfine",
     false},
    {"the server would close", KEEPS_CONNECTIONS, "HTTP/1.1 204 x\r\nConnection: close\r\n\r\n",
     false},
    {"HTTP/1.0", KEEPS_CONNECTIONS, "HTTP/1.0 204 x\r\n\r\n", false},
    {"a head in pieces", ANSWERS_BYTE_BY_BYTE, "HTTP/1.1 204 x\r\n\r\n", false},
    {"the server closes without a word", ANSWERS, "HTTP/1.1 204 x\r\n\r\n", false},
};

static void a_connection_is_kept_where_the_answer_allows_it(void **state)
{
    (void)state;
    struct table_health check = quick;
    check.keep_alive = true;
    for (size_t i = 0; i < COUNT_OF(kept); i++) {
        struct origin o;
        origin_open(&o, kept[i].manner, kept[i].answer);
        struct server *s = server_at(&o.endpoint);
        told.n = 0;
        watch_one(s, &check);
        await(1);
        await_asked(&o, 5);
        watch_none();
        const unsigned accepted = atomic_load(&o.accepted);
        if (told.state != HEALTH_UP || kept[i].reused != (accepted == 1) ||
            (!kept[i].reused && accepted < 4))
            fail_msg("%s: %s, %u connections", kept[i].says, health_name(told.state), accepted);
        origin_close(&o);
        assert_int_equal(atomic_load(&s->pins), 1);
        server_unpin(s);
    }
}

static void a_server_that_fails_is_asked_on_a_new_connection(void **state)
{
    (void)state;
    struct origin o;
    origin_open(&o, KEEPS_CONNECTIONS, "HTTP/1.1 204 x\r\n\r\n");
    struct server *s = server_at(&o.endpoint);
    struct table_health check = quick;
    check.keep_alive = true;
    watch_one(s, &check);
    await(1);
    atomic_store(&o.answer, "HTTP/1.1 503 x\r\nContent-Length: 0\r\n\r\n");
    await(2);
    assert_int_equal(told.state, HEALTH_DOWN);
    assert_int_equal(atomic_load(&o.accepted), 1);
    atomic_store(&o.answer, "HTTP/1.1 204 x\r\n\r\n");
    await(3);
    assert_true(atomic_load(&o.accepted) >= 2);
    watch_none();
    origin_close(&o);
    server_unpin(s);
}

static void nobody_there_is_a_failure(void **state)
{
    (void)state;
    struct origin o;
    origin_open(&o, ANSWERS, "");
    origin_close(&o); /* its port is free now */
    struct server *s = server_at(&o.endpoint);
    watch_one(s, &quick);
    await(1);
    assert_int_equal(told.state, HEALTH_DOWN);
    assert_string_equal(told.reason, "connection refused");

    struct endpoint nowhere;
    assert_true(endpoint_parse(SLICE("unix:/nowhere/at/all"), &nowhere));
    struct server *t = server_at(&nowhere);
    watch_one(t, &quick);
    await(2);
    assert_ptr_equal(told.server, t);
    assert_string_equal(told.reason, "no such file or directory");
    watch_none();
    server_unpin(s);
    server_unpin(t);
}

static void rise_and_fall_are_counted(void **state)
{
    (void)state;
    struct origin o;
    origin_open(&o, ANSWERS, "HTTP/1.1 200 OK\r\n");
    struct server *s = server_at(&o.endpoint);
    struct table_health check = quick;
    check.rise = 3;
    check.fall = 4;
    watch_one(s, &check);
    await(1);
    assert_int_equal(atomic_load(&o.accepted), 1); /* new: one success is enough */
    atomic_store(&o.answer, "HTTP/1.1 503 x\r\n");
    const unsigned before = atomic_load(&o.accepted);
    await(2);
    assert_int_equal(told.state, HEALTH_DOWN);
    assert_in_range(atomic_load(&o.accepted) - before, 4, 5); /* one may have been under way */
    atomic_store(&o.answer, "HTTP/1.1 200 x\r\n");
    await(3);
    assert_int_equal(told.state, HEALTH_UP);
    watch_none();
    origin_close(&o);
    server_unpin(s);
}

static void a_slow_probe_is_not_overtaken_by_the_next(void **state)
{
    (void)state;
    struct origin o;
    origin_open(&o, SAYS_NOTHING, "");
    struct server *s = server_at(&o.endpoint);
    struct table_health check = quick;
    check.every_ns = NS_PER_MS;
    check.timeout_ns = 100 * NS_PER_MS;
    check.fall = 3;
    const int64_t began_ns = clock_now_ns();
    watch_one(s, &check);
    await(1);
    assert_true(clock_now_ns() - began_ns >=
                270 * NS_PER_MS); /* three in a row, on a coarse clock */
    assert_in_range(atomic_load(&o.accepted), 3, 4);
    watch_none();
    origin_close(&o);
    server_unpin(s);
}

static void a_set_may_change_while_probes_are_under_way(void **state)
{
    (void)state;
    struct origin o;
    origin_open(&o, SAYS_NOTHING, "");
    struct server *s[3];
    const struct table_health *check[3] = {&quick, &quick, &quick};
    for (size_t i = 0; i < 3; i++)
        s[i] = server_at(&o.endpoint);
    probes_set(probes, s, check, NULL, 3);
    assert_true(run_for(30 * NS_PER_MS));
    assert_int_equal(atomic_load(&s[2]->pins), 2);
    probes_set(probes, s, check, NULL, 2); /* one goes in the middle of its probe */
    assert_int_equal(atomic_load(&s[2]->pins), 1);
    server_unpin(s[2]);

    /* One stays with the same check, and goes on waiting; one gets another, and begins anew. */
    struct table_health other = quick;
    other.kind = HEALTH_TCP;
    check[1] = &other;
    probes_set(probes, s, check, NULL, 2);
    await(1);
    assert_ptr_equal(told.server, s[1]);
    assert_true(run_for(30 * NS_PER_MS));
    assert_int_equal(atomic_load(&s[0]->health), HEALTH_UNKNOWN);
    probes_free(probes);
    probes = NULL;
    origin_close(&o);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(atomic_load(&s[i]->pins), 1);
        server_unpin(s[i]);
    }
}

static void who_stays_keeps_its_run_of_results(void **state)
{
    (void)state;
    struct origin o;
    origin_open(&o, ANSWERS, "HTTP/1.1 500 x\r\n");
    struct server *s = server_at(&o.endpoint);
    struct table_health check = quick;
    check.fall = 3;
    watch_one(s, &check);
    for (unsigned seen = 0; seen < 3; seen = atomic_load(&o.accepted)) {
        run_for(NS_PER_MS);
        if (seen < atomic_load(&o.accepted))
            watch_one(s, &check); /* as a reload does */
    }
    await(1);
    assert_in_range(atomic_load(&o.accepted), 3, 4);
    watch_none();
    origin_close(&o);
    server_unpin(s);
}

static void without_a_check_health_is_unknown_again(void **state)
{
    (void)state;
    struct origin o;
    origin_open(&o, ANSWERS, "HTTP/1.1 500 x\r\n");
    struct server *s = server_at(&o.endpoint);
    watch_one(s, &quick);
    await(1);
    assert_false(server_usable(s));
    const struct table_health none = {.kind = HEALTH_NONE};
    watch_one(s, &none);
    assert_true(server_usable(s));
    assert_int_equal(atomic_load(&s->health), HEALTH_UNKNOWN);
    assert_int_equal(atomic_load(&s->pins), 1);
    origin_close(&o);
    server_unpin(s);
}

static void in_a_hurry_a_probe_does_not_wait_for_its_turn(void **state)
{
    (void)state;
    struct origin o;
    origin_open(&o, ANSWERS, "HTTP/1.1 200 x\r\n");
    struct server *s = server_at(&o.endpoint);
    struct table_health check = quick;
    check.every_ns = 3600 * NS_PER_S;
    watch_one(s, &check);
    await(1);
    atomic_store(&o.answer, "HTTP/1.1 500 x\r\n");
    probes_hurry(probes, s);
    await(2);
    assert_int_equal(told.state, HEALTH_DOWN);
    watch_none();
    probes_hurry(probes, s); /* nothing to hurry */
    origin_close(&o);
    server_unpin(s);
}

static void the_number_of_connections_is_bounded(void **state)
{
    (void)state;
    enum { N = PROBES_AT_ONCE + 60 };
    struct origin o;
    origin_open(&o, SAYS_NOTHING, "");
    static struct server *s[N];
    static const struct table_health *check[N];
    struct table_health slow = quick;
    slow.timeout_ns = 400 * NS_PER_MS;
    for (size_t i = 0; i < N; i++) {
        s[i] = server_at(&o.endpoint);
        check[i] = &slow;
    }
    probes_set(probes, s, check, NULL, N);
    run_for(200 * NS_PER_MS);
    assert_int_equal(atomic_load(&o.accepted), PROBES_AT_ONCE);
    await(PROBES_AT_ONCE + 1); /* one of those that had to wait has had its turn, too */
    probes_free(probes);
    probes = NULL;
    origin_close(&o);
    for (size_t i = 0; i < N; i++)
        server_unpin(s[i]);
}

static void our_own_trouble_says_nothing_about_a_server(void **state)
{
    (void)state;
    struct origin o;
    origin_open(&o, ANSWERS, "HTTP/1.1 200 x\r\n");
    struct server *s = server_at(&o.endpoint);
    const int next = dup(STDOUT_FILENO);
    close(next);
    struct rlimit before, tight;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    tight = before;
    tight.rlim_cur = (rlim_t)next;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &tight), 0);
    watch_one(s, &quick);
    const bool nothing = run_for(100 * NS_PER_MS);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_true(nothing);
    await(1); /* and it is tried again */
    assert_int_equal(told.state, HEALTH_UP);
    watch_none();
    origin_close(&o);
    server_unpin(s);
}

static void be_busy(struct server *s)
{
    (void)s;
    usleep(200 * 1000);
}

static void those_that_begin_late_are_counted(void **state)
{
    (void)state;
    struct origin o;
    origin_open(&o, ANSWERS, "HTTP/1.1 200 x\r\n");
    struct server *s = server_at(&o.endpoint);
    told.then = be_busy; /* the second probe is due long before that is over */
    watch_one(s, &quick);
    await(1);
    assert_int_equal(probes_count(probes).late, 0); /* the first is never late */
    while (probes_count(probes).begun < 2)
        run_for(10 * NS_PER_MS);
    assert_true(probes_count(probes).late >= 1);
    watch_none();
    origin_close(&o);
    server_unpin(s);
}

static void end_all(struct server *s)
{
    (void)s;
    probes_free(probes);
    probes = NULL;
}

static void who_is_told_may_end_it_all(void **state)
{
    (void)state;
    struct origin o;
    origin_open(&o, ANSWERS, "HTTP/1.1 200 x\r\n");
    struct server *s = server_at(&o.endpoint);
    told.then = end_all;
    watch_one(s, &quick);
    await(1);
    assert_int_equal(atomic_load(&s->pins), 1);
    origin_close(&o);
    server_unpin(s);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_a_server_does_decides),
        TEST(a_connection_is_kept_where_the_answer_allows_it),
        TEST(a_server_that_fails_is_asked_on_a_new_connection),
        TEST(nobody_there_is_a_failure),
        TEST(rise_and_fall_are_counted),
        TEST(a_slow_probe_is_not_overtaken_by_the_next),
        TEST(a_set_may_change_while_probes_are_under_way),
        TEST(who_stays_keeps_its_run_of_results),
        TEST(without_a_check_health_is_unknown_again),
        TEST(in_a_hurry_a_probe_does_not_wait_for_its_turn),
        TEST(the_number_of_connections_is_bounded),
        TEST(our_own_trouble_says_nothing_about_a_server),
        TEST(those_that_begin_late_are_counted),
        TEST(who_is_told_may_end_it_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

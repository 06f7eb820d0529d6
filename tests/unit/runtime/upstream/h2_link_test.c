/* Links that are streams: how they share connections, and what they hear when none can be made. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "runtime/base/clock.h"
#include "runtime/mux/stream.h"
#include "runtime/upstream/h2_link.h"

#define LINKS 8

static struct loop *loop;
static struct pool buffers, links;
static struct deadlines deadlines;
static struct metrics metrics;
static struct mux_owner mux_owner;
static struct list lines;
static struct link_owner owner;
static char scratch[64 * 1024];
static int listening;
static struct server *server;
static struct link *used[LINKS];
static bool connected[LINKS];
static unsigned n_heard;

static void heard(struct link *l, unsigned what)
{
    l->readable |= (what & WATCH_READ) != 0;
    l->writable |= (what & WATCH_WRITE) != 0;
    n_heard++;
    loop_stop(loop);
}

static void late(struct link *l)
{
    (void)l;
}

static int set_up(void **state)
{
    (void)state;
    loop = loop_new();
    pool_init(&buffers, BUFFER_BLOCK_BYTES, 0, 4);
    pool_init(&links, sizeof(struct link), LINKS, 4);
    list_init(&lines);
    mux_owner_init(&mux_owner, loop, &buffers, &metrics, scratch, sizeof(scratch));
    owner = (struct link_owner){.loop = loop,
                                .links = &links,
                                .buffers = &buffers,
                                .deadlines = &deadlines,
                                .metrics = &metrics,
                                .mux_owner = &mux_owner,
                                .lines = &lines,
                                .ready = heard,
                                .late = late};
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(in);
    listening = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(listening, (struct sockaddr *)&in, len), 0);
    assert_int_equal(listen(listening, 16), 0);
    assert_int_equal(getsockname(listening, (struct sockaddr *)&in, &len), 0);
    const struct endpoint e = sockaddr_endpoint((struct sockaddr *)&in);
    server = server_new(SLICE("web"), SLICE("one"), &e, 1);
    memset(used, 0, sizeof(used));
    n_heard = 0;
    metrics = (struct metrics){0};
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    for (int i = 0; i < LINKS; i++)
        link_close(used[i]);
    h2_link_close_all(&owner);
    mux_owner_done(&mux_owner);
    server_unpin(server);
    deadlines_done(&deadlines);
    pool_done(&links);
    pool_done(&buffers);
    close(listening);
    loop_free(loop);
    return 0;
}

static int open_link(int i, bool fresh, bool connects)
{
    const struct h2_link_wish wish = {
        .fresh = fresh, .connects = connects, .connect_ns = NS_PER_S, .idle_ns = NS_PER_S};
    const int rc = h2_link_open(&owner, server, &used[i], &wish, &used[i], &connected[i]);
    if (rc == 0 && !connected[i])
        conn_want(&used[i]->conn, WATCH_WRITE);
    return rc;
}

static int n_lines(void)
{
    int n = 0;
    for (const struct list *at = lines.next; at != &lines; at = at->next)
        n++;
    return n;
}

static void run_until_heard(unsigned n)
{
    while (n_heard < n)
        loop_run(loop);
}

static void links_share_a_connection(void **state)
{
    (void)state;
    assert_int_equal(open_link(0, false, false), 0);
    assert_int_equal(open_link(1, false, false), 0);
    assert_false(connected[0] || connected[1]);
    assert_int_equal(link_reach(used[0]), -EAGAIN);
    run_until_heard(2);
    assert_int_equal(link_reach(used[0]), 0);
    assert_int_equal(link_reach(used[1]), 0);
    assert_int_equal(open_link(2, false, false), 0);
    assert_true(connected[2]);
    assert_int_equal(n_lines(), 1);
    assert_int_equal(metrics.server_connects, 1);
    assert_int_equal(metrics.server_reused, 1);
    assert_int_equal(open_link(3, true, false), 0); /* a fresh one has its own */
    assert_int_equal(n_lines(), 2);
}

/* Until the server has said so, nobody knows whether it takes an extended CONNECT. */
static void one_that_must_know_waits(void **state)
{
    (void)state;
    assert_int_equal(open_link(0, false, false), 0);
    run_until_heard(1);
    assert_int_equal(open_link(1, false, true), 0);
    assert_false(connected[1]);
    used[1]->writable = true;
    assert_int_equal(link_reach(used[1]), -EAGAIN);
    const int fd = accept(listening, NULL, NULL);
    static const char settings[] = "\0\0\6\4\0\0\0\0\0\0\x08\0\0\0\1"; /* ENABLE_CONNECT_PROTOCOL */
    assert_int_equal(send(fd, settings, sizeof(settings) - 1, 0), sizeof(settings) - 1);
    run_until_heard(2);
    assert_int_equal(link_reach(used[1]), 0);
    assert_true(stream_connects(&used[1]->conn));
    assert_true(atomic_load(&server->connects));
    close(fd);
}

static void a_connection_that_is_refused(void **state)
{
    (void)state;
    close(listening);
    assert_int_equal(open_link(0, false, false), 0);
    assert_int_equal(open_link(1, false, false), 0);
    run_until_heard(2);
    assert_int_equal(link_reach(used[0]), -ECONNREFUSED);
    assert_int_equal(link_reach(used[1]), -ECONNREFUSED);
    assert_null(link_why(used[0]));
    assert_int_equal(n_lines(), 0);
    listening = -1;
}

static void a_connection_that_takes_too_long(void **state)
{
    (void)state;
    assert_int_equal(open_link(0, false, false), 0);
    struct deadline *d = deadlines_expired(&deadlines, clock_now_ns() + 2 * NS_PER_S);
    assert_non_null(d);
    d->call(d);
    assert_int_equal(n_heard, 1);
    assert_int_equal(link_reach(used[0]), -ETIMEDOUT);
    assert_int_equal(n_lines(), 0);
}

static void links_that_are_out(void **state)
{
    (void)state;
    for (int i = 0; i < LINKS; i++)
        assert_int_equal(open_link(i, false, false), 0);
    struct link *one_more;
    bool made;
    const struct h2_link_wish wish = {.connect_ns = NS_PER_S, .idle_ns = NS_PER_S};
    assert_int_equal(h2_link_open(&owner, server, &one_more, &wish, &one_more, &made), -ENOBUFS);
    assert_int_equal(n_lines(), 1);
}

static void a_server_that_goes(void **state)
{
    (void)state;
    assert_int_equal(open_link(0, false, false), 0);
    run_until_heard(1);
    h2_link_close_idle(&owner, server);
    assert_int_equal(n_lines(), 1); /* somebody uses it */
    assert_int_equal(open_link(1, false, false), 0);
    assert_int_equal(n_lines(), 2); /* and nobody else may */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(links_share_a_connection, set_up, tear_down),
        cmocka_unit_test_setup_teardown(one_that_must_know_waits, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_connection_that_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_connection_that_takes_too_long, set_up, tear_down),
        cmocka_unit_test_setup_teardown(links_that_are_out, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_server_that_goes, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

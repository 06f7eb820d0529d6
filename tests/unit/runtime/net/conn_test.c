/* dial and conn over loopback: what a session sees of a socket. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "runtime/net/conn.h"
#include "runtime/net/dial.h"

static struct loop *loop;
static int listening;
static struct sockaddr_of at;
static struct conn conn;
static int peer; /* the other end of `conn`, blocking */

static void wait_until_writable(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLOUT};
    assert_int_equal(poll(&p, 1, 5000), 1);
}

static void not_called(void *of, unsigned ready)
{
    (void)of;
    (void)ready;
    fail_msg("the loop does not run");
}

static int set_up(void **state)
{
    (void)state;
    loop = loop_new();
    struct endpoint e;
    assert_true(endpoint_parse(SLICE("127.0.0.1:1"), &e));
    e.port = 0;
    at = sockaddr_from(&e);
    listening = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(listening, (struct sockaddr *)&at.addr, at.len), 0);
    assert_int_equal(listen(listening, 4), 0);
    assert_int_equal(getsockname(listening, (struct sockaddr *)&at.addr, &at.len), 0);

    const int fd = dial_begin(&at);
    assert_true(fd >= 0);
    wait_until_writable(fd);
    assert_int_equal(dial_result(fd), 0);
    conn_open(&conn, &transport_plain, loop, fd, not_called, NULL);
    peer = accept(listening, NULL, NULL);
    assert_int_not_equal(peer, -1);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    conn_close(&conn);
    close(peer);
    close(listening);
    loop_free(loop);
    return 0;
}

/* Waits for something to read, and reads it. */
static ssize_t read_when_ready(char *to, size_t room)
{
    struct pollfd p = {.fd = conn.fd, .events = POLLIN};
    assert_int_equal(poll(&p, 1, 5000), 1);
    return conn_read(&conn, to, room);
}

static void a_dialled_connection_does_not_delay_small_writes(void **state)
{
    (void)state;
    int on = 0;
    socklen_t len = sizeof(on);
    assert_int_equal(getsockopt(conn.fd, IPPROTO_TCP, TCP_NODELAY, &on, &len), 0);
    assert_true(on);
}

static void nobody_there_is_refused(void **state)
{
    (void)state;
    struct sockaddr_of nowhere = at;
    const int taken = socket(AF_INET, SOCK_STREAM, 0); /* bound, and not listening */
    ((struct sockaddr_in *)&nowhere.addr)->sin_port = 0;
    assert_int_equal(bind(taken, (struct sockaddr *)&nowhere.addr, nowhere.len), 0);
    assert_int_equal(getsockname(taken, (struct sockaddr *)&nowhere.addr, &nowhere.len), 0);
    const int fd = dial_begin(&nowhere);
    if (fd >= 0) {
        wait_until_writable(fd);
        assert_int_equal(dial_result(fd), -ECONNREFUSED);
        close(fd);
    } else
        assert_int_equal(fd, -ECONNREFUSED);
    close(taken);
}

static void a_path_that_is_not_there_fails_at_once(void **state)
{
    (void)state;
    struct endpoint e;
    assert_true(endpoint_parse(SLICE("unix:/nowhere/at/all"), &e));
    const struct sockaddr_of to = sockaddr_from(&e);
    assert_int_equal(dial_begin(&to), -ENOENT);
}

static void bytes_go_both_ways(void **state)
{
    (void)state;
    char got[64];
    assert_int_equal(conn_read(&conn, got, sizeof(got)), -EAGAIN);
    assert_int_equal(write(peer, "hello", 5), 5);
    assert_int_equal(read_when_ready(got, sizeof(got)), 5);
    assert_memory_equal(got, "hello", 5);

    char a[] = "one ", b[] = "two ", c[] = "three";
    const struct iovec parts[] = {{a, 4}, {b, 4}, {c, 5}};
    assert_int_equal(conn_write(&conn, parts, 3), 13);
    assert_int_equal(recv(peer, got, 13, MSG_WAITALL), 13);
    assert_memory_equal(got, "one two three", 13);
}

static void a_full_socket_takes_a_part_and_then_nothing(void **state)
{
    (void)state;
    enum { BYTES = 1 << 20 };
    char *big = calloc(1, BYTES);
    const struct iovec part = {big, BYTES};
    size_t sent = 0;
    ssize_t n;
    while ((n = conn_write(&conn, &part, 1)) > 0)
        sent += (size_t)n;
    assert_int_equal(n, -EAGAIN);
    for (size_t got = 0; got < sent; got += (size_t)n) {
        n = read(peer, big, BYTES);
        assert_true(n > 0);
    }
    free(big);
}

static void the_end_is_zero_and_writing_goes_on(void **state)
{
    (void)state;
    char got[8];
    assert_int_equal(write(peer, "x", 1), 1);
    shutdown(peer, SHUT_WR);
    assert_int_equal(read_when_ready(got, sizeof(got)), 1);
    assert_int_equal(read_when_ready(got, sizeof(got)), 0);
    char late[] = "late";
    const struct iovec part = {late, 4};
    assert_int_equal(conn_write(&conn, &part, 1), 4);
    assert_int_equal(recv(peer, got, 4, MSG_WAITALL), 4);
}

static void a_reset_is_an_error_and_no_signal(void **state)
{
    (void)state;
    const struct linger at_once = {.l_onoff = 1};
    assert_int_equal(setsockopt(peer, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)), 0);
    close(peer);
    peer = dup(listening);
    char got[8];
    assert_int_equal(read_when_ready(got, sizeof(got)), -ECONNRESET);
    const struct iovec part = {got, 1};
    assert_int_equal(conn_write(&conn, &part, 1), -EPIPE); /* SIGPIPE would end us */
}

static void shutting_tells_the_peer_and_goes_on_reading(void **state)
{
    (void)state;
    char got[8];
    conn_shut(&conn);
    assert_int_equal(read(peer, got, sizeof(got)), 0);
    assert_int_equal(write(peer, "y", 1), 1);
    assert_int_equal(read_when_ready(got, sizeof(got)), 1);
}

static void closing_is_an_end_and_resetting_is_not(void **state)
{
    (void)state;
    char got[8];
    conn_reset(&conn);
    assert_int_equal(conn.fd, -1);
    assert_int_equal(read(peer, got, sizeof(got)), -1);
    assert_int_equal(errno, ECONNRESET);
    conn_reset(&conn);
    conn_close(&conn);
    conn_shut(&conn);
}

/* A pair of which `theirs` is the far end, and `ours` is read or written here. */
static void pair(struct conn *ours, int *theirs)
{
    int fd[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd), 0);
    conn_open(ours, &transport_plain, loop, fd[0], not_called, NULL);
    *theirs = fd[1];
}

/* From `from`, whose peer has said `hello`, by at most three bytes at a time. */
static void pass_hello(struct conn *from)
{
    struct conn to;
    int reader;
    char scratch[3], got[8];
    bool whole = false, more = false;
    pair(&to, &reader);
    assert_true(conn_passes(from, &to));
    assert_int_equal(conn_pass(from, &to, scratch, sizeof(scratch), UINT64_MAX, &whole, &more), 3);
    assert_true(whole && more);
    assert_int_equal(conn_pass(from, &to, scratch, sizeof(scratch), 1, &whole, &more), 1);
    assert_true(whole && more); /* what is behind stays */
    assert_int_equal(conn_pass(from, &to, scratch, sizeof(scratch), 1, &whole, &more), 1);
    assert_true(whole && !more);
    assert_int_equal(conn_pass(from, &to, scratch, sizeof(scratch), 1, &whole, &more), 0);
    assert_int_equal(read(reader, got, sizeof(got)), 5);
    assert_memory_equal(got, "hello", 5);
    close(reader);
    conn_close(&to);
}

static void bytes_pass_from_one_to_the_other(void **state)
{
    (void)state;
    struct conn local;
    int writer;
    struct pollfd p = {.fd = conn.fd, .events = POLLIN};
    assert_int_equal(write(peer, "hello", 5), 5);
    assert_int_equal(poll(&p, 1, 5000), 1);
    pass_hello(&conn);
    pair(&local, &writer); /* drops in another way */
    assert_int_equal(write(writer, "hello", 5), 5);
    pass_hello(&local);
    close(writer);
    conn_close(&local);
}

static void what_is_not_taken_is_still_there_to_be_passed(void **state)
{
    (void)state;
    enum { BYTES = 1 << 20 };
    char *big = malloc(BYTES), *scratch = malloc(BYTES), *got = malloc(BYTES);
    for (size_t i = 0; i < BYTES; i++)
        big[i] = (char)(i % 251);
    struct conn from;
    int writer;
    pair(&from, &writer);
    size_t written = 0, read_bytes = 0;
    bool blocked = false;
    while (read_bytes < BYTES) {
        ssize_t n = written < BYTES ? write(writer, big + written, BYTES - written) : 0;
        written += n > 0 ? (size_t)n : 0;
        bool whole, more;
        n = conn_pass(&from, &conn, scratch, BYTES, UINT64_MAX, &whole, &more);
        blocked |= n == -EAGAIN || !whole;
        if (n != -EAGAIN && n != 0)
            continue;
        n = recv(peer, got, 1000, MSG_DONTWAIT);
        assert_true(n <= 0 || memcmp(got, big + read_bytes, (size_t)n) == 0);
        read_bytes += n > 0 ? (size_t)n : 0;
    }
    assert_true(blocked || written == BYTES);
    free(big);
    free(scratch);
    free(got);
    close(writer);
    conn_close(&from);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_dialled_connection_does_not_delay_small_writes),
        TEST(nobody_there_is_refused),
        TEST(a_path_that_is_not_there_fails_at_once),
        TEST(bytes_go_both_ways),
        TEST(a_full_socket_takes_a_part_and_then_nothing),
        TEST(the_end_is_zero_and_writing_goes_on),
        TEST(a_reset_is_an_error_and_no_signal),
        TEST(shutting_tells_the_peer_and_goes_on_reading),
        TEST(closing_is_an_end_and_resetting_is_not),
        TEST(bytes_pass_from_one_to_the_other),
        TEST(what_is_not_taken_is_still_there_to_be_passed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

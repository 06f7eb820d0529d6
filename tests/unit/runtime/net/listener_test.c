#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/net/dial.h"
#include "runtime/net/listener.h"

static struct endpoint endpoint(const char *text)
{
    struct endpoint e;
    if (!endpoint_parse(slice_of(text), &e))
        fail_msg("%s is no endpoint", text);
    return e;
}

/* The same address with a port nobody uses: the kernel chose it just now. */
static struct endpoint free_port(const char *address)
{
    struct endpoint e = endpoint(address);
    e.port = 0;
    struct sockaddr_of at = sockaddr_from(&e);
    const int fd = socket(at.addr.ss_family, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&at.addr, at.len), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at.addr, &at.len), 0);
    close(fd);
    return sockaddr_endpoint((struct sockaddr *)&at.addr);
}

static int dial(const struct endpoint *e)
{
    const struct sockaddr_of to = sockaddr_from(e);
    const int fd = dial_begin(&to);
    assert_true(fd >= 0);
    struct pollfd p = {.fd = fd, .events = POLLOUT};
    assert_int_equal(poll(&p, 1, 5000), 1);
    assert_int_equal(dial_result(fd), 0);
    return fd;
}

/* Whichever of the workers' sockets the kernel chose. */
static int accept_at_any(const struct listener *l, uint32_t n_workers, struct endpoint *client)
{
    for (int round = 0; round < 500; round++) {
        for (uint32_t i = 0; i < n_workers; i++) {
            const int fd = listener_accept(l, i, client);
            if (fd >= 0)
                return fd;
            assert_int_equal(fd, -EAGAIN);
        }
        usleep(1000);
    }
    fail_msg("nobody came");
    return -1;
}

static void connects_and_is_accepted(const char *address)
{
    enum { WORKERS = 3 };
    const struct endpoint e = free_port(address);
    struct listener *l;
    assert_int_equal(listener_open(&e, NULL, WORKERS, &l), 0);
    assert_int_equal(l->n_sockets, WORKERS);
    for (int i = 0; i < 20; i++) {
        struct endpoint client;
        const int a = dial(&e), b = accept_at_any(l, WORKERS, &client);
        assert_int_equal(address_compare(&client.address, &e.address), 0);
        assert_int_not_equal(client.port, 0);
        assert_true(fcntl(b, F_GETFL) & O_NONBLOCK);
        assert_true(fcntl(b, F_GETFD) & FD_CLOEXEC);
        close(a);
        close(b);
    }
    listener_unpin(l);
}

static void ipv4_connects_and_is_accepted(void **state)
{
    (void)state;
    connects_and_is_accepted("127.0.0.1:1");
}

static bool has_ipv6(void)
{
    const struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    const int fd = socket(AF_INET6, SOCK_STREAM, 0);
    const bool has = fd != -1 && bind(fd, (const struct sockaddr *)&in6, sizeof(in6)) == 0;
    if (fd != -1)
        close(fd);
    return has;
}

static void ipv6_connects_and_is_accepted(void **state)
{
    (void)state;
    if (!has_ipv6())
        skip();
    connects_and_is_accepted("[::1]:1");
}

static void both_families_have_the_same_port(void **state)
{
    (void)state;
    if (!has_ipv6())
        skip();
    struct endpoint v4 = free_port("0.0.0.0:1"), v6 = endpoint("[::]:1");
    v6.port = v4.port;
    struct listener *a, *b;
    assert_int_equal(listener_open(&v6, NULL, 2, &a), 0);
    assert_int_equal(listener_open(&v4, NULL, 2, &b), 0);
    listener_unpin(a);
    listener_unpin(b);
}

static void an_address_in_use_is_refused(void **state)
{
    (void)state;
    const struct endpoint e = free_port("127.0.0.1:1");
    struct listener *l, *second = NULL;
    assert_int_equal(listener_open(&e, NULL, 2, &l), 0);
    assert_int_equal(listener_open(&e, NULL, 2, &second),
                     -EADDRINUSE); /* though both share ports */
    assert_null(second);
    listener_unpin(l);
    assert_int_equal(listener_open(&e, NULL, 1, &second), 0); /* at once, whatever lingers */
    listener_unpin(second);
}

static void an_address_that_is_not_here_is_refused(void **state)
{
    (void)state;
    const struct endpoint e = endpoint("192.0.2.1:1025");
    struct listener *l = NULL;
    assert_int_equal(listener_open(&e, NULL, 1, &l), -EADDRNOTAVAIL);
    assert_null(l);
}

static void refuses(const struct endpoint *e)
{
    const struct sockaddr_of to = sockaddr_from(e);
    int rc = dial_begin(&to);
    if (rc >= 0) {
        struct pollfd p = {.fd = rc, .events = POLLOUT};
        assert_int_equal(poll(&p, 1, 5000), 1);
        const int fd = rc;
        rc = dial_result(fd);
        close(fd);
    }
    assert_int_equal(rc, -ECONNREFUSED);
}

static void who_leaves_closes_though_others_pin(void **state)
{
    (void)state;
    const struct endpoint e = free_port("127.0.0.1:1");
    struct listener *l, *second;
    struct endpoint client;
    assert_int_equal(listener_open(&e, NULL, 2, &l), 0);
    listener_leave(l, 1);
    for (int i = 0; i < 20; i++) { /* all of it goes to who stays */
        const int a = dial(&e), b = accept_at_any(l, 1, &client);
        close(a);
        close(b);
    }
    listener_leave(l, 0);
    refuses(&e);
    assert_int_equal(listener_open(&e, NULL, 2, &second), 0); /* the port can be had again */
    listener_unpin(l);
    close(dial(&e));
    listener_unpin(second);
}

static void the_last_pin_closes(void **state)
{
    (void)state;
    const struct endpoint e = free_port("127.0.0.1:1");
    struct listener *l;
    assert_int_equal(listener_open(&e, NULL, 1, &l), 0);
    assert_ptr_equal(listener_pin(l), l);
    listener_unpin(l);
    close(dial(&e));
    listener_unpin(l);
    listener_unpin(NULL);
    refuses(&e);
}

/* --- Unix sockets --- */

static char folder[64];
static struct endpoint at_path;

static int make_folder(void **state)
{
    (void)state;
    snprintf(folder, sizeof(folder), "/tmp/lbc-listener-XXXXXX");
    assert_non_null(mkdtemp(folder));
    at_path = (struct endpoint){0};
    snprintf(at_path.path, sizeof(at_path.path), "%s/s", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    unlink(at_path.path);
    assert_int_equal(rmdir(folder), 0);
    return 0;
}

static void the_last_who_leaves_removes_the_path(void **state)
{
    (void)state;
    struct listener *l, *second;
    assert_int_equal(listener_open(&at_path, NULL, 2, &l), 0);
    listener_leave(l, 0);
    close(dial(&at_path));
    listener_leave(l, 0); /* the other one: it is the one socket of both */
    assert_int_equal(access(at_path.path, F_OK), -1);
    assert_int_equal(listener_open(&at_path, NULL, 2, &second), 0);
    listener_unpin(l); /* the path is another's now */
    close(dial(&at_path));
    listener_unpin(second);
}

static void a_unix_socket_is_shared_by_the_workers(void **state)
{
    (void)state;
    struct listener *l;
    assert_int_equal(listener_open(&at_path, NULL, 4, &l), 0);
    assert_int_equal(l->n_sockets, 1);
    struct endpoint client;
    const int a = dial(&at_path), b = listener_accept(l, listener_first(l, 3), &client);
    assert_true(b >= 0);
    assert_int_equal(client.port, 0);
    close(a);
    close(b);
    listener_unpin(l);
    assert_int_equal(access(at_path.path, F_OK), -1);
}

static void a_unix_socket_in_use_is_refused(void **state)
{
    (void)state;
    struct listener *l, *second = NULL;
    assert_int_equal(listener_open(&at_path, NULL, 1, &l), 0);
    assert_int_equal(listener_open(&at_path, NULL, 1, &second), -EADDRINUSE);
    close(dial(&at_path)); /* the first is unharmed */
    listener_unpin(l);
}

static void a_stale_unix_socket_is_replaced(void **state)
{
    (void)state;
    const struct sockaddr_of to = sockaddr_from(&at_path);
    const int dead = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(dead, (const struct sockaddr *)&to.addr, to.len), 0);
    close(dead);
    struct listener *l;
    assert_int_equal(listener_open(&at_path, NULL, 1, &l), 0);
    close(dial(&at_path));
    listener_unpin(l);
}

static void a_file_in_the_way_is_never_removed(void **state)
{
    (void)state;
    close(open(at_path.path, O_CREAT | O_WRONLY, 0600));
    struct listener *l = NULL;
    assert_int_equal(listener_open(&at_path, NULL, 1, &l), -EADDRINUSE);
    struct stat st;
    assert_int_equal(stat(at_path.path, &st), 0);
    assert_true(S_ISREG(st.st_mode));
}

static void a_folder_that_is_not_there_is_an_error(void **state)
{
    (void)state;
    const struct endpoint e = endpoint("unix:/nowhere/at/all");
    struct listener *l = NULL;
    assert_int_equal(listener_open(&e, NULL, 1, &l), -ENOENT);
    assert_null(l);
}

#define AT_PATH(f) cmocka_unit_test_setup_teardown(f, make_folder, remove_folder)

static void a_file_has_the_mode_that_is_asked_for(void **state)
{
    (void)state;
    const struct endpoint e = at_path;
    struct listener_options o = {.backlog = 5, .mode = 0666};
    const mode_t before = umask(077);
    struct listener *l;
    struct stat st;
    assert_int_equal(listener_open(&e, &o, 2, &l), 0);
    umask(before);
    assert_int_equal(stat(e.path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0666);
    o.mode = 0600;
    listener_adjust(l, &o);
    assert_int_equal(stat(e.path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    listener_unpin(l);
}

/* As many as wait, and one more, find room; no other does: the backlog is the kernel's to keep. */
static int connect_until_full(const struct endpoint *e, int *fd, int most)
{
    const struct sockaddr_of to = sockaddr_from(e);
    int n = 0;
    for (; n < most; n++) {
        fd[n] = dial_begin(&to);
        assert_true(fd[n] >= 0);
        struct pollfd p = {.fd = fd[n], .events = POLLOUT};
        if (poll(&p, 1, 200) != 1)
            break;
    }
    for (int i = 0; i < n + (n < most); i++)
        close(fd[i]);
    return n;
}

static void a_backlog_is_what_is_asked_for(void **state)
{
    (void)state;
    const struct endpoint e = free_port("127.0.0.1:1");
    struct listener_options o = {.backlog = 2, .mode = LISTENER_NO_MODE};
    struct listener *l;
    int fd[32];
    assert_int_equal(listener_open(&e, &o, 1, &l), 0);
    assert_in_range(connect_until_full(&e, fd, 32), 2, 4);
    o.backlog = 100;
    listener_adjust(l, &o);
    assert_int_equal(connect_until_full(&e, fd, 32), 32);
    listener_unpin(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        AT_PATH(a_file_has_the_mode_that_is_asked_for),
        cmocka_unit_test(a_backlog_is_what_is_asked_for),
        cmocka_unit_test(ipv4_connects_and_is_accepted),
        cmocka_unit_test(ipv6_connects_and_is_accepted),
        cmocka_unit_test(both_families_have_the_same_port),
        cmocka_unit_test(an_address_in_use_is_refused),
        cmocka_unit_test(an_address_that_is_not_here_is_refused),
        cmocka_unit_test(who_leaves_closes_though_others_pin),
        cmocka_unit_test(the_last_pin_closes),
        AT_PATH(the_last_who_leaves_removes_the_path),
        AT_PATH(a_unix_socket_is_shared_by_the_workers),
        AT_PATH(a_unix_socket_in_use_is_refused),
        AT_PATH(a_stale_unix_socket_is_replaced),
        AT_PATH(a_file_in_the_way_is_never_removed),
        AT_PATH(a_folder_that_is_not_there_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

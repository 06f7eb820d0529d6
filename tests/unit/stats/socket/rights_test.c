/* Who may connect to a stats socket that another process had before. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "runtime/event/loop.h"
#include "stats/socket/socket.h"
#include "tests/unit/stats/socket/fake_control.h"

static int connected(const char *path)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    snprintf(at.sun_path, sizeof(at.sun_path), "%s", path);
    const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&at, sizeof(at)), 0);
    return fd;
}

static bool is_closed(int fd)
{
    struct pollfd p = {.fd = fd};
    return poll(&p, 1, 0) == 1 && (p.revents & POLLHUP);
}

/* Another process, with `before`, is followed by one with `after`; somebody waits meanwhile. */
static bool is_turned_away(uint32_t before, uint32_t after)
{
    char path[] = "/tmp/lbc-rights-XXXXXX/s";
    char *slash = strrchr(path, '/');
    *slash = '\0';
    assert_non_null(mkdtemp(path));
    *slash = '/';
    struct loop *loop = loop_new();
    struct stats_sockets all = {.loop = loop, .control = &control};
    list_init(&all.socket);
    struct stats_at at = {.path = path, .mode = before, .group = STATS_NO_GROUP};
    struct stats_socket *old, *next;
    struct stat st;
    assert_int_equal(stats_socket_open(&all, &at, &old), 0);
    const int early = connected(path);
    at.mode = after;
    assert_int_equal(stats_socket_adopt(dup(stats_socket_fd(old)), &all, &at, &next), 0);
    assert_int_equal(stats_socket_take_over(next), 0);
    const bool gone = is_closed(early);
    const int later = connected(path);
    assert_false(is_closed(later));
    assert_true(lstat(path, &st) == 0 && (st.st_mode & 07777) == after);
    close(early);
    close(later);
    stats_socket_let_go(old);
    stats_socket_close(old);
    stats_socket_close(next);
    loop_free(loop);
    *slash = '\0';
    assert_int_equal(rmdir(path), 0);
    return gone;
}

static void who_waits_where_others_might_connect_is_not_let_in(void **state)
{
    (void)state;
    assert_true(is_turned_away(0666, 0600));
    assert_true(is_turned_away(0600, 0660));
}

static void who_waits_where_nothing_changes_is(void **state)
{
    (void)state;
    assert_false(is_turned_away(0600, 0600));
    assert_false(is_turned_away(0660, 0660));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_waits_where_others_might_connect_is_not_let_in),
        cmocka_unit_test(who_waits_where_nothing_changes_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/net/dial.h"
#include "runtime/net/inherited.h"
#include "runtime/net/listener.h"

/* A socket that listens where the kernel likes, at this descriptor. */
static struct endpoint listening_at(int wanted, const char *path)
{
    struct endpoint e = {.address = {.byte = {[10] = 0xff, [11] = 0xff, [12] = 127, [15] = 1}}};
    if (path)
        snprintf(e.path, sizeof(e.path), "%s", path);
    struct sockaddr_of at = sockaddr_from(&e);
    const int fd = socket(at.addr.ss_family, SOCK_STREAM, 0);
    ASSERT(bind(fd, (struct sockaddr *)&at.addr, at.len) == 0 && listen(fd, 5) == 0);
    ASSERT(getsockname(fd, (struct sockaddr *)&at.addr, &at.len) == 0);
    if (!path)
        e = sockaddr_endpoint((struct sockaddr *)&at.addr);
    else
        e.address = (struct address){.byte = {0}};
    ASSERT(fd == wanted || (dup2(fd, wanted) == wanted && close(fd) == 0));
    return e;
}

static const char *pid(int plus)
{
    static char text[16];
    snprintf(text, sizeof(text), "%d", (int)getpid() + plus);
    return text;
}

/* Descriptors 3 and on are the test runner's: each story is told by a process of its own. */
static void in_a_child(void (*story)(void))
{
    const pid_t child = fork();
    if (child == 0) {
        story();
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static void matched_by_address(void)
{
    char path[] = "/tmp/inherited-XXXXXX";
    ASSERT(mkdtemp(path));
    char name[64];
    snprintf(name, sizeof(name), "%s/s", path);
    const struct endpoint a = listening_at(3, NULL), b = listening_at(4, NULL),
                          c = listening_at(5, name);
    struct listener *l, *at_path;
    ASSERT(inherited_adopt(pid(0), "3") == 3);
    ASSERT(listener_open(&b, NULL, 3, &l) == 0);
    ASSERT(l->n_sockets == 1 && l->socket[0].fd == 4);
    ASSERT(fcntl(4, F_GETFD) == FD_CLOEXEC && (fcntl(4, F_GETFL) & O_NONBLOCK));

    const struct sockaddr_of to = sockaddr_from(&b);
    const int client = dial_begin(&to);
    struct endpoint peer;
    struct pollfd p = {.fd = 4, .events = POLLIN};
    ASSERT(client >= 0 && poll(&p, 1, 5000) == 1);
    ASSERT(listener_accept(l, 0, &peer) >= 0);
    ASSERT(listener_accept(l, 0, &peer) == -EAGAIN);
    for (uint32_t i = 0; i < 3; i++) {
        ASSERT(l->socket[0].fd == 4);
        listener_leave(l, 0);
    }
    ASSERT(l->socket[0].fd == -1 && fcntl(4, F_GETFD) == -1);
    listener_unpin(l);

    ASSERT(listener_open(&c, NULL, 2, &at_path) == 0 && at_path->socket[0].fd == 5);
    listener_unpin(at_path);
    struct stat st;
    ASSERT(stat(name, &st) == 0); /* it was not ours to remove */
    ASSERT(unlink(name) == 0 && rmdir(path) == 0);

    ASSERT(endpoint_eq(inherited_left(0), &a) && !inherited_left(1));
    inherited_close();
    ASSERT(!inherited_left(0) && fcntl(3, F_GETFD) == -1);
}

/* Sockets of one endpoint, as an lbc has them. */
static struct endpoint group_of(int first, uint32_t n)
{
    struct endpoint e = {.address = {.byte = {[10] = 0xff, [11] = 0xff, [12] = 127, [15] = 1}}};
    for (uint32_t i = 0; i < n; i++) {
        struct sockaddr_of at = sockaddr_from(&e);
        const int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1, wanted = first + (int)i;
        ASSERT(setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) == 0);
        ASSERT(bind(fd, (struct sockaddr *)&at.addr, at.len) == 0 && listen(fd, 5) == 0);
        ASSERT(getsockname(fd, (struct sockaddr *)&at.addr, &at.len) == 0);
        e = sockaddr_endpoint((struct sockaddr *)&at.addr);
        ASSERT(fd == wanted || (dup2(fd, wanted) == wanted && close(fd) == 0));
        ASSERT(inherited_add(wanted, true));
    }
    return e;
}

/* How many sockets a worker accepts from. */
static uint32_t sockets_of(const struct listener *l, uint32_t worker)
{
    uint32_t n = 0;
    for (uint32_t i = listener_first(l, worker); i < l->n_sockets; i += l->n_workers)
        n++;
    return n;
}

static void groups(void)
{
    struct listener *l;
    struct endpoint e = group_of(20, 5); /* fewer workers: none is left without */
    ASSERT(listener_open(&e, NULL, 2, &l) == 0 && l->n_sockets == 5);
    ASSERT(sockets_of(l, 0) == 3 && sockets_of(l, 1) == 2);
    listener_leave(l, 0);
    ASSERT(l->socket[0].fd == -1 && l->socket[2].fd == 22);
    listener_unpin(l);

    e = group_of(20, 2); /* more: the others are opened beside them */
    ASSERT(listener_open(&e, NULL, 4, &l) == 0 && l->n_sockets == 4);
    for (uint32_t w = 0; w < 4; w++)
        ASSERT(sockets_of(l, w) == 1 && listener_first(l, w) == w);
    listener_unpin(l);

    e = group_of(20, 2); /* nobody binds it any more; what a manager opened may be bound later */
    const struct endpoint lent = listening_at(30, NULL);
    ASSERT(inherited_add(30, false));
    inherited_close_own();
    ASSERT(endpoint_eq(inherited_left(0), &lent) && !inherited_left(1));
    ASSERT(fcntl(20, F_GETFD) == -1 && fcntl(21, F_GETFD) == -1);
    ASSERT(inherited_left_socket(0)->fd == 30 && !inherited_left_socket(0)->own);
    inherited_close();
    ASSERT(!inherited_add(30, true)); /* it is closed */
}

static void a_path_goes_along(void)
{
    char path[] = "/tmp/inherited-XXXXXX", name[64];
    ASSERT(mkdtemp(path));
    snprintf(name, sizeof(name), "%s/s", path);
    const struct endpoint e = listening_at(20, name);
    struct listener *l, *next;
    ASSERT(inherited_add(20, true));
    ASSERT(listener_open(&e, NULL, 2, &l) == 0);
    const int other = dup(20);
    listener_unpin(l); /* it has not taken the path yet */
    ASSERT(access(name, F_OK) == 0);
    ASSERT(inherited_add(other, true) && listener_open(&e, NULL, 2, &next) == 0);
    listener_take_path(next);
    listener_unpin(next);
    ASSERT(access(name, F_OK) == -1 && rmdir(path) == 0);
}

static void for_another(void)
{
    (void)listening_at(3, NULL);
    ASSERT(inherited_adopt(pid(1), "1") == 0);
    ASSERT(inherited_adopt(NULL, "1") == 0 && inherited_adopt(pid(0), NULL) == 0);
    ASSERT(inherited_adopt("", "1") == 0);
    ASSERT(!inherited_left(0));
}

static void what_it_is_not(void)
{
    ASSERT(inherited_adopt(pid(0), "x") == -EINVAL);
    ASSERT(inherited_adopt(pid(0), "257") == -EINVAL);
    const int fd = socket(AF_INET, SOCK_STREAM, 0); /* does not listen */
    ASSERT(dup2(fd, 3) == 3);
    ASSERT(inherited_adopt(pid(0), "1") == -EINVAL);
    const int datagrams = socket(AF_INET, SOCK_DGRAM, 0);
    ASSERT(dup2(datagrams, 3) == 3);
    ASSERT(inherited_adopt(pid(0), "1") == -EINVAL);
    close(3);
    ASSERT(inherited_adopt(pid(0), "1") == -EINVAL);
}

static void sockets_are_matched_by_their_address(void **state)
{
    (void)state;
    in_a_child(matched_by_address);
}

static void sockets_of_an_lbc_are_all_taken(void **state)
{
    (void)state;
    in_a_child(groups);
}

static void the_path_of_an_lbc_goes_along(void **state)
{
    (void)state;
    in_a_child(a_path_goes_along);
}

static void what_is_for_another_process_is_left_alone(void **state)
{
    (void)state;
    in_a_child(for_another);
}

static void what_cannot_be_accepted_from_is_refused(void **state)
{
    (void)state;
    in_a_child(what_it_is_not);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sockets_are_matched_by_their_address),
        cmocka_unit_test(sockets_of_an_lbc_are_all_taken),
        cmocka_unit_test(the_path_of_an_lbc_goes_along),
        cmocka_unit_test(what_is_for_another_process_is_left_alone),
        cmocka_unit_test(what_cannot_be_accepted_from_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

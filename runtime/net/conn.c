#include "runtime/net/conn.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "runtime/net/sockaddr.h"

static ssize_t plain_read(struct conn *c, void *to, size_t room)
{
    ssize_t n;
    do
        n = recv(c->fd, to, room, 0);
    while (n == -1 && errno == EINTR);
    return n == -1 ? -errno : n;
}

static ssize_t plain_write(struct conn *c, const struct iovec *from, int n)
{
    /* sendmsg and not writev: a peer that is gone must be an error here, not a signal. */
    struct iovec *parts = (struct iovec *)(uintptr_t)from;
    const struct msghdr message = {.msg_iov = parts, .msg_iovlen = (size_t)n};
    ssize_t sent;
    do
        sent = sendmsg(c->fd, &message, MSG_NOSIGNAL);
    while (sent == -1 && errno == EINTR);
    return sent == -1 ? -errno : sent;
}

static void plain_want(struct conn *c, unsigned wants)
{
    watch_want(&c->watch, wants);
}

/* Whatever has come before and waits to be read. */
static bool says(const struct conn *c, short events)
{
    struct pollfd p = {.fd = c->fd, .events = events};
    return poll(&p, 1, 0) == 1 && (p.revents & (events | POLLERR | POLLHUP)) != 0;
}

static bool plain_is_broken(const struct conn *c)
{
    return says(c, 0);
}

static void plain_shut(struct conn *c)
{
    shutdown(c->fd, SHUT_WR); /* a peer that is gone already needs no telling */
}

static void plain_close(struct conn *c, bool reset)
{
    const struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    if (reset)
        setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    watch_done(&c->watch);
    close(c->fd);
}

const struct transport transport_plain = {.read = plain_read,
                                          .write = plain_write,
                                          .want = plain_want,
                                          .is_broken = plain_is_broken,
                                          .shut = plain_shut,
                                          .close = plain_close};

void conn_open(struct conn *c, const struct transport *t, struct loop *loop, int fd,
               watch_ready *ready, void *of)
{
    c->transport = t;
    c->fd = fd;
    c->state = NULL;
    watch_init(&c->watch, loop, fd, ready, of);
}

bool conn_is_broken(const struct conn *c)
{
    return c->transport->is_broken(c);
}

bool conn_is_left(const struct conn *c)
{
    return conn_is_stream(c) ? conn_is_broken(c) : says(c, POLLRDHUP);
}

void conn_shut(struct conn *c)
{
    if (c->fd != -1)
        c->transport->shut(c);
}

static void end(struct conn *c, bool reset)
{
    if (c->fd == -1)
        return;
    c->transport->close(c, reset);
    c->fd = -1;
}

void conn_close(struct conn *c)
{
    end(c, false);
}

void conn_reset(struct conn *c)
{
    end(c, true);
}

/* Bytes that are there, and in `copy` too. TCP drops them without a copy (MSG_TRUNC, tcp(7)); a
 * Unix socket knows no such thing. */
static bool drop(const struct conn *c, char *copy, size_t n)
{
    ssize_t dropped = recv(c->fd, NULL, n, MSG_TRUNC);
    if (dropped == -1 && errno == EFAULT)
        dropped = recv(c->fd, copy, n, 0);
    return dropped == (ssize_t)n;
}

ssize_t conn_pass(struct conn *from, struct conn *to, char *scratch, size_t room, uint64_t most,
                  bool *whole, bool *more)
{
    ASSERT(conn_passes(from, to) && most > 0);
    /* One byte further than it goes, to know whether anything came behind it. */
    const size_t look = most < room ? (size_t)most + 1 : room;
    *whole = true;
    *more = false;
    const ssize_t there = recv(from->fd, scratch, look, MSG_PEEK);
    if (there <= 0)
        return 0;
    *more = (size_t)there == look;
    const struct iovec part = {scratch, (uint64_t)there < most ? (size_t)there : (size_t)most};
    const ssize_t n = plain_write(to, &part, 1);
    if (n < 0)
        return n;
    *whole = (size_t)n == part.iov_len;
    return drop(from, scratch, (size_t)n) ? n
                                          : -EPIPE; /* else what followed would be out of place */
}

struct endpoint conn_local(const struct conn *c)
{
    struct sockaddr_storage addr = {0};
    socklen_t len = sizeof(addr);
    if (getsockname(c->fd, (struct sockaddr *)&addr, &len) != 0)
        return (struct endpoint){0}; /* it is gone already, and the next read will say so */
    return sockaddr_endpoint((const struct sockaddr *)&addr);
}

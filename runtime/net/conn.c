#include "runtime/net/conn.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

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

const struct transport transport_plain = {.read = plain_read, .write = plain_write};

void conn_open(struct conn *c, const struct transport *t, struct loop *loop, int fd,
               watch_ready *ready, void *of)
{
    c->transport = t;
    c->fd = fd;
    watch_init(&c->watch, loop, fd, ready, of);
}

bool conn_is_broken(const struct conn *c)
{
    char byte;
    return recv(c->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == -1 && errno != EAGAIN &&
           errno != EINTR;
}

void conn_shut(struct conn *c)
{
    if (c->fd != -1)
        shutdown(c->fd, SHUT_WR); /* a peer that is gone already needs no telling */
}

void conn_close(struct conn *c)
{
    if (c->fd == -1)
        return;
    watch_done(&c->watch);
    close(c->fd);
    c->fd = -1;
}

void conn_reset(struct conn *c)
{
    const struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    if (c->fd != -1)
        setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    conn_close(c);
}

/*
 * conn - one connected socket with its watch, and the bytes through it.
 *
 * Reading and writing go through a transport, so that a session does not know whether its bytes are
 * encrypted. The owning worker only.
 */
#pragma once

#include <sys/types.h>
#include <sys/uio.h>

#include "runtime/base/check.h"
#include "runtime/event/loop.h"

struct conn;

/* Both return bytes (> 0), -EAGAIN when it would have to wait, another negative errno when the
 * connection is broken; read returns 0 at the peer's end. */
struct transport {
    ssize_t (*read)(struct conn *c, void *to, size_t room);
    ssize_t (*write)(struct conn *c, const struct iovec *from, int n);
};

extern const struct transport transport_plain;

struct conn {
    const struct transport *transport;
    struct watch watch;
    int fd; /* owned; -1 once closed */
};

/* Takes the descriptor over. `ready` is called with `of` as watch_ready says. */
void conn_open(struct conn *c, const struct transport *t, struct loop *loop, int fd,
               watch_ready *ready, void *of);

MUST_CHECK static inline ssize_t conn_read(struct conn *c, void *to, size_t room)
{
    return c->transport->read(c, to, room);
}

MUST_CHECK static inline ssize_t conn_write(struct conn *c, const struct iovec *from, int n)
{
    return c->transport->write(c, from, n);
}

/* Has the peer reset the connection? Looks, and takes nothing out of it. */
MUST_CHECK bool conn_is_broken(const struct conn *c);

/* Tells the peer that nothing more comes; reading goes on. */
void conn_shut(struct conn *c);

/* Closes. Harmless when it is closed already. `reset` ends it with a TCP reset: the peer must not
 * take what it has for a whole message. */
void conn_close(struct conn *c);
void conn_reset(struct conn *c);

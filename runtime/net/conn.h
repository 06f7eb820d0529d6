/*
 * conn - a connection as those see it who read and write it.
 *
 * All of it goes through a transport, so that a session does not know whether its bytes are
 * encrypted, or whether it has a socket of its own at all. The owning worker only.
 */
#pragma once

#include <sys/types.h>
#include <sys/uio.h>

#include "runtime/base/address.h"
#include "runtime/base/check.h"
#include "runtime/base/slice.h"
#include "runtime/event/loop.h"

struct conn;

struct transport {
    /* Both return bytes (> 0), -EAGAIN when it would have to wait, another negative errno when the
     * connection is broken; read returns 0 at the peer's end. What a write did not take, the next
     * one begins with. A read that fills its room may have left more behind; any other has not. */
    ssize_t (*read)(struct conn *c, void *to, size_t room);
    ssize_t (*write)(struct conn *c, const struct iovec *from, int n);
    /* The others are what the functions below say, for a connection that is open. */
    void (*want)(struct conn *c, unsigned wants);
    bool (*is_broken)(const struct conn *c);
    void (*shut)(struct conn *c);
    void (*close)(struct conn *c, bool reset);
    /* NULL: there is none. */
    int (*handshake)(struct conn *c);
    /* A stream of a connection that carries several, where the end of a message is told and not
     * seen by the connection's end. NULL where it is. */
    ssize_t (*finish)(struct conn *c, const struct iovec *from, int n, struct slice trailer);
    bool (*ended)(const struct conn *c);
    struct slice (*trailer)(const struct conn *c);
};

extern const struct transport transport_plain;

struct conn {
    const struct transport *transport;
    struct watch watch;
    int fd;      /* owned, but by a stream; -1 once closed */
    void *state; /* the transport's own; NULL for a plain one */
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

/* Once connected to a server: 0 when it can be spoken to, -EAGAIN to be called again when it is
 * ready for reading, another negative errno when they do not come together. */
MUST_CHECK static inline int conn_handshake(struct conn *c)
{
    return c->transport->handshake ? c->transport->handshake(c) : 0;
}

/* Can bytes go from the one to the other as they are, by conn_pass()? */
static inline bool conn_passes(const struct conn *from, const struct conn *to)
{
    return from->transport == &transport_plain && to->transport == &transport_plain;
}

/*
 * At most `most` bytes from the one straight to the other, by way of `scratch`. They are looked at,
 * written, and only what was taken is taken out of the socket: nothing is ever left over that would
 * have to be kept. Returns bytes; 0 when there is nothing, for a reason that conn_read() says; or
 * what conn_write() says. *whole: all that was looked at is through. *more: there may be more,
 * behind `most` too; false: there was nothing else.
 */
MUST_CHECK ssize_t conn_pass(struct conn *from, struct conn *to, char *scratch, size_t room,
                             uint64_t most, bool *whole, bool *more);

/* Does the connection carry one message each way, whose end is told? */
static inline bool conn_is_stream(const struct conn *c)
{
    return c->transport->finish != NULL;
}

/* Of a stream: writes the last of the message, which may be nothing, and then its end, with these
 * lines of a trailer section. Returns as conn_write() does; when all was taken the end was told,
 * and 0 is a success too. */
MUST_CHECK static inline ssize_t conn_finish(struct conn *c, const struct iovec *from, int n,
                                             struct slice trailer)
{
    return c->transport->finish(c, from, n, trailer);
}

/* Has the peer said all it had to say, and has all of it been read? Never known but of a stream. */
static inline bool conn_ended(const struct conn *c)
{
    return c->transport->ended && c->transport->ended(c);
}

/* The lines of the trailer section behind what was read; until the connection is closed. */
static inline struct slice conn_trailer(const struct conn *c)
{
    return c->transport->trailer ? c->transport->trailer(c) : SLICE_NONE;
}

/* `ready` is to be called for these: WATCH_ bits; and for writing while a transport has something
 * of its own to send. */
static inline void conn_want(struct conn *c, unsigned wants)
{
    c->transport->want(c, wants);
}

/* Where the peer connected to, as the kernel has it; :: port 0 for a Unix socket. One system call.
 */
struct endpoint conn_local(const struct conn *c);

/* Has the peer reset the connection? Looks, and takes nothing out of it. */
MUST_CHECK bool conn_is_broken(const struct conn *c);

/* Has the peer reset the connection, or closed its half of it? Looks, and takes nothing out of it;
 * of a stream it says whether that was reset. */
MUST_CHECK bool conn_is_left(const struct conn *c);

/* Tells the peer that nothing more comes; reading goes on. */
void conn_shut(struct conn *c);

/* Closes. Harmless when it is closed already. `reset` ends it with a TCP reset: the peer must not
 * take what it has for a whole message. */
void conn_close(struct conn *c);
void conn_reset(struct conn *c);

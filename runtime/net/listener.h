/*
 * listener - bound, listening, non-blocking sockets: one per worker for one endpoint.
 *
 * Every worker has its own queue of new connections in the kernel (SO_REUSEPORT), so accepting
 * needs no lock. Closing such a socket loses what waits in its queue; therefore a listener outlives
 * hot swaps as long as some generation binds the endpoint, and is drained before it is closed.
 */
#pragma once

#include <stdatomic.h>
#include <stdint.h>
#include <sys/types.h>

#include "runtime/base/address.h"
#include "runtime/base/check.h"

struct listener {
    struct endpoint endpoint;
    atomic_uint pins;
    atomic_uint workers; /* those that have not left it */
    dev_t device;        /* of a Unix socket's path as we made it: only that one is removed */
    ino_t inode;
    uint32_t n_sockets;
    int fd[]; /* one per worker, owned, -1 once it left; a Unix socket, and one that was handed to
               * the process, is one, shared by all */
};

#define LISTENER_BACKLOG 4096u
#define LISTENER_NO_MODE UINT32_MAX

struct listener_options {
    uint32_t backlog; /* that may wait to be accepted; the kernel has a limit of its own */
    bool deferred;    /* connections are taken when their client has said something (TCP) */
    uint32_t mode;    /* of a Unix socket's file; LISTENER_NO_MODE: what the umask leaves */
};

/*
 * Opens `n_workers` sockets; or takes the one that was handed to the process for this endpoint (see
 * inherited.h). Control thread; does not block. A Unix socket's path that nobody listens on any
 * more is replaced. `o` may be NULL.
 *
 * Returns 0 and sets *out, pinned once, or a negative errno and leaves *out untouched.
 */
MUST_CHECK int listener_open(const struct endpoint *e, const struct listener_options *o,
                             uint32_t n_workers, struct listener **out);

/* Other options from now on, for one that is open and that no worker leaves. Control thread. */
void listener_adjust(struct listener *l, const struct listener_options *o);

/* Could it be opened? Binds and lets go at once, listens for nothing. 0 or a negative errno; what
 * another process of this user serves with SO_REUSEPORT counts as free. */
MUST_CHECK int listener_probe(const struct endpoint *e);

struct listener *listener_pin(struct listener *l);

/*
 * This worker accepts no more. Its socket is closed, a Unix socket by the last that leaves, though
 * generations that are finishing still pin the listener: whoever connects from now on is refused,
 * and does not wait in a queue that nobody empties. The worker never comes back to it.
 */
void listener_leave(struct listener *l, uint32_t worker);

/* The last one closes the sockets. NULL is allowed. Any thread. */
void listener_unpin(struct listener *l);

/*
 * Takes one waiting connection. Returns its descriptor, non-blocking and the caller's, and writes
 * the client's endpoint; or a negative errno, -EAGAIN when nobody waits.
 */
MUST_CHECK int listener_accept(const struct listener *l, uint32_t worker, struct endpoint *client);

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
    int fd[]; /* one per worker, owned, -1 once it left; a Unix socket is one, shared by all */
};

/*
 * Opens `n_workers` sockets. Any thread; does not block. A Unix socket's path that nobody listens
 * on any more is replaced.
 *
 * Returns 0 and sets *out, pinned once, or a negative errno and leaves *out untouched.
 */
MUST_CHECK int listener_open(const struct endpoint *e, uint32_t n_workers, struct listener **out);

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

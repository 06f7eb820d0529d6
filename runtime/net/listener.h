/*
 * listener - bound, listening, non-blocking sockets: one per worker for one endpoint.
 *
 * Every worker has its own queue of new connections in the kernel (SO_REUSEPORT), so accepting
 * needs no lock. Closing such a socket loses what waits in its queue; therefore a listener outlives
 * hot swaps as long as some generation binds the endpoint, is drained before it is closed, and all
 * of its sockets are handed over when another process takes our place. That one may have another
 * number of workers: then a worker has several sockets, or some have one together.
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
    dev_t device; /* of a Unix socket's path that is ours: only that one is removed */
    ino_t inode;
    bool lent;            /* by a service manager: the path, if it has one, is that one's */
    bool path_to_be_ours; /* listener_take_path() */
    uint32_t n_workers, n_sockets;
    struct listener_socket {
        int fd;              /* owned; -1 once all have left it */
        atomic_uint workers; /* those that have not; several where sockets are fewer: a Unix
                              * socket, and one that was handed to the process */
    } socket[];
};

#define LISTENER_BACKLOG 4096u
#define LISTENER_NO_MODE UINT32_MAX

struct listener_options {
    uint32_t backlog; /* that may wait to be accepted; the kernel has a limit of its own */
    bool deferred;    /* connections are taken when their client has said something (TCP) */
    uint32_t mode;    /* of a Unix socket's file; LISTENER_NO_MODE: what the umask leaves */
};

/*
 * Opens `n_workers` sockets; or takes those that were handed to the process for this endpoint (see
 * inherited.h), and what is missing to them beside those of an lbc before us. Control thread; does
 * not block. A Unix socket's path that nobody listens on any more is replaced. `o` may be NULL.
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

/* The first socket of a worker; the others are n_workers further on each, below n_sockets. */
static inline uint32_t listener_first(const struct listener *l, uint32_t worker)
{
    return worker % l->n_sockets;
}

/*
 * One of its workers accepts no more at this socket. It is closed by the last of them, though
 * generations that are finishing still pin the listener: whoever connects from now on is refused,
 * and does not wait in a queue that nobody empties. The worker never comes back to it.
 */
void listener_leave(struct listener *l, uint32_t socket);

/* The path of a Unix socket is another process's from now on, and that one's to remove; or it is
 * ours, if it was that of the process before us. Control thread. */
void listener_let_path(struct listener *l);
void listener_take_path(struct listener *l);

/* The last one closes the sockets. NULL is allowed. Any thread. */
void listener_unpin(struct listener *l);

/*
 * Takes one waiting connection. Returns its descriptor, non-blocking and the caller's, and writes
 * the client's endpoint; or a negative errno, -EAGAIN when nobody waits.
 */
MUST_CHECK int listener_accept(const struct listener *l, uint32_t socket, struct endpoint *client);

/*
 * link - a connection to a server, and the pool of those without an exchange.
 *
 * Each worker has its own links and its own pool per server, newest first. A link in the pool stays
 * watched for reading: whatever arrives there, bytes or the end, means that it can't be used again.
 */
#pragma once

#include "runtime/event/deadline.h"
#include "runtime/net/buffer.h"
#include "runtime/net/conn.h"
#include "runtime/upstream/server.h"

/* Idle links kept per server and worker; more are closed. */
#define LINKS_IDLE_MAX 256u

struct link;

/* What a link needs of its worker; one per worker. */
struct link_owner {
    uint32_t worker; /* index */
    struct loop *loop;
    struct pool *links, *buffers;
    struct deadlines *deadlines;
    struct metrics *metrics;
    /* What happens to a link that is in use: it became ready, its deadline passed. */
    void (*ready)(struct link *l, unsigned ready);
    void (*late)(struct link *l);
};

struct link {
    uint32_t magic;
#define LINK_MAGIC 0x117c04b5u
    struct conn conn;
    struct deadline deadline;
    struct list idle; /* in server_worker.idle while in the pool */
    const struct link_owner *owner;
    struct server *server; /* borrowed: whoever uses the link keeps it pinned */
    struct buffer in;      /* read and not yet used */
    void *exchange;        /* whoever uses it; NULL while in the pool */
    uint32_t exchanges;    /* finished on it */
    bool readable, writable;
};

/* The newest idle link to the server, taken out of the pool, or NULL. */
struct link *link_take(const struct link_owner *o, struct server *s, void *exchange);

/* Begins a connection. Returns 0 and sets *out, or a negative errno; -ENOBUFS when the pool of
 * links refuses. It is connected when it becomes writable and dial_result() agrees. */
MUST_CHECK int link_dial(const struct link_owner *o, struct server *s, void *exchange,
                         struct link **out);

/* Into the pool, for at most `idle_ns`; or closed, when the pool is full. */
void link_give(struct link *l, int64_t idle_ns, int64_t now_ns);

/* Closes and frees. NULL is allowed. */
void link_close(struct link *l);

/* Closes all idle links of this worker to the server. */
void link_close_idle(const struct link_owner *o, struct server *s);

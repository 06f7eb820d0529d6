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
#include "runtime/tls/wire.h"
#include "runtime/upstream/server.h"

/* Idle links kept per server and worker; more are closed. */
#define LINKS_IDLE_MAX 1024u

struct link;
struct mux_owner;
struct stream;

/* What a link needs of its worker; one per worker. */
struct link_owner {
    uint32_t worker; /* index */
    struct loop *loop;
    struct pool *links, *buffers;
    struct deadlines *deadlines;
    struct metrics *metrics;
    struct wire *wire;
    struct mux_owner *mux_owner; /* of HTTP/2 connections */
    struct list *lines;          /* all of those; see h2_link.h */
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
    bool connected;        /* a new one: dialled, and not yet through with its handshake, perhaps */
    bool readable, writable;
    uint8_t proxied;    /* it began with a PROXY header of this version: it is one client's */
    struct link **kept; /* idle, and not in the pool: where its client keeps it */
};

/* How a server is to be spoken to. */
struct link_way {
    struct tls_client *client; /* NULL: without TLS */
    struct slice name; /* of the host that the server is to be, where the client names none */
};

/* The newest idle link to the server that was made this way, taken out of the pool, or NULL. Those
 * that were made by another client, before a hot swap, are closed. */
struct link *link_take(const struct link_owner *o, struct server *s, const struct link_way *way,
                       void *exchange);

/* Begins a connection. Returns 0 and sets *out, or a negative errno; -ENOBUFS when the pool of
 * links refuses. */
MUST_CHECK int link_dial(const struct link_owner *o, struct server *s, const struct link_way *way,
                         void *exchange, struct link **out);

/* 0 when the server is connected, and a handshake may begin; -EAGAIN while that is under way,
 * another negative errno when it can't be made. Harmless once it is. */
MUST_CHECK int link_reach(struct link *l);

/* Why link_reach() or the handshake failed, as half a sentence; NULL where nobody said. Static
 * text. */
const char *link_why(const struct link *l);

/* A link that is a stream, and takes it over. NULL when the pool of links refuses. */
struct link *link_of_stream(const struct link_owner *o, struct server *s, void *exchange,
                            struct stream *st);

/* Was the request refused before anything was done with it (RFC 9113 8.7)? */
bool link_refused(const struct link *l);

/* Into the pool, for at most `idle_ns`; or closed, when the pool is full. */
void link_give(struct link *l, int64_t idle_ns, int64_t now_ns);

/*
 * As link_give(), but for the one client that *slot belongs to, in place of what was there: a PROXY
 * header at the beginning of a connection says that all of it is that client's. Pins the server.
 */
void link_keep(struct link *l, struct link **slot, int64_t idle_ns, int64_t now_ns);

/* The link in *slot, if it leads to this server this way and began so; NULL otherwise, and it is
 * closed. */
struct link *link_kept(struct link **slot, const struct server *s, const struct link_way *way,
                       uint8_t proxied, void *exchange);

/* Closes and frees. NULL is allowed. */
void link_close(struct link *l);

/* Closes all idle links of this worker to the server. */
void link_close_idle(const struct link_owner *o, struct server *s);

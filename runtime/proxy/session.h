/*
 * session - a client's connection: exchanges, one after the other.
 *
 * While it is idle it holds no buffer and no exchange. It belongs to the worker that accepted it,
 * and survives hot swaps: each exchange takes the generation that is current when it begins.
 */
#pragma once

#include "runtime/base/address.h"
#include "runtime/base/clock.h"
#include "runtime/event/deadline.h"
#include "runtime/generation/generation.h"
#include "runtime/log/access.h"
#include "runtime/net/buffer.h"
#include "runtime/net/conn.h"

struct exchange;
struct h2_front;
struct stream;
struct tls_context;
struct worker;

struct session {
    uint32_t magic;
#define SESSION_MAGIC 0x5e5510a3u
    struct worker *worker;
    struct conn conn;
    struct deadline deadline;
    struct list link;         /* in worker.session; of a stream: among those of its connection */
    struct gate *gate;        /* pinned, and counted in; of a stream: its connection's */
    _Atomic uint64_t *source; /* where its client's connections are counted; NULL: nowhere */
    struct limit_hold *holds; /* of limits of connections at a time; in a pool */
    struct session *parent;   /* of an HTTP/2 stream: its connection */
    struct h2_front *front;   /* of a connection that speaks HTTP/2; owned */
    struct tcp_end client;    /* who it is: the peer, or whom a PROXY header names */
    struct tcp_end peer;      /* who connected; :: port 0 for a Unix socket */
    struct tcp_end local;     /* where it connected to, once `local_known` */
    struct buffer in;
    struct exchange *exchange; /* NULL while idle */
    struct link *kept; /* an idle connection to a server that is this client's alone; owned */
    uint32_t requests; /* begun on it; of a connection that speaks HTTP/2, its streams */
    int64_t opened_ns;
    int64_t secured_ns; /* its TLS handshake was over; 0: not known, while no trace is on */
    uint64_t received_bytes, sent_bytes; /* of its exchanges that are over; not a stream's */
    bool readable, writable, local_known;
    bool served;     /* something has been asked on it: whatever follows is no preface */
    bool header_due; /* its PROXY header has not come yet */
    bool lingering;  /* we have said our last; reading only to let it arrive */
};

/* Takes the descriptor over; the gate has been counted for it already and is pinned here. Closes it
 * when memory is out. `tls` is what its client speaks TLS with; NULL: none.
 * `proxied`: a PROXY header comes before that. */
void session_open(struct worker *w, int fd, const struct endpoint *peer, struct gate *gate,
                  struct tls_context *tls, bool proxied);

/* A stream of that connection, whose request's head is to be read; refused when memory is out. */
void session_open_stream(struct session *parent, struct stream *st);

/* What the client came by: a stream's is the connection it is of. */
static inline const struct conn *session_wire(const struct session *s)
{
    return s->parent ? &s->parent->conn : &s->conn;
}

/* The connection is over; it waits for the client to read what was said last. */
void session_linger(struct session *s);

/* Runs what can be run. The session may be gone afterwards. */
void session_drive(struct session *s);

/* Ends it, with its exchange. */
void session_close(struct session *s, enum access_end end);

/* Closes it if it is idle: no request has begun. */
void session_close_if_idle(struct session *s);

/* How long a connection that is idle waits for a request that may be on its way, once another
 * process takes new ones. */
#define SESSION_LAST_REQUEST_NS (2 * NS_PER_S)

/* It ends with its next request, whose client is told, or after that time without one. */
void session_await_last(struct session *s);

/* Closes it if it waits for another request, or has said nothing for a while. */
void session_close_to_save(struct session *s);

/* The PROXY header has come: what follows is the client's. */
void session_welcome(struct session *s);

/* Closes it at once, with a reset: it is not to be served. */
void session_refuse(struct session *s);

/* The listener it came in by, in the worker's current generation; else in its canary, which *g is
 * then; or NULL when neither has it. */
const struct table_listener *session_listener_in(const struct session *s, struct generation **g);
static inline const struct table_listener *session_listener(const struct session *s)
{
    struct generation *g;
    return session_listener_in(s, &g);
}

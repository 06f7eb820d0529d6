/*
 * mux - one HTTP/2 connection, and its streams as connections of their own.
 *
 * Between those who have a socket and those who have a message: what the socket brings goes through
 * h2_session.h to the streams, and what is written to a stream goes into the connection's one block
 * of output, which is sent at the end of the loop's turn. The owning worker only.
 */
#pragma once

#include "runtime/base/list.h"
#include "runtime/base/pool.h"
#include "runtime/event/loop.h"
#include "runtime/http/h2_session.h"
#include "runtime/metrics/metrics.h"
#include "runtime/net/buffer.h"
#include "runtime/net/conn.h"

struct mux;
struct stream;

/* What all of them share; one per worker. */
struct mux_owner {
    struct pool *buffers; /* borrowed */
    struct pool streams;
    struct metrics *metrics;
    char *scratch; /* borrowed: where sockets are read into */
    size_t scratch_bytes;
    struct list touched; /* those that have something to do at the end of this turn */
    struct timer soon;
    struct list lingering[2]; /* streams: left since the last tick, and before it */
    struct timer tick;        /* runs while there are any */
};

struct mux_calls {
    /* Server: a request's head is here. It takes the stream, with stream_attach() or
     * stream_refuse(). */
    void (*opened)(struct mux *m, struct stream *st);
    /* All that could be done is done: for deadlines and the like. */
    void (*settled)(struct mux *m);
    /* The connection is over. It frees the mux, or leaves that for later; nothing else happens to
     * it. */
    void (*over)(struct mux *m);
};

struct mux {
    uint32_t magic;
#define MUX_MAGIC 0x3d7a90e4u
    struct mux_owner *owner;
    struct conn *conn; /* borrowed */
    const struct mux_calls *calls;
    struct h2_session *h2; /* owned */
    struct list stream, ready, blocked;
    struct list touched; /* in mux_owner.touched */
    struct buffer out;
    uint32_t n_streams, streams_max;
    bool is_client, in_turn;
    bool started; /* the connection is made */
    bool settled; /* client: the server has said what it takes */
    bool stalled; /* the socket did not take all */
    bool ending;  /* once all is sent */
    bool dead;    /* nothing goes in or out any more */
};

void mux_owner_init(struct mux_owner *o, struct loop *loop, struct pool *buffers,
                    struct metrics *metrics, char *scratch, size_t scratch_bytes);
void mux_owner_done(struct mux_owner *o);

/* Takes nothing over; the connection stays the caller's. False when memory is out. */
MUST_CHECK bool mux_init(struct mux *m, struct mux_owner *o, struct conn *c, bool is_client,
                         const struct h2_limits *limits, const struct mux_calls *calls);

/* What its streams read and write from now on are errors. */
void mux_done(struct mux *m);

/* Client: the connection is made, and what is waiting for it may go. */
void mux_start(struct mux *m);

/* The connection is over, or could not be made: its streams are told, and are nobody's from now on.
 * They say `error`, a negative errno, and `why`: static text, or NULL. */
void mux_abandon(struct mux *m, int error, const char *why);

/* Bytes that have been read from the connection already. */
void mux_receive(struct mux *m, const char *at, size_t len, int64_t now_ns);

/* The connection is ready: WATCH_ bits. */
void mux_ready(struct mux *m, unsigned what, int64_t now_ns);

/* Something was written, or is to be looked at, at the end of this turn. */
void mux_touch(struct mux *m);

/* Server, for its streams: the one with this place is over after 0.5 to 1 s, whoever else it was in
 * line with before. */
void mux_linger(struct mux *m, struct list *place);

/* Client: a stream for a request, or NULL when there may be none. */
struct stream *mux_open(struct mux *m);

/*
 * stream - one stream of an HTTP/2 connection, behind struct conn.
 *
 * Reading gives its head as HTTP/1 text, then the bytes of its body, then 0 at its end; writing
 * takes the same. Both names and layout are for the mux and for tests; others see a conn.
 */
#pragma once

#include "runtime/mux/mux.h"

/* A window's worth of body, behind a head, before a trailer section. */
#define STREAM_BOXES 3

struct stream {
    uint32_t magic;
#define STREAM_MAGIC 0x57e4a0b1u
    struct h2_stream h2;
    struct mux_owner *owner;
    struct mux *mux;   /* NULL once that is gone */
    struct conn *conn; /* the user's end; NULL until it is attached */
    struct list link;  /* in mux.stream */
    struct list ready; /* in mux.ready */
    struct list blocked;
    struct buffer box[STREAM_BOXES]; /* received and not yet read, the oldest first */
    uint32_t n_boxes;
    uint32_t head_left;   /* of what is in them, bytes of heads: no window counts those */
    struct slice trailer; /* behind what is to be read, in the last box */
    uint32_t code;        /* why it was reset; what it is reset with */
    uint8_t wants, news;  /* WATCH_ bits */
    bool ended, end_told, was_reset, refused;
    bool awaits_settings;
    bool lingers;    /* answered and left, while the client is still sending */
    int error;       /* why the connection is no more, a negative errno, where that is known */
    const char *why; /* and in words: static text, or NULL */
};

extern const struct transport transport_stream;

/* Makes `c` the user's end of it: `ready` is called with `of` as watch_ready says. */
void stream_attach(struct stream *st, struct conn *c, watch_ready *ready, void *of);

/* Frees a stream that was not attached; the peer may try again elsewhere. */
void stream_refuse(struct stream *st);

/* Of an attached one: what the peer is told when it is closed before its end. */
void stream_set_code(struct conn *c, uint32_t code);

/* Why the peer, or the connection's end, has reset it; H2_NO_ERROR when neither has. */
uint32_t stream_code(const struct conn *c);

/* Client: 0 when it can be written to, -EAGAIN while its connection is being made (it becomes
 * writable then), another negative errno when it never will. */
MUST_CHECK int stream_reach(const struct conn *c);
const char *stream_why(const struct conn *c); /* in words: static text, or NULL */

/* Client: it can be written to once the server has said what it takes. */
void stream_await_settings(struct conn *c);

/* Does the peer take an extended CONNECT (RFC 8441)? */
bool stream_connects(const struct conn *c);

/* For the mux. */
void stream_linger_end(struct stream *st); /* has the client ended it? */
void stream_linger_over(struct stream *st);
struct stream *stream_new(struct mux *m);
void stream_news(struct stream *st, unsigned what);
void stream_deliver(struct stream *st);
void stream_orphan(struct stream *st);
void stream_reset(struct stream *st, uint32_t code);
char *stream_room(struct stream *st, size_t *room);
void stream_head(struct stream *st, size_t len);
bool stream_data(struct stream *st, const char *at, size_t len);
void stream_end(struct stream *st, size_t trailer_len);

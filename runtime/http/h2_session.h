/*
 * h2_session - one HTTP/2 connection as a codec: bytes in, bytes out, calls in between.
 *
 * The one door to nghttp2, for both roles. It knows no sockets and no clock. What the peer may make
 * us do is bounded here: streams, header bytes and fields, and a budget for everything that costs
 * us work and brings no request forward (`glitches`). Heads come and go as HTTP/1 text (h2_head.h).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "runtime/base/check.h"
#include "runtime/base/slice.h"

/*
 * What a peer may do now and then, and not all the time. GLITCH(id, cost, what)
 * The budget of a connection is in struct h2_limits: it comes back with time, and a little of it
 * with each message that was whole. When it is spent the connection ends with
 * GOAWAY(ENHANCE_YOUR_CALM). What costs H2_GLITCH_ALL ends it at once.
 */
#define H2_GLITCHES(GLITCH)                                                                        \
    GLITCH(RESETS, 5, "streams reset by the peer")                                                 \
    GLITCH(PROVOKED, 5, "streams that the peer made us reset")                                     \
    GLITCH(CONTROL, 1, "PING and SETTINGS")                                                        \
    GLITCH(PRIORITY, 1, "PRIORITY and unknown frames")                                             \
    GLITCH(UPDATES, 1, "WINDOW_UPDATE that no DATA asked for, or for a few bytes")                 \
    GLITCH(EMPTY, 2, "DATA without data")                                                          \
    GLITCH(CONTINUED, 10, "CONTINUATION with little in it")                                        \
    GLITCH(UNREAD, H2_GLITCH_ALL, "answers to frames that the peer does not read")                 \
    GLITCH(BOMBS, H2_GLITCH_ALL, "heads far above every limit")

#define H2_GLITCH_ALL UINT32_MAX

enum h2_glitch {
#define GLITCH(id, cost, what) H2_GLITCH_##id,
    H2_GLITCHES(GLITCH)
#undef GLITCH
        H2_GLITCH_COUNT
};

struct h2_limits {
    uint32_t streams_max;       /* the peer's, at a time */
    uint32_t stream_window;     /* bytes of a body that may wait to be taken */
    uint32_t connection_window; /* and of all of them together */
    uint32_t head_bytes_max;    /* of a head as text; what is longer never ends */
    uint32_t glitches_burst, glitches_per_s;
    bool extended_connect;      /* server: offer RFC 8441 */
    bool secure;                /* client: the scheme is https */
    struct slice websocket_key; /* what a handshake of HTTP/1 needs; copied */
};

/* A stream, embedded in what its owner keeps of it. Zero it. */
struct h2_stream {
    int32_t id;
    bool head_sent, sent_end; /* by us */
    bool got_end;             /* by the peer */
    bool is_gone;             /* closed: whatever is written is an error */
    bool is_connect;          /* an extended CONNECT of ours */
    bool head_got;
    bool writing, last; /* within a write: what of it is left, and whether that is all */
    const struct iovec *from;
    int n_from;
    size_t skip; /* of the first part */
    struct slice trailer;
};

/* All of these are called within the functions below, none of which they may call. */
struct h2_calls {
    /* Server: a request begins. NULL refuses it, and the client may send it again. */
    struct h2_stream *(*open)(void *of, int32_t id);
    /* Where a head or a trailer section of the stream may be written, until head() or end() says
     * how much of it there is. NULL: nowhere. */
    char *(*room)(struct h2_stream *st, size_t *room);
    void (*head)(struct h2_stream *st, size_t len);
    /* False when it cannot be kept: the stream is reset. */
    bool (*data)(struct h2_stream *st, const char *at, size_t len);
    /* The peer has said all of this message. */
    void (*end)(struct h2_stream *st, size_t trailer_len);
    /* The stream is gone before both ends were through with it; the code of RFC 9113 7. */
    void (*reset)(struct h2_stream *st, uint32_t code);
    /* A window that was shut has opened. */
    void (*writable)(struct h2_stream *st);
    /* Where bytes for the peer go: at least that many, or NULL while there is no room; and how many
     * have been written there. */
    char *(*out)(void *of, size_t at_least, size_t *room);
    void (*wrote)(void *of, size_t n);
    void (*glitch)(void *of, enum h2_glitch which);
};

struct h2_session;

/* NULL when memory is out. The first bytes to the peer are there to be pumped. */
struct h2_session *h2_session_server(const struct h2_limits *l, const struct h2_calls *calls,
                                     void *of);
struct h2_session *h2_session_client(const struct h2_limits *l, const struct h2_calls *calls,
                                     void *of);

/* NULL is allowed. Its streams hear nothing of it. */
void h2_session_free(struct h2_session *s);

/* What the peer sent, all of it. False when the connection is to end, once what is to be pumped has
 * been sent. */
MUST_CHECK bool h2_session_receive(struct h2_session *s, const char *at, size_t len,
                                   int64_t now_ns);

/* Writes what is due. False while there is no room for all of it. */
bool h2_session_pump(struct h2_session *s);

/* Is nothing to be read nor written any more? */
bool h2_session_is_over(const struct h2_session *s);

/* Has the peer sent its SETTINGS? Is it in the middle of a head? */
bool h2_session_is_settled(const struct h2_session *s);
bool h2_session_is_in_head(const struct h2_session *s);

/* Has it spent its budget? On what, in the end? */
bool h2_session_is_calmed(const struct h2_session *s);
enum h2_glitch h2_session_calmed_by(const struct h2_session *s);

/* In words; static text. */
const char *h2_glitch_text(enum h2_glitch which);

/* Does the peer take another stream of ours? How many may there be at a time? */
bool h2_session_may_open(const struct h2_session *s);
uint32_t h2_session_streams_max(const struct h2_session *s);

/* Does the peer take an extended CONNECT? */
bool h2_session_connects(const struct h2_session *s);

/*
 * Writes to a stream: first a head, as text and whole within one part (several, where they are
 * interim), then bytes of the body. With `last` the message ends behind these parts, with the
 * fields of `trailer` if there are any. Client: the head opens the stream.
 *
 * Returns the bytes taken; -EAGAIN when a window or the room allows none (h2_session_is_blocked()
 * says which); -EPIPE when the stream is gone; -EMSGSIZE for a head with too many fields. With
 * `last`, all was taken and the end said when st->sent_end is set.
 */
MUST_CHECK ssize_t h2_session_write(struct h2_session *s, struct h2_stream *st,
                                    const struct iovec *from, int n, bool last,
                                    struct slice trailer);

/* Did the last write, or pump, end for want of room? */
bool h2_session_is_blocked(const struct h2_session *s);

/* The owner has taken that much of the stream's body: the peer may send as much again. */
void h2_session_consumed(struct h2_session *s, const struct h2_stream *st, size_t len);

/* The same of a stream that shall send no more: only the others may. */
void h2_session_dropped(struct h2_session *s, size_t len);

/* The owner is through with the stream, which is reset with the code when it is not over. */
void h2_session_leave(struct h2_session *s, struct h2_stream *st, uint32_t code);

/* First a notice that there will be an end, which loses no request that is on its way; later the
 * end: requests from now on are not served. */
void h2_session_announce_end(struct h2_session *s);
void h2_session_end(struct h2_session *s);

/*
 * What a session takes of memory, the library's part with it (1.52; tests/bench/test_memory.py
 * drives connections there): with nothing under way and both tables of header compression full of
 * the smallest fields; with as much of a head as may come before its end, each text in a block of
 * twice its size, and with every answer waiting that the peer may provoke. And a stream, more.
 */
#define H2_TABLE_BYTES        (128 * (size_t)200)
#define H2_SESSION_BYTES_IDLE ((size_t)27 * 1024 + 2 * H2_TABLE_BYTES)
#define H2_SESSION_BYTES_MOST (H2_SESSION_BYTES_IDLE + (size_t)(288 + 160) * 1024)
#define H2_STREAM_BYTES       ((size_t)1024)

/* Error codes of RFC 9113 7 that others need to name. */
#define H2_NO_ERROR       0u
#define H2_PROTOCOL_ERROR 1u
#define H2_INTERNAL_ERROR 2u
#define H2_REFUSED_STREAM 7u
#define H2_CANCEL         8u
#define H2_CALM           11u

/* What a client of HTTP/2 begins with (RFC 9113 3.4). */
#define H2_PREFACE SLICE("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")

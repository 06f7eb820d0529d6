/*
 * access - the record of one exchange, and the ring it travels through to the log writer.
 *
 * A worker fills a fixed record and moves an index; another thread makes JSON of it and writes.
 * What does not fit into its field is cut, and the record says so.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "runtime/base/address.h"
#include "runtime/base/check.h"
#include "runtime/base/slice.h"
#include "runtime/base/text.h"

/* Why an exchange ended as it did. END(id, text in the log) */
#define ACCESS_ENDS(END)                                                                           \
    END(COMPLETE, "complete")                                                                      \
    END(ANSWERED, "answered")   /* by a rule: deny, respond, redirect */                           \
    END(PREFLIGHT, "preflight") /* by `cors`, for a browser */                                     \
    END(DROPPED, "dropped")     /* by a rule: drop, tarpit */                                      \
    END(MALFORMED, "malformed-request")                                                            \
    END(TOO_LARGE, "too-large") /* its body: max-body-size */                                      \
    END(CLIENT_TIMEOUT, "client-timeout")                                                          \
    END(CLIENT_SLOW, "client-slow") /* below min-rate */                                           \
    END(CLIENT_ABORT, "client-abort")                                                              \
    END(FLOOD, "flood") /* its HTTP/2 connection was ended for what else was sent on it */         \
    END(NO_SERVER, "no-server")                                                                    \
    END(QUEUE_FULL, "queue-full") /* so many wait for a server already */                          \
    END(QUEUE_TIMEOUT, "queue-timeout")                                                            \
    END(LIMITED, "limited")                   /* by a limit: the record has its name */            \
    END(UNAUTHORIZED, "unauthorized")         /* by a `require` */                                 \
    END(AUTH_UNAVAILABLE, "auth-unavailable") /* `require auth`: nobody could say */               \
    END(CIRCUIT_BREAKER, "circuit-breaker")                                                        \
    END(CONNECT_FAILED, "connect-failed")                                                          \
    END(CONNECT_TIMEOUT, "connect-timeout")                                                        \
    END(SERVER_TIMEOUT, "server-timeout")                                                          \
    END(REQUEST_TIMEOUT, "request-timeout")                                                        \
    END(SERVER_ERROR, "server-error") /* malformed or cut short */                                 \
    END(IDLE, "idle-timeout")         /* a TCP connection on which nobody said anything */         \
    END(DRAINED, "drained")           /* a tunnel whose server or listener is gone */              \
    END(TUNNEL, "tunnel")                                                                          \
    END(OVERLOAD, "overload") /* no memory within our limits */                                    \
    END(SHUTDOWN, "shutdown")

enum access_end {
#define END(id, text) ACCESS_##id,
    ACCESS_ENDS(END)
#undef END
};

/* As the log has it. Static memory. */
const char *access_end_name(enum access_end end);

/* A short text kept inside the record. */
#define ACCESS_TEXT(bytes)                                                                         \
    struct {                                                                                       \
        uint16_t len;                                                                              \
        bool cut;                                                                                  \
        char at[bytes];                                                                            \
    }

struct access_record {
    int64_t wall_ns; /* when its first byte was read */
    uint64_t generation;
    uint64_t request_id[2];
    struct address client, peer;     /* who asks; who connected to us */
    uint16_t client_port, peer_port; /* 0: not known, or a Unix socket's */
    bool tcp;                        /* a connection of a TCP listener: there is no request */
    uint16_t status;                 /* sent to the client; 0 when none was */
    uint16_t server_status;          /* received from the server; 0 when none was */
    uint8_t minor_version;           /* of HTTP/1 */
    bool h2;
    bool tls;      /* the scheme is https */
    uint8_t tries; /* connections to servers that were tried or reused */
    enum access_end end;
    const char *reason;                /* more about that, or NULL; static text */
    const char *retried, *not_retried; /* why it was tried again the last time, why not; or NULL */
    uint32_t clause;                   /* number within the route, from 1; 0 when no rule decided */
    int64_t head_ns;                   /* from the first byte to the end of the head */
    int64_t connect_ns;                /* from the decision to a usable connection; -1: never */
    int64_t
        first_byte_ns; /* from the first byte of the request to the response's head; -1: never */
    int64_t total_ns;  /* from the first byte to the end */
    uint64_t received_bytes, sent_bytes; /* from and to the client, heads included */
    const char *coding;                  /* the body was compressed here; static, or NULL */
    uint64_t plain_bytes;                /* which had that many bytes before */
    ACCESS_TEXT(20) method;
    ACCESS_TEXT(64) listener;
    ACCESS_TEXT(64) route;
    ACCESS_TEXT(64) cluster;
    ACCESS_TEXT(64) server;
    ACCESS_TEXT(64) limit; /* that refused it */
    ACCESS_TEXT(64) user;  /* who was let in by a `require` */
    ACCESS_TEXT(128) host;
    ACCESS_TEXT(512) uri;
    ACCESS_TEXT(128) tags; /* with commas between them */
};

#define ACCESS_SET(field, s)                                                                       \
    access_text_set(&(field).len, &(field).cut, (field).at, sizeof((field).at), (s))

static inline void access_text_set(uint16_t *len, bool *cut, char *at, size_t room, struct slice s)
{
    *cut = s.len > room;
    *len = (uint16_t)(*cut ? room : s.len);
    if (*len > 0)
        memcpy(at, s.at, *len);
}

/* One writer (a worker), one reader (the log writer). */
struct access_ring;

/* What a worker may be ahead of the writer. */
#define ACCESS_RING_RECORDS 4096u

/* `records` is a power of two. */
struct access_ring *access_ring_new(uint32_t records);
void access_ring_free(struct access_ring *r);

/* The record to fill next, or NULL when the reader is a whole ring behind. Its numbers are 0, its
 * texts empty, and what may never happen (connect_ns, first_byte_ns) is -1. Worker. */
struct access_record *access_ring_begin(struct access_ring *r);

/* Hands over the record that access_ring_begin() gave. Worker. */
void access_ring_end(struct access_ring *r);

/* The oldest record, or NULL. Reader; valid until access_ring_drop(). */
const struct access_record *access_ring_first(struct access_ring *r);
void access_ring_drop(struct access_ring *r);

/* Adds the record as one JSON object, without a line end. Pure; any thread. The keys are in
 * README.md. */
void access_format(const struct access_record *a, struct text *out);

/*
 * transport - a connection whose bytes are encrypted: TLS behind `struct conn`.
 *
 * The handshake happens within the first reads, so that a session sees nothing of it: until it is
 * over a read says -EAGAIN. When a socket is full the library has encrypted what the socket did not
 * take; those bytes are kept, and what they stand for counts as written once they are out: the
 * caller keeps it, as with any transport, and the next write begins with it.
 */
#pragma once

#include "runtime/net/conn.h"
#include "runtime/tls/client.h"
#include "runtime/tls/context.h"
#include "runtime/tls/library.h"
#include "runtime/tls/wire.h"

extern const struct transport transport_tls;

/*
 * What a connection with TLS takes more, the library's part with it (tests/bench/test_memory.py
 * drives connections there): with nothing to do; within a handshake, or with what a full socket and
 * a full reader left over in both directions, and a part of a record; and for the certificates that
 * the peer showed, as they came and as they were read.
 */
#define TLS_BYTES_IDLE  ((size_t)6 * 1024)
#define TLS_BYTES_CHAIN (3 * TLS_CHAIN_BYTES_MAX)
#define TLS_BYTES_MOST                                                                             \
    (TLS_BYTES_IDLE + WIRE_IN_BYTES + WIRE_PLAIN_BYTES +                                           \
     2 * (WIRE_RECORD_BYTES + WIRE_RECORD_EXTRA))

/*
 * A client's connection. Takes the descriptor over and pins the context, as conn_open() does
 * otherwise. A first byte that can't be TLS's but is a letter, as in GET, makes the connection a
 * plain one: the read says -EPROTONOSUPPORT, once, and what was read is gone. False when memory is
 * out; then the descriptor stays the caller's.
 */
MUST_CHECK bool tls_accept(struct conn *c, struct wire *w, struct tls_context *context,
                           struct loop *loop, int fd, watch_ready *ready, void *of);

/*
 * A connection to a server that has been dialled: the handshake begins with conn_handshake(), once
 * it is connected. `name` is the host that it is for, where the client does not say another: it is
 * asked for, and verified. A session is offered from `*session`, and kept there (NULL: not at all);
 * that must outlive the connection. False when memory is out, or when there is no name to verify;
 * then the descriptor stays the caller's.
 */
MUST_CHECK bool tls_connect(struct conn *c, struct wire *w, struct tls_client *client,
                            struct slice name, struct tls_session **session, struct loop *loop,
                            int fd, watch_ready *ready, void *of);

/* Was the connection made so? A plain one was made by no client, NULL. */
bool tls_is_by(const struct conn *c, const struct tls_client *client);
bool tls_is_for(const struct conn *c, struct slice name);

/* Why the handshake with a server failed, as half a sentence; NULL where it did not. Static text.
 */
const char *tls_why(const struct conn *c);

/* What the handshake came to. Slices are the connection's, good as long as it is. */
struct tls_peer {
    uint8_t version;      /* 10 to 13 */
    struct slice sni;     /* in lower case, without a final dot; .at is NULL where none was named */
    bool verified;        /* it showed a certificate, and that was good */
    struct slice subject; /* of that certificate, as RFC 2253 writes it; .at is NULL: none */
    struct slice fingerprint; /* its SHA-256 in hexadecimal */
    struct slice protocol;    /* by ALPN; .at is NULL: none was agreed on */
    const struct tls_context *context;
};

/* NULL for a plain connection, and before the handshake is over. */
const struct tls_peer *tls_peer(const struct conn *c);

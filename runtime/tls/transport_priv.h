/* One TLS connection's own; only the transport's files include this. */
#pragma once

#include "runtime/tls/client_priv.h"
#include "runtime/tls/transport.h"

struct ssl_st;

struct tls {
    uint32_t magic;
#define TLS_MAGIC 0x715c0113u
    struct wire *wire;
    struct ssl_st *library;
    struct tls_context *context;  /* pinned; NULL towards a server */
    struct tls_client *client;    /* pinned; NULL towards a client */
    struct tls_session **session; /* where the server's next session is kept; NULL: nowhere */
    const char *why;              /* a handshake with a server failed; static text */
    struct held *in, *out;        /* not yet decrypted, not yet sent; NULL: nothing */
    size_t owed;                  /* plaintext in `out` that was not reported as written */
    int error;                    /* negative: it is broken, and every read and write says so */
    bool established, heard;      /* the handshake is over; a byte has come */
    bool more;                    /* a read has something to say although the socket has not */
    bool writes;                  /* watched for writing for the sake of `out` */
    struct tls_peer peer;
    char *sni, *subject, *fingerprint; /* owned; what `peer` shows */
};

/* The handshake is over: what it came to is written down. */
void tls_established(struct tls *t);

/* It has failed, for a reason that the library's error queue has: counted. */
void tls_failed(struct tls *t);

/*
 * client - how a cluster's servers are spoken to in TLS: whom to trust, what to show.
 *
 * Immutable once made; shared by clusters that say the same, and by generations as long as they and
 * the files they name stay what they are. A connection is only reused under the client it was made
 * by.
 */
#pragma once

#include "runtime/tls/certificate.h"

struct ssl_ctx_st;

struct tls_client {
    atomic_uint pins;
    struct ssl_ctx_st *library;
    struct certificate *certificate; /* pinned; NULL: none is shown */
    enum table_verify verify;
    char *sni;       /* owned; NULL: whatever name the connection is for */
    uint8_t key[32]; /* of all that it was made from: the same key is the same client */
};

/* The key that a client for these settings has now: looks at the files, reads none. */
void tls_client_key(const struct table_upstream_tls *from, uint8_t key[32]);

/* Pinned once. NULL with half a sentence in `why`. Blocks on the disk. */
struct tls_client *tls_client_new(const struct table_upstream_tls *from, struct text *why);
struct tls_client *tls_client_pin(struct tls_client *c);

/* NULL is allowed. Any thread. */
void tls_client_unpin(struct tls_client *c);

/*
 * What is kept of the last session with one server, to resume it on the next connection: one per
 * server and worker, that worker's alone.
 */
struct tls_session;
void tls_session_free(struct tls_session *s); /* NULL is allowed */

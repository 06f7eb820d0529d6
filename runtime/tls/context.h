/*
 * context - a `tls` block at work: its certificates, and what is asked of clients.
 *
 * Immutable once made, pinned by the generations that have it and by the connections that began
 * with it: those keep theirs until they end, whatever a hot swap brings.
 */
#pragma once

#include "runtime/tls/names.h"
#include "runtime/tls/ticket.h"

struct ssl_ctx_st;

struct tls_context {
    atomic_uint pins;
    struct ssl_ctx_st *library;
    struct certificate **certificate; /* pinned */
    uint32_t n_certificates;
    struct names *names;
    struct tickets *tickets; /* pinned */
    uint8_t *alpn;           /* as it goes over the wire: each with its length in front */
    uint32_t alpn_bytes;
    bool newest; /* TLS 1.3 may be spoken */
    bool asks;   /* clients for a certificate */
    /* How clients are verified, and by whom. A session is only resumed where that is the same. */
    uint8_t client_rule[32];
};

/* What is offered where a block says nothing. */
#define TLS_ALPN_DEFAULT "\x02h2\x08http/1.1"

/*
 * `certificate` are those of the block, in its order; they are pinned. NULL with half a sentence in
 * `why`. Pinned once. Blocks on the disk, for what signs certificates of clients.
 */
struct tls_context *tls_context_new(const struct table_tls *from,
                                    struct certificate *const *certificate, struct tickets *tickets,
                                    struct text *why);
struct tls_context *tls_context_pin(struct tls_context *c);

/* NULL is allowed. Any thread. */
void tls_context_unpin(struct tls_context *c);

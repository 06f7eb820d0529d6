/*
 * names - which certificate for which host name: found by hashing, however many there are.
 *
 * A name is looked up as it is, then as one below its parent domain ("*.example.com"). A name may
 * have an ECDSA and an RSA certificate side by side. Immutable once made; any thread.
 */
#pragma once

#include "runtime/tls/certificate.h"

struct names;

/* Of those that have a name twice, the first. `certificate` must outlive it; n >= 1. */
struct names *names_new(struct certificate *const *certificate, uint32_t n);
void names_free(struct names *n);

/* Which kinds of certificates the client can verify. */
struct names_accepted {
    bool rsa;
    const uint16_t *signature; /* of TLS; NULL: whatever there is */
    uint32_t n_signatures;
    bool ecdsa;
};

/*
 * The certificate for `host` (lower case, no final dot; empty: none was named), ECDSA rather than
 * RSA. When none is for that name the first of all, and when the client can't verify any of those,
 * one that it can't verify: the handshake then says so. Never NULL.
 */
struct certificate *names_choose(const struct names *n, struct slice host,
                                 const struct names_accepted *client);

/* Is there a certificate for this very host, the first of all not counted for others? */
bool names_has(const struct names *n, struct slice host);

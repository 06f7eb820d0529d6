/*
 * jwt_keys - what tokens are verified by: the keys of a secret's text.
 *
 * A JWKS or one JWK (RFC 7517), public keys and certificates in PEM form, or, where it is neither,
 * one key of HMAC, byte by byte. Immutable once made.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "runtime/base/slice.h"
#include "runtime/base/text.h"
#include "runtime/tls/mac.h"
#include "runtime/tls/signature.h"

#define JWT_KEYS_MAX 32u

struct jwt_key {
    char *id; /* owned; NULL: it has none */
    struct signature_key *key;
    enum signature_algorithm only; /* SIGNATURE_ALGORITHM_COUNT: whatever fits it */
};

struct jwt_keys {
    uint32_t n; /* at least 1 */
    struct jwt_key key[JWT_KEYS_MAX];
    uint8_t fingerprint[MAC_BYTES]; /* of the secret: other keys, another one */
};

/* NULL, and what is wrong as a sentence, in which nothing of the secret is. Keys of a JWKS that are
 * for other things (encryption, an algorithm that is not known) are left out, as RFC 7517 5 wants.
 */
struct jwt_keys *jwt_keys_new(struct slice secret, struct text *why);

/* NULL is allowed. */
void jwt_keys_free(struct jwt_keys *k);

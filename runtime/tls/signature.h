/*
 * signature - does a signature hold, by the algorithms of RFC 7518 3 and RFC 8037?
 *
 * A key is of one kind, and the kind says which algorithms there are for it: whoever sends a token
 * chooses among these, and never how a key is to be understood. Keys are immutable: any number of
 * threads verify by one. The library allocates while it verifies; where it can't, nothing holds.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "runtime/base/check.h"
#include "runtime/base/slice.h"

/* ALGORITHM(name, kind of key) */
#define SIGNATURE_ALGORITHMS(ALGORITHM)                                                            \
    ALGORITHM(HS256, HMAC)                                                                         \
    ALGORITHM(HS384, HMAC)                                                                         \
    ALGORITHM(HS512, HMAC)                                                                         \
    ALGORITHM(RS256, RSA)                                                                          \
    ALGORITHM(RS384, RSA)                                                                          \
    ALGORITHM(RS512, RSA)                                                                          \
    ALGORITHM(PS256, RSA)                                                                          \
    ALGORITHM(PS384, RSA)                                                                          \
    ALGORITHM(PS512, RSA)                                                                          \
    ALGORITHM(ES256, EC)                                                                           \
    ALGORITHM(ES384, EC)                                                                           \
    ALGORITHM(ES512, EC)                                                                           \
    ALGORITHM(EdDSA, ED25519)

enum signature_algorithm {
#define ALGORITHM(name, kind) SIGNATURE_##name,
    SIGNATURE_ALGORITHMS(ALGORITHM)
#undef ALGORITHM
        SIGNATURE_ALGORITHM_COUNT
};

/* What RSA may take: a signature by a longer key takes milliseconds. */
#define SIGNATURE_RSA_BITS_MIN 2048u
#define SIGNATURE_RSA_BITS_MAX 8192u

#define SIGNATURE_HMAC_BYTES_MIN 32u

/* SIGNATURE_ALGORITHM_COUNT where none is called so; `none` is none. */
enum signature_algorithm signature_algorithm_find(struct slice name);

struct signature_key;

/* Each: NULL, and in *why what is wrong, as the end of a sentence that begins with "the key".
 * Static. */
struct signature_key *signature_key_hmac(struct slice secret, const char **why);
struct signature_key *signature_key_rsa(struct slice modulus, struct slice exponent,
                                        const char **why);
/* "P-256", "P-384", "P-521" and a point on it. */
struct signature_key *signature_key_ec(struct slice curve, struct slice x, struct slice y,
                                       const char **why);
struct signature_key *signature_key_ed25519(struct slice x, const char **why);

/* Public keys and certificates in PEM form. How many were put into `out`, whose they are then;
 * 0 with *why as above. */
size_t signature_keys_pem(struct slice pem, struct signature_key **out, size_t room,
                          const char **why);

/* NULL is allowed. */
void signature_key_free(struct signature_key *k);

/* Is it an algorithm for this key? Of an HMAC key, one whose hash is no longer than the key; of a
 * curve, its own. */
bool signature_key_fits(const struct signature_key *k, enum signature_algorithm a);

/* `a` fits. */
bool signature_holds(const struct signature_key *k, enum signature_algorithm a, struct slice text,
                     struct slice signature);

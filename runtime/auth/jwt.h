/*
 * jwt - does a token let in whom it names (RFC 7519, RFC 8725)?
 *
 * Two questions: does what it claims hold now and here, which costs nothing; and is its signature
 * one of the keys', which costs up to JWT_TRIES_MAX verifications.
 */
#pragma once

#include "compiler/table/bearer.h"
#include "compiler/table/table.h"
#include "runtime/auth/jwt_keys.h"

/* Keys that are tried for a token which does not say by which it is signed. */
#define JWT_TRIES_MAX 4u

/* JWT(id, what the log says, what the client is told) */
#define JWT_ANSWERS(JWT)                                                                           \
    JWT(GOOD, NULL, NULL)                                                                          \
    JWT(ABSENT, "no token", NULL)                                                                  \
    JWT(MALFORMED, "malformed token", "The token is malformed")                                    \
    JWT(ALGORITHM, "algorithm not allowed", "The token is signed in a way that is not taken here") \
    JWT(KEY, "unknown key", "The token is signed by a key that is not known here")                 \
    JWT(SIGNATURE, "wrong signature", "The signature of the token does not hold")                  \
    JWT(ENDLESS, "endless token", "The token does not say when it expires")                        \
    JWT(EXPIRED, "expired token", "The token has expired")                                         \
    JWT(EARLY, "token not valid yet", "The token is not valid yet")                                \
    JWT(ISSUER, "another issuer", "The token is by another issuer")                                \
    JWT(AUDIENCE, "another audience", "The token is for another audience")

enum jwt_answer {
#define JWT(id, log, says) JWT_##id,
    JWT_ANSWERS(JWT)
#undef JWT
};

/* Static; NULL as above. */
const char *jwt_answer_log(enum jwt_answer a);
const char *jwt_answer_text(enum jwt_answer a);

/* `wall_s`: seconds since 1970. */
enum jwt_answer jwt_check_claims(const struct table_jwt *rule, const struct bearer *b,
                                 int64_t wall_s);

/* b->found is BEARER_FOUND. Takes as long as the keys do: RSA and P-256 up to 100 us, P-521 2 ms.
 */
enum jwt_answer jwt_check_signature(const struct jwt_keys *keys, const struct bearer *b);

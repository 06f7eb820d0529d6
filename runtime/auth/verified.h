/*
 * verified - credentials that were found to be right a moment ago, so that they are not checked
 * with each request.
 *
 * A worker's own. What is kept of them is an HMAC by a key that no other process has, over the
 * stored hash, the user and the password: a reload that changes a password changes the hash, and so
 * forgets it. Of a token it is over its text and the fingerprint of the keys that it was verified
 * by: other keys, and it is verified anew. There is room for a fixed number; what is least good for
 * long goes first.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "compiler/table/credentials.h"
#include "runtime/tls/mac.h"

#define VERIFIED_SLOTS  4096u
#define VERIFIED_TTL_NS (INT64_C(300) * 1000000000)

struct verified;

struct verified_key {
    uint8_t mac[MAC_BYTES];
};

struct verified *verified_new(void);

/* Wipes it. NULL is allowed. */
void verified_free(struct verified *v);

size_t verified_bytes(void);

void verified_key(const struct verified *v, const char *hash, const struct credentials *c,
                  struct verified_key *out);

/* The same of a token, and of what it was verified by. */
void verified_token_key(const struct verified *v, const uint8_t keys[MAC_BYTES], struct slice token,
                        struct verified_key *out);

bool verified_has(const struct verified *v, const struct verified_key *key, int64_t now_ns);
void verified_add(struct verified *v, const struct verified_key *key, int64_t now_ns);

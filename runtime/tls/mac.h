/*
 * mac - HMAC-SHA-256 (RFC 2104), by a key that is made ready once.
 *
 * The library's own HMAC allocates each time; what is kept here are the two hashes in the state
 * that the key brings them to, so that signing is two blocks more than hashing, and nothing else.
 */
#pragma once

#include <stdint.h>

#include "runtime/base/slice.h"

#define MAC_BYTES       32u
#define MAC_STATE_BYTES 128u

/* Immutable once made: any number of threads sign by it. */
struct mac_key {
    _Alignas(8) uint8_t inner[MAC_STATE_BYTES];
    _Alignas(8) uint8_t outer[MAC_STATE_BYTES];
};

/* A secret of any length. */
void mac_key_init(struct mac_key *k, struct slice secret);

/* Wipes it. */
void mac_key_done(struct mac_key *k);

void mac_sign(const struct mac_key *k, struct slice text, uint8_t out[MAC_BYTES]);

/* Of two texts, one behind the other. */
void mac_sign_both(const struct mac_key *k, struct slice first, struct slice second,
                   uint8_t out[MAC_BYTES]);

/* In a time that does not tell where they differ. */
bool mac_eq(const void *a, const void *b, size_t n);

/*
 * sticky_cookie - the value of the cookie that says which server its client is to go to.
 *
 * 32 characters of base64url (RFC 4648 5): the server's sticky_server_id() in 5 bytes, the second
 * since 1970 at which it is over in 4 (none: 0), and the first 15 bytes of HMAC-SHA-256 of both. A
 * stranger guesses one in 2^120 tries. A value has one spelling, so that who sees two alike knows
 * that they mean the same, and nothing else: the id is a hash of names.
 *
 * Pure: key and time are parameters.
 */
#pragma once

#include <stdint.h>

#include "runtime/base/slice.h"
#include "runtime/tls/mac.h"

#define STICKY_COOKIE_BYTES 32u

struct sticky_cookie {
    uint64_t server;  /* a sticky_server_id() */
    uint32_t until_s; /* since 1970, UTC: from then on it is over; 0: it is never */
};

/* The key that cookies are signed by, made of a secret, which may be used for other things, too. */
void sticky_cookie_key(struct mac_key *out, struct slice secret);

void sticky_cookie_write(const struct sticky_cookie *c, const struct mac_key *key,
                         char out[STICKY_COOKIE_BYTES]);

enum sticky_cookie_result {
    STICKY_COOKIE_GOOD,
    STICKY_COOKIE_FORGED, /* not signed by this key, or not what we write at all */
    STICKY_COOKIE_EXPIRED,
};

/* `value` may have quotes around it. *out is written when it is good. */
enum sticky_cookie_result sticky_cookie_read(struct slice value, const struct mac_key *key,
                                             int64_t now_s, struct sticky_cookie *out);

/* Where `c` is still good: is it to be set anew, for cookies that live for `ttl_s` (0: until the
 * browser ends)? Once half of its time is over, so that not every response has one; and when its
 * time is not what it would be now. */
bool sticky_cookie_ages(const struct sticky_cookie *c, int64_t ttl_s, int64_t now_s);

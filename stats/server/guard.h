/*
 * guard - who is let in: names that may stand in Host, other sites, the token. Pure.
 *
 * A browser is everybody's: a page of any site can make it send requests here, and a site whose
 * name comes to mean this machine's address (DNS rebinding) could even read the answers. So
 * without a token only names are taken that nobody else can give; and what a browser says it does
 * for another site is refused.
 */
#pragma once

#include "runtime/base/address.h"
#include "runtime/tls/mac.h"

/* Shorter ones could be guessed; longer ones do not fit in a head. */
#define GUARD_TOKEN_MIN 16u
#define GUARD_TOKEN_MAX 512u

/* What a token is compared by; the token itself is not kept. Zeroed: nothing has to be given. */
#define GUARD_COOKIE_MAX 65u
struct guard {
    bool asks;
    struct mac_key by; /* of this process alone */
    uint8_t token[MAC_BYTES];
    char cookie[GUARD_COOKIE_MAX]; /* what a browser has once it gave the token; hexadecimal */
};

/* NULL, or what is wrong with the token: a sentence's end. `own` is random, and of this process. */
const char *guard_token_problem(struct slice token);
void guard_init(struct guard *g, struct slice token, struct slice own);
void guard_done(struct guard *g); /* wipes it */

/* Both take a time that does not tell where they differ. */
bool guard_is_token(const struct guard *g, struct slice given);
bool guard_is_cookie(const struct guard *g, struct slice given);

/* The value behind "Bearer "; empty: it is something else. */
struct slice guard_bearer(struct slice authorization);

/* The value of the cookie `name`, the first one; empty: there is none. */
struct slice guard_cookie(struct slice cookies, struct slice name);

/* May whoever has no token to show call us so? `bind` is where he has connected. */
bool guard_host_is_ours(struct slice host, const struct endpoint *bind);

/* Is this a browser's request for another site's page, as Sec-Fetch-Site, Sec-Fetch-Mode and Origin
 * say? Each may be empty. To go to the page (`is_page`) anybody may send it. */
bool guard_is_foreign(struct slice site, struct slice mode, struct slice origin, struct slice host,
                      bool is_page);

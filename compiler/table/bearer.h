/*
 * bearer - what a request's token says (RFC 6750, 7515, 7519).
 *
 * Pure, and nothing is verified here. Used by whoever serves and by whoever explains.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "runtime/base/flat_json.h"

struct facts;

#define BEARER_BYTES_MAX 8192u

enum bearer_found {
    BEARER_NONE,  /* no token came */
    BEARER_WRONG, /* what came is no token */
    BEARER_FOUND,
};

/* Written by bearer_read(); it points into itself, so it can't be copied. */
struct bearer {
    enum bearer_found found; /* the rest is there where it is BEARER_FOUND */
    struct slice token;      /* as it came; borrowed from the request */
    struct slice is_signed;  /* what of it the signature is about */
    struct slice signature;
    struct flat_json header, claims; /* objects */
    char text[BEARER_BYTES_MAX / 4 * 3];
};

/* From the value of an Authorization header. */
void bearer_parse(struct slice authorization, struct bearer *out);

/* The same of what credentials_header() finds. */
void bearer_read(const struct facts *f, struct bearer *out);

/*
 * The next value of a claim; *cursor is 0 at the first call and is the callee's between calls. A
 * string is its text, numbers and booleans what is written, an array each of its elements that is
 * one of these. `name` is that of a claim; where there is no such claim, what is before a dot in it
 * is that of an object with the rest. A text with a control character is none.
 */
bool bearer_claim(const struct bearer *b, struct slice name, uint32_t *cursor, struct slice *value);

/* Who the token is about, or SLICE_NONE. */
struct slice bearer_user(const struct bearer *b);

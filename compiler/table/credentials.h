/*
 * credentials - who a request says that its client is: Basic (RFC 7617).
 *
 * Pure, and nothing is verified here. Used by whoever serves and by whoever explains.
 */
#pragma once

#include <stdbool.h>

#include "runtime/base/slice.h"

struct facts;

#define CREDENTIALS_USER_MAX     128u
#define CREDENTIALS_PASSWORD_MAX 512u

/* User, password, and a byte between them. */
#define CREDENTIALS_BYTES_MAX (CREDENTIALS_USER_MAX + 1 + CREDENTIALS_PASSWORD_MAX)

struct credentials {
    char text[CREDENTIALS_BYTES_MAX];
    struct slice user;     /* 1..CREDENTIALS_USER_MAX bytes, in `text`; no control characters */
    struct slice password; /* up to CREDENTIALS_PASSWORD_MAX bytes; the same */
};

/* From the value of an Authorization header. False where it is not such a one, in which *out is in
 * no state to be read, but for credentials_wipe(). A pair has one spelling. */
bool credentials_parse(struct slice authorization, struct credentials *out);

/* The value of the one Authorization header that the request came with: of two, neither counts. */
bool credentials_header(const struct facts *f, struct slice *value);

/* Has it no control characters? What has some is no name of anybody. */
bool credentials_are_plain(struct slice s);

/* As credentials_parse(), of that header. */
bool credentials_read(const struct facts *f, struct credentials *out);

/* What it held is nowhere in it any more. */
void credentials_wipe(struct credentials *c);

/*
 * client_hello - what a TLS client says first, looked at without speaking TLS.
 *
 * For listeners that pass TLS on without ending it, and choose a server by the name in it. Pure and
 * bounded; nothing of it is believed but the name, and that only to choose.
 */
#pragma once

#include "runtime/base/check.h"
#include "runtime/base/slice.h"

/* A ClientHello is looked at this far, with the heads of its records; the largest ones, with keys
 * for post-quantum exchanges and many extensions, are a few KiB. */
#define CLIENT_HELLO_BYTES_MAX ((size_t)32 * 1024)
#define CLIENT_HELLO_NAME_MAX  ((size_t)255)

struct client_hello {
    char name[CLIENT_HELLO_NAME_MAX]; /* of the server_name extension (RFC 6066), as it was sent */
    size_t name_len;                  /* 0: it names none */
};

#define CLIENT_HELLO_NONE (-1) /* this is not the beginning of a TLS connection */

/*
 * Returns 1 and writes *out when all of the ClientHello is there, in however many records (RFC 8446
 * 5.1); 0 when more is needed; CLIENT_HELLO_NONE when it is malformed, too large, or something
 * else.
 */
int client_hello_read(struct slice got, struct client_hello *out);

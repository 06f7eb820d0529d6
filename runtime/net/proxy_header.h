/*
 * proxy_header - the PROXY protocol: a header in front of a connection that names its client.
 *
 * Written from HAProxy's "The PROXY protocol, versions 1 & 2". Pure: bytes to addresses, and back.
 * Whether the peer may be believed is the caller's to know.
 */
#pragma once

#include "runtime/base/address.h"
#include "runtime/base/check.h"

/* The longest line of version 1, with its end (2.1). */
#define PROXY_V1_BYTES_MAX 107u
/* The longest header of version 2 that is read, with its TLVs; the protocol would allow 64 KiB. */
#define PROXY_HEADER_BYTES_MAX 4096u
/* The longest that is written. */
#define PROXY_WRITTEN_BYTES_MAX PROXY_V1_BYTES_MAX

enum proxy_version { PROXY_NONE, PROXY_V1, PROXY_V2 };

struct proxy_header {
    bool named; /* false (LOCAL, UNKNOWN, UNSPEC): it speaks for itself; all else is zero */
    struct endpoint src, dst; /* without path: a Unix socket's is :: port 0 */
};

#define PROXY_BAD (-1)

/*
 * Returns the bytes used and writes *out, when the header is complete; 0 when more is needed, and
 * then all bytes that were given belong to the header; PROXY_BAD when it is none. Strict: numbers
 * without leading zeros, one space between words, TLVs that fill their room exactly, streams only.
 */
int proxy_header_read(struct slice got, struct proxy_header *out);

/*
 * Writes a header for a connection from `src` to `dst`; or, when `src` is NULL, one that speaks for
 * us: UNKNOWN, LOCAL. Where either end is a Unix socket, nothing is said of the addresses. Returns
 * its length. `version` is V1 or V2.
 */
size_t proxy_header_write(enum proxy_version version, const struct endpoint *src,
                          const struct endpoint *dst, char out[PROXY_WRITTEN_BYTES_MAX]);

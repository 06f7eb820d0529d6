/*
 * forwarded - the values of Forwarded (RFC 7239) and X-Forwarded-For: whom a proxy speaks for.
 *
 * Whether what came in of these fields may be believed is the caller's decision, not made here.
 */
#pragma once

#include "runtime/base/address.h"
#include "runtime/http/message.h"

#define FORWARDED_BYTES_MAX 512u

/* The client as a node of a chain: its address, or `unknown` (RFC 7239 6.2) for one without, on a
 * Unix socket. Returns the length; there is no NUL. */
size_t forwarded_node(const struct address *client, char out[ADDRESS_TEXT_MAX]);

/*
 * Writes one element, `for=192.0.2.1;proto=https;host="ex.com:8080"`, without a NUL, and returns
 * its length. An IPv6 address stands in quotes and brackets; `proto` is a token of at most 32
 * bytes; `host` is quoted where it has to be, and left out when it is empty or would not fit. To
 * append to what came in, send it as one more field line (RFC 9110 5.3).
 */
size_t forwarded_write(const struct address *client, struct slice proto, struct slice host,
                       char out[FORWARDED_BYTES_MAX]);

/* The hops of a chain that are looked at, from the last one back. */
#define FORWARDED_HOPS_MAX 32u

typedef bool forwarded_trusts(const void *of, const struct address *a);

/* Which of the two is looked at. */
enum forwarded_by {
    FORWARDED_BY_EITHER, /* X-Forwarded-For, and Forwarded where there is none of it */
    FORWARDED_BY_X_FORWARDED_FOR,
    FORWARDED_BY_FORWARDED,
};

/*
 * The client, as proxies tell that are trusted: the header is read from its end; each address that
 * is trusted may name the one before it. `from` is the peer, trusted already. What cannot be read
 * ends the chain. Ports are not looked at.
 */
struct address forwarded_client(const struct http_head *head, enum forwarded_by by,
                                const struct address *from, forwarded_trusts *trusts,
                                const void *of);

/*
 * Writes the X-Forwarded-For fields of `head` as one list, and the client behind them; for servers
 * that read only the first line or the last. `head` may be NULL: the client alone. Dropped fields
 * count: it is our own edit that drops them, and a request that is sent a second time needs them
 * again.
 *
 * Writes at most `room` bytes and returns the length needed: more than `room` means that it did not
 * fit.
 */
size_t x_forwarded_for_write(const struct http_head *head, const struct address *client, char *out,
                             size_t room);

/*
 * h2_ask - one request in HTTP/2, on a connection of its own: what a health check asks.
 *
 * Not for traffic: it keeps the head of the answer, the beginning of its body and its trailers, and
 * nothing is done at the end but to close. The thread that owns the connection.
 */
#pragma once

#include "runtime/net/conn.h"

struct h2_ask;

/* The request: a head as HTTP/1 text, and a body, both copied. `secure`: the connection is TLS.
 * `whole`: the answer is wanted to its end, and not only its head. NULL when memory is out. */
struct h2_ask *h2_ask_new(struct slice head, struct slice body, bool secure, bool whole);
void h2_ask_free(struct h2_ask *a); /* NULL is allowed */

/* Sends what is due. 0 when that is all for now, -EAGAIN while the connection takes no more,
 * another negative errno. */
MUST_CHECK int h2_ask_send(struct h2_ask *a, struct conn *c);

/* Reads what is there. 1 when the answer is here, 0 when more must come, or a negative errno:
 * -EPROTO for what is not HTTP/2 or no answer, -ECONNRESET when the request was reset, -ENODATA for
 * a connection that was closed without an answer. */
MUST_CHECK int h2_ask_read(struct h2_ask *a, struct conn *c);

/* Of an answer: its head, and its trailers, as field lines of HTTP/1; the first bytes of its body.
 */
struct slice h2_ask_head(const struct h2_ask *a);
struct slice h2_ask_trailer(const struct h2_ask *a);
struct slice h2_ask_body(const struct h2_ask *a);

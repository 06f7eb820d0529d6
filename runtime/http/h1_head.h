/*
 * h1_head - HTTP/1 heads (RFC 9112 2 to 5), parsed in place.
 *
 * Strict: what two parsers could understand in two ways is refused. Lines end in CR LF; no folding,
 * no blank before the colon, no control characters, no bytes that a method, target, version or
 * status may not hold. Empty lines before a request are skipped (RFC 9112 2.2), two of them at
 * most.
 */
#pragma once

#include "runtime/base/check.h"
#include "runtime/http/message.h"

/* What is wrong, as negative numbers; h1_error_status() gives the answer a client gets. */
enum h1_error {
    H1_BAD_LINE = -1,    /* request or status line */
    H1_BAD_VERSION = -2, /* HTTP, but not 1.0 or 1.1 */
    H1_BAD_FIELD = -3,   /* a field line */
    H1_TOO_MANY_FIELDS = -4,
    H1_TOO_LARGE = -5,   /* no end of the head within HTTP_HEAD_BYTES_MAX */
    H1_BAD_FRAMING = -6, /* where the message ends is ambiguous or impossible */
    H1_BAD_HOST = -7,    /* Host is missing, repeated or malformed (RFC 9112 3.2) */
    H1_BAD_CHUNK = -8,
    H1_BAD_TRAILER = -9,
    H1_NOT_IMPLEMENTED = -10, /* CONNECT, or a transfer coding below chunked (RFC 9112 6.1) */
    H1_BAD_TARGET = -11,
};

/*
 * Parse one head from [at, at + len). at[len] must be readable and NUL: it is the sentinel. Bytes
 * before are const; call again with more of the same bytes after "need more".
 *
 * Returns the bytes used (> 0; the empty line too), 0 when the head is not complete, or an
 * h1_error. `out` is written only on success.
 */
MUST_CHECK int h1_request_parse(struct http_head *out, const char *at, size_t len);
MUST_CHECK int h1_response_parse(struct http_head *out, const char *at, size_t len);

/*
 * Whether to parse again, where `parsed` bytes of the same head were "need more": when an empty
 * line has come, or twice as much. A head that arrives byte by byte then costs linear work in all,
 * and bad bytes before its end are still found, if a little later. Reads at[0..len) only; no
 * sentinel.
 */
bool h1_head_is_due(const char *at, size_t len, size_t parsed);

/*
 * The fields of a trailer section: as a head, but with no first line, and with fields that may not
 * stand in trailers (framing, routing, authentication: RFC 9110 6.5.1) marked dropped.
 * A section that is known to be whole, as h1_body_decode() gives it, needs no sentinel behind it.
 */
MUST_CHECK int h1_trailer_parse(struct http_head *out, const char *at, size_t len);

/* 400, 431, 501 or 505. */
uint16_t h1_error_status(enum h1_error error);

/* For the log: "header field is malformed". Static memory. */
const char *h1_error_text(enum h1_error error);

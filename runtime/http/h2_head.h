/*
 * h2_head - heads of HTTP/2 in HTTP/1 form, and back.
 *
 * A head that came in HEADERS frames is written as the text that HTTP/1 has for it, and read by the
 * same strict parser as all others; a head that goes out in HEADERS frames was written as HTTP/1
 * and is taken apart here. So there is one set of rules for both versions. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "runtime/base/check.h"
#include "runtime/base/slice.h"

/* --- from fields to text --------------------------------------------------------------------- */

/* A head or trailer section in the making. Zero it but for `at` and `room`. `len` counts on behind
 * `room`; what does not fit is left out, so that a head that is too long is one that never ends. */
struct h2_text {
    char *at;
    size_t room, len;
    size_t cookie_end;      /* behind the value of the one Cookie line; 0: there is none */
    struct slice authority; /* borrowed: Host has been written with it */
    uint32_t n_fields;
};

/* What a request's pseudo-header fields say (RFC 9113 8.3.1); empty: absent. */
struct h2_request_line {
    struct slice method, scheme, authority, path, protocol;
};

/*
 * The request line, and Host from :authority. An extended CONNECT (RFC 8441) becomes the Upgrade
 * that HTTP/1 has for it, with `websocket_key` where the protocol wants one.
 *
 * False when HTTP/1 has no words for it: then the request is malformed.
 */
MUST_CHECK bool h2_text_request(struct h2_text *t, const struct h2_request_line *line,
                                struct slice websocket_key);

/* The status line; `status` is three digits. An accepted extended CONNECT is a 101. */
void h2_text_response(struct h2_text *t, struct slice status, bool switches);

/* A field. Cookies become one (RFC 9113 8.2.3); a Host that says what :authority said is left out.
 * More fields than a head may have are counted and left out, all but the one that shows it. */
void h2_text_field(struct h2_text *t, struct slice name, struct slice value);

/* The empty line. What there is to be read: at most `room`. */
size_t h2_text_end(struct h2_text *t);

/* --- from text to fields --------------------------------------------------------------------- */

struct h2_field {
    struct slice name, value;
};

/* Room for a head of the parser's with what rules add to it. */
#define H2_FIELDS_MAX 256u

struct h2_fields {
    struct h2_field at[H2_FIELDS_MAX];
    size_t n;
    uint16_t status;
};

/*
 * A head as h1_write_request() or h1_write_response() made it, at the front of `text`: its
 * pseudo-header fields and the others, those of the connection left out. Names are put into lower
 * case where they stand. 101 becomes the 200 of an extended CONNECT, and a request to upgrade
 * becomes one. Returns the bytes it has, or 0 when it has more fields than there is room for.
 */
MUST_CHECK size_t h2_fields_request(struct h2_fields *f, struct slice text, struct slice scheme);
MUST_CHECK size_t h2_fields_response(struct h2_fields *f, struct slice text);

/* A trailer section: field lines, with or without the empty one. */
MUST_CHECK bool h2_fields_trailer(struct h2_fields *f, struct slice text);

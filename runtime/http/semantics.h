/*
 * semantics - what a head means: where the body ends, whether the connection goes on, where to.
 *
 * The rules of RFC 9112 6.3 and 9.3, with every ambiguity refused; the README lists each choice.
 */
#pragma once

#include "runtime/http/h1_head.h"
#include "runtime/http/message.h"

enum http_framing {
    FRAMING_NONE,   /* no body */
    FRAMING_LENGTH, /* content_length bytes, > 0 */
    FRAMING_CHUNKED,
    FRAMING_CLOSE, /* until the connection closes; responses only */
};

struct http_request_info {
    enum http_framing framing;
    uint64_t content_length;
    bool keep_alive;       /* may another request follow on this connection? */
    bool expects_continue; /* Expect: 100-continue in HTTP/1.1 */
    bool websocket;        /* with `upgrade`: to websocket, and to nothing else */
    bool upgrade; /* Upgrade with Connection: upgrade, in HTTP/1.1, without a body and not to h2c */
    bool head;    /* HEAD: the response has no body */
    bool idempotent;        /* RFC 9110 9.2.2: may be sent twice */
    struct slice authority; /* of the absolute-form target or of Host; port included; may be empty
                             * in HTTP/1.0 */
    struct slice path;      /* the raw path and query of the target: "/a?b"; "*" for OPTIONS. Always
                             * within the head unless "*", so that it can be normalised in place */
};

struct http_response_info {
    enum http_framing framing;
    uint64_t content_length;
    bool keep_alive;
    bool interim;  /* 1xx other than 101 */
    bool switches; /* 101 */
};

/*
 * Returns 0 and writes *out, or an h1_error; marks the fields dropped that are not to be forwarded:
 * those of names.def that are HOP, and those that Connection names. Connection cannot name away an
 * END field of names.def: such an option is ignored. Content-Length is kept; Transfer-Encoding is
 * dropped (the writer adds its own). Upgrade and Connection are dropped too: the writer adds them
 * when asked.
 *
 * Refused: Content-Length with Transfer-Encoding, several or malformed Content-Length,
 * Transfer-Encoding in HTTP/1.0 or not exactly one "chunked", a Host that is missing (in 1.1),
 * repeated or malformed, absolute-form with another authority than Host, CONNECT
 * (H1_NOT_IMPLEMENTED), a target in any form but origin, absolute (http, https) or "*" with
 * OPTIONS, more than HTTP_CONNECTION_OPTIONS_MAX options. On an error some fields may have been
 * marked already.
 */
#define HTTP_CONNECTION_OPTIONS_MAX 32
MUST_CHECK int http_request_understand(struct http_head *h, struct http_request_info *out);

/*
 * The same for a response; `to_head`: was it asked for with HEAD? 1xx, 204, 304 and responses to
 * HEAD have no body whatever they claim; what they claim wrongly is dropped, and a claim that could
 * hide bytes of a body behind the head ends the connection.
 */
MUST_CHECK int http_response_understand(struct http_head *h, bool to_head,
                                        struct http_response_info *out);

/* The next value of the field `name` (any case), dropped or not, in order; *cursor starts at 0.
 */
bool http_field_next(const struct http_head *h, struct slice name, uint32_t *cursor,
                     struct slice *value);

/* The first field with a known name, or NULL. Dropped ones count. */
const struct http_field *http_field_find(const struct http_head *h, enum http_name name);

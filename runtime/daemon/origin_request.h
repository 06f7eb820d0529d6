/*
 * origin_request - HTTP/1 requests as the test origin reads them.
 *
 * Written apart from runtime/http on purpose: the two ends of a test should not share a mistake. It
 * takes what a proxy should send and answers 400 to the rest. Pure functions over bytes.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "runtime/base/check.h"
#include "runtime/base/slice.h"
#include "runtime/base/text.h"

enum origin_body_kind { ORIGIN_BODY_NONE, ORIGIN_BODY_LENGTH, ORIGIN_BODY_CHUNKED };

struct origin_request {
    struct slice head;   /* all of it, with the empty line; points into the input */
    struct slice method; /* points into head, as do the others */
    struct slice path;   /* without scheme, host and query */
    struct slice upgrade;
    bool is_http_1_0, keeps_alive, expects_continue;
    bool has_framing; /* Content-Length or Transfer-Encoding was there; a second one is an error */
    enum origin_body_kind body_kind;
    uint64_t content_length;
};

enum { ORIGIN_HEAD_BAD = -1 };

/* Bytes used by the head, 0 when it is not complete, ORIGIN_HEAD_BAD when it is not HTTP/1. */
MUST_CHECK int origin_request_parse(struct slice input, struct origin_request *out);

enum origin_body_state {
    ORIGIN_BODY_SIZE,     /* in the line with a chunk's size, or its extensions */
    ORIGIN_BODY_DATA,     /* in a chunk, or in a body of known length */
    ORIGIN_BODY_DATA_END, /* at the line end after a chunk */
    ORIGIN_BODY_TRAILER,
    ORIGIN_BODY_DONE,
    ORIGIN_BODY_BAD,
};

struct origin_body {
    enum origin_body_state state;
    bool is_chunked;
    bool has_digit;    /* of the chunk size being read */
    bool in_extension; /* of that line: what stands after the digits is passed over */
    uint64_t left;     /* of the chunk, or of the body */
    uint32_t line_len; /* of the trailer line being read, without its end */
    struct text *keep; /* borrowed; where the decoded bytes and trailers go; NULL drops them */
};

void origin_body_init(struct origin_body *b, const struct origin_request *request,
                      struct text *keep);

/* Takes what belongs to the body off the front of the input, and returns how much that is. When it
 * returns less than all, the state is DONE or BAD. */
size_t origin_body_feed(struct origin_body *b, struct slice input);

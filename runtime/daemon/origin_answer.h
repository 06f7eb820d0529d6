/*
 * origin_answer - what the test origin says to a request: the path asks for it.
 *
 *   /b/N        N bytes                          /chunked/N  N bytes, in chunks
 *   /slow/MS    after MS milliseconds            /trailers   chunked, with trailers
 *   /status/N   with that status                 /eof/N      N bytes, ended by closing
 *   /fail/N     500 for N per cent, else 200     /close      and closes
 *   /echo       the request, head and body       /reset      a reset in mid-body
 *   /upgrade    101, then every byte back        /short/N    claims N bytes, sends half, closes
 *                                                /stall/N    claims N bytes, sends half, says no
 * more
 *
 * Anything else gets a line that names the port, the method and the path. Bodies of N bytes repeat
 * ORIGIN_PATTERN from its beginning, so that a byte lost on the way is seen.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "runtime/base/rng.h"
#include "runtime/base/text.h"
#include "runtime/daemon/origin_request.h"

#define ORIGIN_PATTERN  "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-\n"
#define ORIGIN_BODY_MAX ((uint64_t)1 << 30)

/* What follows once the answer has left. */
enum origin_then {
    ORIGIN_THEN_NEXT, /* the next request */
    ORIGIN_THEN_CLOSE,
    ORIGIN_THEN_RESET,
    ORIGIN_THEN_STALL,  /* nothing, until the other end closes */
    ORIGIN_THEN_TUNNEL, /* every byte is sent back */
};

struct origin_answer {
    uint64_t fill;     /* bytes of the pattern that follow the text */
    bool is_chunked;   /* the fill is sent in chunks, and `tail` after it */
    struct slice tail; /* static */
    uint32_t delay_ms;
    enum origin_then then;
};

/* True when the answer has the request's body in it, and so needs it kept. */
bool origin_answer_wants_body(const struct origin_request *request);

/* Appends to `out` the answer's text; what cannot be text is in *answer. `body` is what was kept
 * of the request's. */
void origin_answer_make(const struct origin_request *request, struct slice body, uint16_t port,
                        struct rng *rng, struct text *out, struct origin_answer *answer);

/* An answer without a request worth the name: 400, 413, 431. The connection closes after it. */
void origin_answer_refuse(unsigned status, uint16_t port, struct text *out,
                          struct origin_answer *answer);

/*
 * h1_body - where a body ends, and its bytes without their framing.
 *
 * Works in place: decoded bytes are moved over the framing between them, so what is to be forwarded
 * is one run of bytes. Chunk sizes are at most 16 digits and 2^62; extensions are bounded, checked
 * and dropped; a bare LF is refused.
 */
#pragma once

#include <stdint.h>

#include "runtime/base/check.h"
#include "runtime/http/semantics.h"

#define H1_TRAILER_BYTES_MAX 8192u
#define H1_CHUNK_LINE_MAX    256u /* size and extensions */

struct h1_body {
    enum http_framing framing;
    uint8_t state;       /* of h1_body.c; 0 at the start */
    uint16_t line_bytes; /* of the chunk line or trailer section so far */
    uint64_t
        left; /* bytes to come: of the body (LENGTH) or of the chunk; of the line, its number */
    uint64_t total; /* decoded so far */
};

struct h1_decoded {
    char *data; /* decoded bytes, within the given ones */
    size_t data_len;
    size_t used;          /* how many of the given bytes are done with; data lies within them */
    bool done;            /* the body is complete: what is behind `used` is not its */
    struct slice trailer; /* when done and there were trailers: their lines up to and with the empty
                           * line, within the used bytes; to be parsed by h1_trailer_parse() */
};

void h1_body_init(struct h1_body *b, enum http_framing framing, uint64_t content_length);

/*
 * Decodes as much of [at, at + len) as there is. Bytes that were not used must be given again with
 * more behind them (this happens only within a trailer section, which is used as a whole).
 *
 * Returns 0 and writes *out (used and data_len may be 0: nothing to be had yet), or an h1_error.
 * Data and trailer must be dealt with before the next call or anything else writes to these bytes.
 * FRAMING_NONE is done at once and uses nothing; a chunked body must not be given more after
 * `done`. FRAMING_CLOSE is never done here: the caller sees the close.
 */
MUST_CHECK int h1_body_decode(struct h1_body *b, char *at, size_t len, struct h1_decoded *out);

/* How many of the next bytes are the body's own, without any framing between them: until its end
 * where that is known, UINT64_MAX where it comes with the close, 0 for others. And that so many
 * were dealt with. */
uint64_t h1_body_unframed(const struct h1_body *b);
void h1_body_passed(struct h1_body *b, uint64_t n);

bool h1_body_is_done(const struct h1_body *b);

/* May the peer close now without having cut the body short? */
bool h1_body_may_end(const struct h1_body *b);

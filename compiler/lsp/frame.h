/*
 * frame - messages in a stream of bytes: a head with Content-Length, an empty line, a body
 * (LSP 3.17, "Base Protocol").
 *
 * What is no head is skipped up to the next thing that looks like one, so that one bad byte does
 * not take all that follows with it.
 */
#pragma once

#include <stddef.h>

#include "runtime/base/slice.h"

/* A longer head is none. */
#define FRAME_HEAD_BYTES_MAX ((size_t)4096)
/* A longer body is refused: no editor sends one, and all of it would be held in memory. */
#define FRAME_BODY_BYTES_MAX ((size_t)32 * 1024 * 1024)

enum frame_kind {
    FRAME_MORE,      /* not all of it is there */
    FRAME_BODY,      /* a message: `body` points into what was given */
    FRAME_GARBAGE,   /* the first `used` bytes are no message */
    FRAME_TOO_LARGE, /* the head of one that is too large: `skip` bytes of body follow it */
};

struct frame {
    enum frame_kind kind;
    size_t used; /* bytes to take off the front; 0 for MORE */
    struct slice body;
    size_t skip;
};

/* What the bytes at the front of `in` are. */
struct frame frame_next(struct slice in);

/*
 * buffer - a block of a worker's pool, with what has been read into it and not yet been used.
 *
 * An idle connection has none: the block is taken when there is something to read and given back when
 * all of it has been used.
 */
#pragma once

#include "runtime/base/pool.h"
#include "runtime/base/slice.h"

/* Room for bytes; the block has one more for the parsers' sentinel. */
#define BUFFER_BYTES ((size_t)32 * 1024)

struct buffer {
    char *at; /* NULL: no block */
    uint32_t start, end;
};

/* False when the pool refuses. Harmless when there is a block already. */
MUST_CHECK static inline bool buffer_take(struct buffer *b, struct pool *pool)
{
    if (b->at)
        return true;
    b->at = pool_take(pool);
    b->start = b->end = 0;
    return b->at != NULL;
}

static inline void buffer_give(struct buffer *b, struct pool *pool)
{
    pool_give(pool, b->at);
    *b = (struct buffer){0};
}

static inline size_t buffer_len(const struct buffer *b)
{
    return b->end - b->start;
}

static inline size_t buffer_room(const struct buffer *b)
{
    return BUFFER_BYTES - b->end;
}

static inline void buffer_used(struct buffer *b, size_t n)
{
    ASSERT(n <= buffer_len(b));
    b->start += (uint32_t)n;
    if (b->start == b->end)
        b->start = b->end = 0;
}

/* Moves what is there to the front, so that all the room is behind it. */
static inline void buffer_compact(struct buffer *b)
{
    if (b->start == 0)
        return;
    memmove(b->at, b->at + b->start, buffer_len(b));
    b->end -= b->start;
    b->start = 0;
}

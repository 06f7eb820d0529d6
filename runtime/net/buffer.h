/*
 * buffer - a block of a worker's pool, with what has been read into it and not yet been used.
 *
 * An idle connection has none: the block is taken when there is something to read and given back
 * when all of it has been used.
 */
#pragma once

#include "runtime/base/pool.h"
#include "runtime/base/slice.h"

/* Room for bytes: a head of the largest size with a good piece of body behind it. The block has one
 * more byte, for the parsers' sentinel. */
#define BUFFER_BYTES       ((size_t)48 * 1024)
#define BUFFER_BLOCK_BYTES (BUFFER_BYTES + 1)

struct buffer {
    char *at;            /* NULL: no block */
    uint32_t start, end; /* read and not yet used */
    uint32_t floor;      /* bytes at the front that stay: a head that is still needed */
};

/* False when the pool refuses. Harmless when there is a block already. */
MUST_CHECK static inline bool buffer_take(struct buffer *b, struct pool *pool)
{
    if (b->at)
        return true;
    *b = (struct buffer){.at = pool_take(pool)};
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
        b->start = b->end = b->floor;
}

/* Moves what is there, and the sentinel behind it, as far to the front as it may go. */
static inline void buffer_compact(struct buffer *b)
{
    if (b->start == b->floor)
        return;
    memmove(b->at + b->floor, b->at + b->start, buffer_len(b));
    b->end -= b->start - b->floor;
    b->start = b->floor;
    b->at[b->end] = '\0';
}

static inline struct slice buffer_slice(const struct buffer *b)
{
    return (struct slice){b->at + b->start, buffer_len(b)};
}

/*
 * pool - blocks of one size, kept for reuse, never more than a limit in use.
 *
 * One thread's. Taking one is a pointer swap; the first time a block is needed it comes from
 * malloc.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "runtime/base/check.h"

struct pool_block;

struct pool {
    size_t block_bytes;
    uint32_t limit;    /* blocks in use at a time; 0: no limit */
    uint32_t keep_max; /* free blocks kept; more go back to the system */
    uint32_t in_use, kept;
    uint64_t refused; /* how often the limit, or memory being out, said no */
    struct pool_block *free_blocks;
};

void pool_init(struct pool *p, size_t block_bytes, uint32_t limit, uint32_t keep_max);

/* Not zeroed; aligned for any type. NULL at the limit, or when memory is out. */
MUST_CHECK void *pool_take(struct pool *p);

/* NULL is allowed. */
void pool_give(struct pool *p, void *block);

/* Frees what is kept. Everything taken must have been given back. */
void pool_done(struct pool *p);

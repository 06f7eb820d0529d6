#include "runtime/log/access.h"

#include <stdlib.h>

#define CACHE_LINE 64

/*
 * Both indices only grow; a record's place is its index modulo the size. Each side keeps the last
 * it saw of the other's index, and looks again only when that says full or empty: mostly neither
 * side touches the other's cache line.
 */
struct access_ring {
    _Alignas(CACHE_LINE) atomic_uint filled; /* the worker's: records handed over so far */
    uint32_t seen_dropped;
    _Alignas(CACHE_LINE) atomic_uint dropped; /* the reader's: records done with */
    uint32_t seen_filled;
    _Alignas(CACHE_LINE) uint32_t mask;
    struct access_record record[];
};

struct access_ring *access_ring_new(uint32_t records)
{
    ASSERT(records > 0 && (records & (records - 1)) == 0);
    size_t bytes;
    const bool overflow =
        __builtin_mul_overflow(records, sizeof(struct access_record), &bytes) ||
        __builtin_add_overflow(bytes, sizeof(struct access_ring) + CACHE_LINE, &bytes);
    ASSERT(!overflow);
    struct access_ring *r = aligned_alloc(CACHE_LINE, bytes / CACHE_LINE * CACHE_LINE);
    if (!r)
        die_out_of_memory(records, sizeof(struct access_record));
    /* The records stay untouched: a ring takes memory as it is used. */
    memset(r, 0, sizeof(*r));
    r->mask = records - 1;
    return r;
}

void access_ring_free(struct access_ring *r)
{
    free(r);
}

/* All but the bytes of the texts, of which the lengths tell. */
static void clear(struct access_record *a)
{
    memset(a, 0, offsetof(struct access_record, method));
    a->connect_ns = a->first_byte_ns = -1;
    ACCESS_SET(a->method, SLICE_NONE);
    ACCESS_SET(a->listener, SLICE_NONE);
    ACCESS_SET(a->route, SLICE_NONE);
    ACCESS_SET(a->cluster, SLICE_NONE);
    ACCESS_SET(a->server, SLICE_NONE);
    ACCESS_SET(a->host, SLICE_NONE);
    ACCESS_SET(a->uri, SLICE_NONE);
    ACCESS_SET(a->limit, SLICE_NONE);
    ACCESS_SET(a->user, SLICE_NONE);
    ACCESS_SET(a->tags, SLICE_NONE);
}

struct access_record *access_ring_begin(struct access_ring *r)
{
    const uint32_t filled = atomic_load_explicit(&r->filled, memory_order_relaxed);
    if (filled - r->seen_dropped > r->mask) {
        /* Acquire: the reader is done reading what we are about to overwrite. */
        r->seen_dropped = atomic_load_explicit(&r->dropped, memory_order_acquire);
        if (filled - r->seen_dropped > r->mask)
            return NULL;
    }
    struct access_record *a = &r->record[filled & r->mask];
    clear(a);
    return a;
}

void access_ring_end(struct access_ring *r)
{
    const uint32_t filled = atomic_load_explicit(&r->filled, memory_order_relaxed);
    ASSERT(filled - r->seen_dropped <= r->mask);
    atomic_store_explicit(&r->filled, filled + 1, memory_order_release);
}

const struct access_record *access_ring_first(struct access_ring *r)
{
    const uint32_t dropped = atomic_load_explicit(&r->dropped, memory_order_relaxed);
    if (dropped == r->seen_filled) {
        r->seen_filled = atomic_load_explicit(&r->filled, memory_order_acquire);
        if (dropped == r->seen_filled)
            return NULL;
    }
    return &r->record[dropped & r->mask];
}

void access_ring_drop(struct access_ring *r)
{
    const uint32_t dropped = atomic_load_explicit(&r->dropped, memory_order_relaxed);
    ASSERT(dropped != r->seen_filled);
    atomic_store_explicit(&r->dropped, dropped + 1, memory_order_release);
}

/*
 * keys - for each of many keys some numbers, in a fixed room.
 *
 * A table of sets with KEYS_WAYS places each; a key's hash says which set, and the hash alone tells
 * it from others. A key that is there is found without a lock. One that is not takes a place of its
 * set under the set's own small lock: a free one, or that of the key whose moment is oldest. The
 * numbers are moments (see gcra.h): one that has passed says that the key has nothing to lose.
 *
 * Two workers at a time: a key has one place at most. A worker that found a key just before another
 * one gave its place away counts one request for the wrong key; no more can be lost.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define KEYS_WAYS 8u

struct keys;

/* Room for about `entries` keys (a few of so many may find none: keys.c), of `n_moments` each; both
 * above 0. NULL when there is not that much memory. keys_free(): NULL is allowed. */
struct keys *keys_new(uint32_t entries, uint32_t n_moments);
void keys_free(struct keys *k);

/* Of it all, as keys_new() asks for it. */
uint64_t keys_bytes(uint32_t entries, uint32_t n_moments);

/*
 * The key's first moment; the next one is KEYS_WAYS behind it, and so on. They are 0 for a key that
 * was not there. *evicted becomes true when that made another key, which had something to lose at
 * `now_ns`, leave. Any thread; never NULL.
 */
_Atomic int64_t *keys_find(struct keys *k, uint64_t hash, int64_t now_ns, bool *evicted);

/* How many there are whose moments have not all passed. Looks at every one: for people. */
uint64_t keys_count(const struct keys *k, int64_t now_ns);

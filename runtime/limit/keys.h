/*
 * keys - for each of many keys some numbers, in a fixed room.
 *
 * A table of sets with KEYS_WAYS places each; a key's hash says which set, and the hash alone tells
 * it from others. A key that is there is found without a lock. One that is not takes a place of its
 * set under the set's own small lock: a free one, or that of the key that soonest has nothing to
 * lose. The numbers are those of rates (rate.h): each has a moment from which on it has nothing to
 * lose.
 *
 * A place may be held, too, by as many as there are; while it is, it is its key's, and no other key
 * gets it.
 *
 * Two workers at a time: a key has one place at most. A worker that found a key just before another
 * one gave its place away counts one request for the wrong key; no more can be lost. Who holds is
 * counted exactly.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define KEYS_WAYS ((size_t)8)

struct keys;

/* Room for about `entries` keys (a few of so many may find none: keys.c), with a number for each of
 * `width_ns`, which is copied: the width of its windows, or 0 for a moment; NULL: all are moments.
 * Those that are `held` have a count of who does besides. Some number each must have, and `entries`
 * is above 0. NULL when there is not that much memory. keys_free(): NULL is allowed; nothing may
 * be held. */
struct keys *keys_new(uint32_t entries, const int64_t *width_ns, uint32_t n_numbers, bool held);
void keys_free(struct keys *k);

/* Of it all, as keys_new() asks for it. */
uint64_t keys_bytes(uint32_t entries, uint32_t n_numbers, bool held);

/*
 * The key's first number; the next one is KEYS_WAYS behind it, and so on. They are 0 for a key that
 * was not there. *evicted becomes true when another key that had something to lose at `now_ns` had
 * to leave for it. NULL where all the places it could have are held. Any thread.
 */
_Atomic int64_t *keys_find(struct keys *k, uint64_t hash, int64_t now_ns, bool *evicted);

/* The same for a key that may not be there, which then gets no place: NULL. */
_Atomic int64_t *keys_seek(const struct keys *k, uint64_t hash);

/* The same, and while it is locked no key gets or loses a place that this one could have. Others
 * go on counting. keys_unlock() must follow, with NULL, too. */
_Atomic int64_t *keys_lock(struct keys *k, uint64_t hash);
void keys_unlock(struct keys *k, uint64_t hash);

enum keys_held { KEYS_HELD, KEYS_FULL, KEYS_NO_PLACE };

/* As keys_find(), and then holds the place, unless `most` do already: KEYS_FULL. Whoever holds it
 * lets it go, on any thread. Of keys that are `held`. */
enum keys_held keys_hold(struct keys *k, uint64_t hash, uint32_t most, int64_t now_ns,
                         _Atomic int64_t **place, bool *evicted);
void keys_let_go(struct keys *k, _Atomic int64_t *place);

/* How many hold it. */
uint32_t keys_holders(const struct keys *k, const _Atomic int64_t *place);

/* How many there are that have something to lose, or that are held; and how many times places
 * are held. The former looks at a part of many, and says about how many: for people. */
uint64_t keys_count(const struct keys *k, int64_t now_ns);
uint64_t keys_holds(const struct keys *k);

#define KEYS_WALK_END UINT64_MAX

/* Goes through the keys that have something to lose, a part with each call: from *at, 0 first and
 * KEYS_WALK_END last. Of each it writes the hash and its numbers, of `most` at most, and says of
 * how many. Any thread. */
uint32_t keys_walk(const struct keys *k, uint64_t *at, int64_t now_ns, uint64_t *out,
                   uint32_t most);

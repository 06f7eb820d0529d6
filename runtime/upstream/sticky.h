/*
 * sticky - which server each of a cluster's clients is remembered at, shared by all workers.
 *
 * A table of fixed size, without locks and without memory of its own growing: rows of eight
 * entries, a client's row by its key. An entry is two words, what it says and that xor the key; a
 * reader that comes in the middle of a write sees words that do not belong together, and so none of
 * its client's (the lockless hash tables of chess programs). What is lost when two workers write
 * the same entry at once is one client's memory.
 *
 * A full row gives up who has been away longest of its eight. Time is a parameter, in nanoseconds
 * of a clock that never goes back, and is kept in seconds.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "runtime/base/slice.h"

#define STICKY_ROW 8u

struct sticky;

/* What is remembered of a server, 40 bits: the same after a reload and in any process, wherever it
 * stands; never 0. A hash of names. */
uint64_t sticky_server_id(struct slice cluster, struct slice name);

/*
 * `entries` (at least 1) is rounded up to a power of two of at least STICKY_ROW; each takes 16
 * bytes, which the system hands out as they are used. `seed` is a secret: clients choose their
 * keys. Pinned once. NULL when there is not that much memory. Control thread.
 */
struct sticky *sticky_new(uint32_t entries, uint64_t seed);
struct sticky *sticky_pin(struct sticky *s);
void sticky_unpin(struct sticky *s); /* NULL is allowed. Any thread */

/* As many entries as were asked for, and what the room for so many takes. */
uint32_t sticky_entries(const struct sticky *s);
uint64_t sticky_bytes(uint32_t entries);

/* How many clients are remembered. Of a large table it looks at a part and says how many that makes
 * in all, so that nobody waits for the answer. Any thread. */
uint64_t sticky_clients(const struct sticky *s, int64_t ttl_ns, int64_t now_ns);

/* All of the following: any worker, never blocks; ttl_ns is at least a second. */

/* The id of the server that `key` is remembered at, 0 when it is none, or was not asked for within
 * ttl_ns. Whoever is found is remembered from now on. */
uint64_t sticky_find(struct sticky *s, uint64_t key, int64_t ttl_ns, int64_t now_ns);

/* Remembers `server`, an id. True when another client had to be forgotten before its time. */
bool sticky_note(struct sticky *s, uint64_t key, uint64_t server, int64_t ttl_ns, int64_t now_ns);

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
 *
 * Where several processes remember together, each worker also puts what others are to hear of into
 * a ring: who came to a server, and whoever comes again, eight times in a `ttl` at most.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "runtime/base/check.h"
#include "runtime/base/slice.h"
#include "runtime/base/told.h"

#define STICKY_ROW 8u

struct sticky;

/* What is remembered of a server, 40 bits: the same after a reload and in any process, wherever it
 * stands; never 0. A hash of names. */
#define STICKY_SERVER_MAX ((UINT64_C(1) << 40) - 1)
uint64_t sticky_server_id(struct slice cluster, struct slice name);

/*
 * `entries` (at least 1) is rounded up to a power of two of at least STICKY_ROW; each takes 16
 * bytes, which the system hands out as they are used. `seed` is a secret: clients choose their
 * keys. `tellers` workers tell others; 0: there are none. Pinned once. NULL when there is not that
 * much memory. Control thread.
 */
struct sticky *sticky_new(uint32_t entries, uint64_t seed, uint32_t tellers);
struct sticky *sticky_pin(struct sticky *s);
void sticky_unpin(struct sticky *s); /* NULL is allowed. Any thread */

/* As many entries as were asked for, and what the room for so many takes. */
uint32_t sticky_entries(const struct sticky *s);
uint64_t sticky_bytes(uint32_t entries);

/* How many clients are remembered. Of a large table it looks at a part and says how many that makes
 * in all, so that nobody waits for the answer. Any thread. */
uint64_t sticky_clients(const struct sticky *s, int64_t ttl_ns, int64_t now_ns);

/* The seed where others have to come to the same: all that have the cluster's name, its clients'
 * `name` and the password. Without a password anybody can know it. */
uint64_t sticky_shared_seed(struct slice cluster, struct slice name, struct slice password);
uint64_t sticky_seed(const struct sticky *s);

/* What another process remembered is to be learnt: by its seed. Of one that nobody has used, and
 * false where it has a seed that others go by, and that is another. Control thread. */
MUST_CHECK bool sticky_take_seed(struct sticky *s, uint64_t seed);

/* --- the workers: all of it never blocks; ttl_ns is at least a second ------------------------- */

struct sticky_asker {
    int64_t ttl_ns, now_ns;
    uint32_t worker;
};

/* The id of the server that `key` is remembered at, 0 when it is none, or was not asked for within
 * the ttl. Whoever is found is remembered from now on. */
uint64_t sticky_find(struct sticky *s, uint64_t key, const struct sticky_asker *by);

/* Why a client is where it is. Others that have it elsewhere hold it there if it was only chosen,
 * and follow where it was moved. */
enum sticky_how { STICKY_CHOSEN, STICKY_MOVED };

/* Remembers `server`, an id. Whoever is remembered elsewhere moves. True when another client had to
 * be forgotten before its time. */
bool sticky_note(struct sticky *s, uint64_t key, uint64_t server, enum sticky_how how,
                 const struct sticky_asker *by);

/* --- the control thread: what others hear of and are heard to say ----------------------------- */

struct sticky_client {
    uint64_t hash;   /* of its key, with the seed */
    uint64_t server; /* an id */
    int64_t used_ns; /* when it was here last, in whole seconds; may be negative */
    bool moved;
};

/* How often in a ttl others hear that a client is still there: so long it may be known too old. */
int64_t sticky_news_ns(int64_t ttl_ns);

/* The next that others are to hear of; false where there is none. */
bool sticky_tell(struct sticky *s, struct sticky_client *out, int64_t now_ns);

/* How many since the last call had no room to be told. */
uint64_t sticky_untold(struct sticky *s);

/* What another one says of a client. Not learnt where it is over, or all in its row were here
 * later. True when a client had to be forgotten for it before its time. */
bool sticky_learn(struct sticky *s, const struct sticky_client *c, int64_t ttl_ns, int64_t now_ns);

#define STICKY_WALK_END UINT64_MAX

/* Goes through all that are remembered, a part with each call: from *at, 0 first and
 * STICKY_WALK_END last. Says how many of the next it found, `most` at most. Any thread. */
uint32_t sticky_walk(const struct sticky *s, uint64_t *at, int64_t ttl_ns, int64_t now_ns,
                     struct sticky_client *out, uint32_t most);

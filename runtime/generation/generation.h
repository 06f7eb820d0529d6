/*
 * generation - one configuration at work: a table and the live state beside it.
 *
 * The control thread builds and publishes; workers pick the newest up at the top of their loop; an
 * exchange pins the one it began with, an established tunnel only its server and limits of what is
 * in flight. When the last pin of an old generation goes, its worker tells the control thread,
 * which frees it.
 *
 * What carry.c takes over from the one before: servers (health, counts, idle connections), clusters
 * (their turn, whom their clients are remembered at), listeners (sockets and open connections),
 * limits (what their keys have spent). By
 * name and kind; nothing else survives.
 *
 * Servers that come or go while the configuration stays (names, files) make a generation too: of
 * the same table, with other servers.
 */
#pragma once

#include <stdatomic.h>
#include <stdint.h>

#include "compiler/table/table.h"
#include "runtime/auth/realms.h"
#include "runtime/base/text.h"
#include "runtime/event/mailbox.h"
#include "runtime/generation/tally.h"
#include "runtime/limit/callers.h"
#include "runtime/limit/limiter.h"
#include "runtime/net/listener.h"
#include "runtime/secret/secrets.h"
#include "runtime/tls/loaded.h"
#include "runtime/upstream/cluster.h"
#include "runtime/upstream/discoveries.h"
#include "runtime/upstream/server.h"
#include "runtime/upstream/sticky.h"
#include "runtime/upstream/sticky_cookie.h"

/* What a table says is elsewhere, loaded beside it. Either is NULL where a table needs none. */
struct generation_needs {
    struct tls_loaded *tls;
    struct secrets *secrets;
    struct realms *realms;
};

/* A table, for as long as some generation has it. Control thread. */
struct configuration {
    uint32_t pins;
    struct table *table;           /* owned */
    struct generation_needs needs; /* pinned */
    uint32_t n_clusters;
    struct mac_key *cookie_key; /* owned; parallel to table->cluster, of those that set cookies;
                                 * NULL where none does */
};

/* The servers of a cluster: a part of generation.server. */
struct generation_part {
    uint32_t first, n;
};

/* What one worker counts of a listener; on a cache line of its own. */
struct gate_worker {
    _Alignas(64) struct statuses statuses;       /* of requests that came by it */
    _Atomic uint64_t accepted;                   /* connections */
    _Atomic uint64_t received_bytes, sent_bytes; /* of requests and responses that have ended */
};

/* The live side of a listener: lives on as long as some generation has a listener of that name. */
struct gate {
    char *name; /* owned, NUL-terminated */
    atomic_uint pins;
    struct callers *_Atomic callers;   /* who has how many of them; owned; NULL until some
                                        * generation wants to know, from then on it stays */
    _Alignas(64) _Atomic int64_t open; /* client connections, over all workers */
    _Atomic int64_t handshakes;        /* the moment that gcra.h keeps */
    uint32_t n_workers;
    struct gate_worker worker[]; /* one each */
};

void gate_pin(struct gate *g);
void gate_unpin(struct gate *g);

/* One worker's side of a generation; on cache lines of its own. */
struct generation_worker {
    _Atomic uint64_t
        pins; /* written by the worker: its exchanges, and 1 while it is current there */
    struct cluster_view *view; /* per cluster */
};

/* What is the same for all generations of a process. */
struct generation_home {
    uint32_t n_workers;
    uint64_t last_id;        /* of one that was made */
    struct mailbox *mailbox; /* the control thread's */
    void (*retired)(struct message *m);
};

struct generation {
    uint32_t magic;
#define GENERATION_MAGIC 0x6e4e7a71u
    uint64_t id;                         /* from 1 */
    struct configuration *configuration; /* pinned */
    struct table *table;                 /* the configuration's */
    struct tls_loaded *tls;              /* and this */
    const struct mac_key *cookie_key;    /* and these */
    const struct realms *realms;
    int64_t made_ns;

    struct table_server *spec; /* the table's, and behind each cluster's those that were found;
                                * owned; names of the latter are their servers' */
    struct server **server;    /* parallel to `spec`; pinned */
    uint32_t n_servers;
    struct generation_part *part; /* of `server`; parallel to table->cluster */
    struct cluster **cluster;     /* parallel to table->cluster; pinned */
    struct sticky **sticky;       /* the same; NULL where a cluster remembers nobody */
    struct gate **gate;           /* parallel to table->listener; pinned */
    struct tally **tally;         /* parallel to table->clause; pinned */
    struct limiter **limiter;     /* parallel to table->limit; pinned */
    struct listener **socket;     /* all binds of all listeners, in order; pinned */
    uint32_t *first_socket;       /* per listener: where its binds begin in `socket` */
    uint32_t n_sockets;

    uint32_t n_workers;
    struct generation_worker **worker;
    _Atomic uint32_t workers_left; /* those that may still pin it */

    bool apart; /* a canary: it changes nothing of what others have too */
    struct generation_home *home;
    struct message retired; /* posted to `owner` when the last pin went */
    struct mailbox *owner;
    struct generation *older; /* the control thread's list, newest first */
};

/*
 * Builds the generation that follows `before` (NULL for the first), and opens the sockets it needs.
 * All or nothing: on failure nothing of `before` has changed, NULL is returned, `why` says what
 * could not be opened, and the table stays the caller's. Otherwise it owns the table. `retired` of
 * `home` is called on the control thread when nothing uses the generation any more. `needs` is what
 * was loaded for the table; it is pinned. `found` is what the table's sources stand for now.
 * Control thread.
 */
struct generation *generation_new(struct table *table, struct generation_needs needs,
                                  const struct found_servers *found,
                                  const struct generation *before, struct generation_home *home,
                                  struct text *why);

/* The same for one that is to live beside `before`: of the servers and sockets that both have it
 * changes nothing, whatever its table says (states, weights, limits of connections, checks). */
struct generation *generation_new_apart(struct table *table, struct generation_needs needs,
                                        const struct found_servers *found,
                                        const struct generation *before,
                                        struct generation_home *home, struct text *why);

/* The configuration of one that lives apart, in place of `stable`: what it says of servers that
 * both have is done now. Control thread. */
struct generation *generation_promote(const struct generation *apart,
                                      const struct generation *stable,
                                      const struct found_servers *found);

/* A newer one has been made, and this one lives on beside it: its servers have not gone. */
void generation_stays(const struct generation *g);

/* For whoever looks into its table apart from any generation. Control thread. */
struct configuration *configuration_pin(struct configuration *c);
void configuration_unpin(struct configuration *c);

/* The same configuration as that of `before`, with these servers found. Control thread. */
struct generation *generation_again(const struct generation *before,
                                    const struct found_servers *found);

/* The index of a cluster's server in `server`, or UINT32_MAX. */
uint32_t generation_find_server(const struct generation *g, uint32_t cluster, struct slice name);

/* The listener of that gate, or NULL. */
static inline const struct table_listener *generation_listener(const struct generation *g,
                                                               const struct gate *gate)
{
    for (uint32_t i = 0; i < g->table->n_listeners; i++)
        if (g->gate[i] == gate)
            return &g->table->listener[i];
    return NULL;
}

/* NULL is allowed. Nothing may pin it. Control thread. */
void generation_free(struct generation *g);

/* The sum of all pins. Any thread; may be some microseconds old. */
uint64_t generation_pins(const struct generation *g);

/* Worker: keep it / let it go. The last unpin after the worker has let go of it as its current one
 * may be the last of all, and then hands it to the control thread: do not touch it afterwards. */
void generation_pin(struct generation *g, uint32_t worker);
void generation_unpin(struct generation *g, uint32_t worker);

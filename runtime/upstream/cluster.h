/*
 * cluster - choosing a server: the live side of a cluster, and each worker's view of it.
 *
 * The live object is shared by all workers and by all generations that have a cluster of that name.
 * A view is one worker's, in one generation: the servers that may be used now as the policy has
 * laid them out, made anew only when the epoch says that something changed, or while a server
 * starts slowly.
 */
#pragma once

#include <stdatomic.h>
#include <stdint.h>

#include "compiler/table/facts.h"
#include "compiler/table/table.h"
#include "compiler/table/verdict.h"
#include "runtime/balance/balance.h"
#include "runtime/base/rng.h"
#include "runtime/event/mailbox.h"
#include "runtime/metrics/histogram.h"
#include "runtime/metrics/statuses.h"
#include "runtime/upstream/queue.h"
#include "runtime/upstream/retry_budget.h"
#include "runtime/upstream/server.h"

/* How workers ask the control thread to look at a cluster: a server fails too often, the circuit
 * breaker refuses, somebody waits for a server that is avoided for a while. */
struct cluster_bell {
    struct message message; /* `run` is the control thread's; NULL: nobody listens */
    _Atomic bool rung;      /* it is on its way */
    void *of;               /* the listener's */
};

/* Who serves for a cluster. */
enum cluster_serving { CLUSTER_SERVES, CLUSTER_SERVES_EJECTED, CLUSTER_SERVES_NOT };

/* What the control thread remembers of a cluster, from one look to the next. */
struct cluster_watch {
    int64_t looked_ns, due_ns;   /* the last look, and the next; 0 before the first */
    bool rung;                   /* since the last look */
    int64_t slice_ns;            /* outlier_look()'s */
    _Atomic int64_t wake_ns;     /* who waits is called then; 0: never. Workers read it */
    int64_t open_ns, refused_ns; /* the circuit breaker's; see watch.c */
    uint64_t refused_before_open, refused_known;
    enum cluster_serving told; /* what the log knows */
};

/* What became of requests whose clients keep their servers; of the process's metrics, what is the
 * cluster's. On a cache line of its own. */
struct cluster_sticky_counts {
    _Alignas(64) _Atomic uint64_t hits, misses, moved, evictions, learned, forged, expired, heard;
};

/* What one worker has seen of it; on cache lines of its own. */
struct cluster_worker {
    _Alignas(64) struct statuses statuses; /* that clients got, whoever answered them */
    _Atomic uint64_t retries, queued;      /* requests given to another connection or server; those
                                            * that had to wait for a server with room */
    struct histogram connect;              /* new connections, their handshakes in TLS too */
    struct histogram first_byte;           /* from when a server was chosen */
    struct histogram total; /* from the request's first byte to the response's last; no tunnels */
};

struct cluster {
    char *name;                    /* owned, NUL-terminated */
    struct cluster_worker *worker; /* owned; one per worker */
    uint32_t n_workers;
    atomic_uint pins;
    /* Turns taken, over all workers: so that the round robins are exact whoever picks. On a cache
     * line of its own. */
    _Alignas(64) _Atomic uint64_t tick;
    struct retry_budget budget; /* beside the tick, which each request writes anyway */
    /* Requests in flight that were counted here: those of a cluster whose balance asks for it. */
    _Alignas(64) _Atomic int64_t in_flight;
    /* Which servers may be used has changed. Written by the control thread, after the change. */
    _Alignas(64) _Atomic uint32_t epoch;
    /* Of the circuit breaker: counted where it has a limit for them. */
    _Alignas(64) _Atomic uint32_t connections, pending, retrying;
    _Atomic uint64_t refused;           /* by it */
    _Atomic(const char *) refused_what; /* for want of what, the last time; static, or NULL */
    _Atomic bool open;                  /* it has refused lately; the control thread writes */
    struct cluster_bell bell;
    struct cluster_watch watch; /* the control thread's */
    struct queue queue;
    struct cluster_sticky_counts sticky;
};

struct cluster *cluster_new(struct slice name, uint32_t n_workers);

struct cluster *cluster_pin(struct cluster *c);

/* NULL is allowed. Any thread. */
void cluster_unpin(struct cluster *c);

/* After a server's health, administrative state or weight was stored. Control thread. */
void cluster_changed(struct cluster *c);

/* The control thread is to look at it, soon. Any thread that pins it. */
void cluster_ring(struct cluster *c, struct mailbox *control);

/* Who has joined the queue is to be called when a server is avoided no more. Worker. */
void cluster_wake(struct cluster *c, struct mailbox *control);

/* On the control thread, in bell.message.run: before it looks, and what was done before it was rung
 * is visible. Its pin is the caller's now. */
struct cluster *cluster_answer(struct message *m);

/* The circuit breaker has refused something, for want of `what`: static text. Worker. */
void cluster_refuses(struct cluster *c, const char *what, struct mailbox *control);

/* A request to a server of it has ended: badly, or well, `took_ns` to the first byte. Nothing where
 * the cluster has no `outlier`. Worker. */
void cluster_judge(const struct table_cluster *spec, struct server *s, uint32_t worker, bool error,
                   int64_t took_ns, struct mailbox *control);

/* A server by what is remembered of it. */
struct cluster_known {
    uint64_t id;
    uint32_t server;
};

/* One worker's view. Zeroed at first. */
struct cluster_view {
    bool made;
    uint32_t epoch;
    int64_t until_ns;       /* when it is to be made anew in any case: a server starts slowly */
    struct rng rng;         /* what policies of chance go by */
    uint32_t n_servers;     /* of the cluster */
    uint32_t *server_of;    /* a candidate's index within the cluster; owned */
    uint32_t *candidate_of; /* a server's index among the candidates, or BALANCE_NONE; owned */
    struct balance_candidate *candidate; /* owned */
    struct cluster_known *known; /* of all servers, by id, where the cluster is sticky; owned */
    struct balance_plan plan;
};

void cluster_view_done(struct cluster_view *v);

#define CLUSTER_AVOID_MAX BALANCE_AVOID_MAX

/* There are servers, and each has as many requests as it may have. */
#define CLUSTER_FULL (BALANCE_NONE - 1)

/*
 * The lowest group of `n` servers of which some may be used; UINT32_MAX: there is none. A server
 * that answers badly is better than none, for it may be the only one that is up: *even_ejected says
 * that none of the others is left. Any thread.
 */
uint32_t cluster_group_in_use(const struct table_server *spec, struct server *const *server,
                              uint32_t n, bool *even_ejected);

struct cluster_choice {
    const struct table_cluster *spec;
    const struct table_server *server_spec; /* the cluster's, in the table's order */
    struct cluster *live;
    struct server *const *server; /* parallel to server_spec */
    uint32_t n_servers;
    uint32_t worker;
    uint64_t key; /* of cluster_key() */
    int64_t now_ns;
    uint32_t
        avoid[CLUSTER_AVOID_MAX]; /* indices within the cluster, already tried by this exchange */
    uint32_t n_avoid;
};

/*
 * What keeps a client or a value at its server: a hash of the field that the cluster is balanced
 * by, as the rules have changed it. A request that has no such value goes by its client's address,
 * as all do where the balance takes no field. `so_far` is the verdict. Worker.
 */
uint64_t cluster_key(const struct table *t, const struct table_cluster *spec, const struct facts *f,
                     const struct verdict *so_far);

/*
 * Returns an index within the cluster, BALANCE_NONE when there is no server to try, or CLUSTER_FULL
 * when none of them has room. A server that a connection to failed within the last second is only
 * chosen when there is no other with room. Worker.
 */
uint32_t cluster_pick(const struct cluster_choice *choice, struct cluster_view *view);

/* Of a cluster that is sticky. The server with this sticky_server_id(), as an index within the
 * cluster, or BALANCE_NONE. Worker. */
uint32_t cluster_find(const struct cluster_choice *choice, struct cluster_view *view, uint64_t id);

/* May a client that is remembered at this server go there? While it is up, and if need be drained:
 * that keeps whom it has. Not in maintenance, not one that was just not reached or was tried, and
 * no backup that is not needed. Worker; after cluster_find(). */
bool cluster_keeps(const struct cluster_choice *choice, const struct cluster_view *view,
                   uint32_t server);

/* Has some server room that may be used? Sees what was made before it was asked. Worker. */
bool cluster_has_room(const struct cluster_choice *choice, struct cluster_view *view);

/* Is some server avoided now that could be used later? Worker, after cluster_has_room(). */
bool cluster_avoids(const struct cluster_choice *choice, const struct cluster_view *view);

/* A request is given to a server: true when the cluster's balance counts all that it has
 * (`bounded`), and then cluster_end() is due once it has ended. Worker. */
MUST_CHECK bool cluster_begin(const struct table_cluster *spec, struct server *s);
void cluster_end(struct server *s);

/* So that a policy which remembers what servers do learns at once what this worker's requests
 * did: once it has begun, and once it has ended. `server` is its index within the cluster. Worker;
 * `view` is the one that it was picked by. */
void cluster_note(const struct table_cluster *spec, struct server *s, uint32_t server,
                  uint32_t worker, struct cluster_view *view);

/* A server has begun to answer, or has failed to: it took that long. Worker. */
void cluster_timed(const struct table_cluster *spec, struct server *s, uint32_t worker,
                   int64_t took_ns, int64_t now_ns);

/* Counts one more of what the circuit breaker limits; false at the limit. 0: no limit, and nothing
 * is counted. */
static inline bool breaker_take(_Atomic uint32_t *count, uint32_t most)
{
    if (most == 0)
        return true;
    if (atomic_fetch_add_explicit(count, 1, memory_order_relaxed) < most)
        return true;
    atomic_fetch_sub_explicit(count, 1, memory_order_relaxed);
    return false;
}

static inline void breaker_give(_Atomic uint32_t *count)
{
    atomic_fetch_sub_explicit(count, 1, memory_order_relaxed);
}

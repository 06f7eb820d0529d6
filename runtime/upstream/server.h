/*
 * server - what is happening at one server: health, what operators set, connections, counts.
 *
 * What was configured is in the table; this is the live side, one object per server for as long as
 * some generation has a server of that cluster, name and endpoint. Generations share it, and so
 * health, counts and idle connections survive a hot swap.
 *
 * Written by: `health`, `admin`, `ejected`, `outlier` and `last_check` the control thread; the
 * counters, `connects` and the suspicion any worker, with relaxed atomics; a slot of `worker` only
 * its worker.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "runtime/balance/response_time.h"
#include "runtime/base/list.h"
#include "runtime/metrics/statuses.h"
#include "runtime/net/sockaddr.h"
#include "runtime/tls/client.h"
#include "runtime/upstream/health.h"
#include "runtime/upstream/outlier.h"

/* In the order of enum table_state. */
enum server_admin { SERVER_READY, SERVER_DRAIN, SERVER_MAINTENANCE };

/* One worker's side. On its own cache line: see server_new(). */
struct server_worker {
    struct list idle;            /* of struct link: connections without an exchange, newest first */
    struct list h2;              /* of connections of HTTP/2 that take requests, newest first */
    _Atomic uint32_t n_idle;     /* relaxed: only the worker writes it, `show servers` reads it */
    struct tls_session *session; /* of the last TLS connection, to be resumed; owned */
    struct response_time time;   /* as this worker has seen it; kept for `least-time` */
    struct outlier_counts counts; /* kept where the cluster has an `outlier` */
    /* Responses that it has begun, and the sum of the times to their first bytes; relaxed. */
    _Atomic uint64_t answers, answers_ns;
    _Atomic uint64_t retries; /* requests that went on to another connection or server */
    struct statuses statuses; /* of all that it has answered, tried again or not */
    _Atomic uint64_t received_bytes, sent_bytes; /* from it, and to it */
};

/* Of risen_ns: it has been up since the process began; it will rise when it is up. */
#define SERVER_NEVER_ROSE INT64_C(0)
#define SERVER_TO_RISE    INT64_C(-1)

struct cluster;

struct server {
    uint32_t magic;
#define SERVER_MAGIC 0x5e27e201u
    atomic_uint pins;
    char *cluster_name, *name; /* owned, NUL-terminated */
    struct endpoint endpoint;
    struct sockaddr_of addr;

    _Atomic int health;          /* enum health_state */
    _Atomic int admin;           /* enum server_admin */
    _Atomic uint32_t weight;     /* what an operator has set; 0: what the file says */
    _Atomic int64_t risen_ns;    /* when it came up: its share grows from then on; see below */
    _Atomic bool checked;        /* does its cluster check health? Without, unknown counts as up */
    _Atomic uint64_t generation; /* the newest that has this server; control thread writes */
    _Atomic int64_t suspect_until_ns; /* a connection failed lately: others are tried first */
    _Atomic bool ejected;             /* it answers badly: others are used while there are any */
    _Atomic uint32_t errors_in_a_row; /* kept where the cluster has an `outlier` */
    struct outlier outlier;           /* the control thread's, and so is the next */
    enum server_admin admin_told;     /* the state that the log knows of */
    int64_t since_wall_ns; /* it has been in its state: health, what operators set, ejected */

    /* What its last check came to, NUL-terminated; control thread only. */
#define SERVER_CHECK_TEXT_MAX 120
    char last_check[SERVER_CHECK_TEXT_MAX];

    _Atomic bool connects; /* it takes WebSockets over HTTP/2 (RFC 8441), as it said last */

    struct cluster *cluster;          /* pinned; NULL in tests that need none */
    _Atomic int64_t in_flight;        /* requests and TCP connections */
    _Atomic uint32_t max_connections; /* of these at a time; 0: no limit. Control thread writes */
    _Atomic(const char *) connect_reason; /* why the last connection failed; static text or NULL */
    _Atomic uint64_t requests, connect_errors, response_errors;

    uint32_t n_workers;
    struct server_worker **worker; /* one block per worker */
};

/* Pinned once. `cluster_name` and `name` are copied; `cluster` is for the caller to set. */
struct server *server_new(struct slice cluster_name, struct slice name, const struct endpoint *e,
                          uint32_t n_workers);

struct server *server_pin(struct server *s);

/* The last one frees it; no worker may have idle connections to it then. NULL is allowed. Any
 * thread. */
void server_unpin(struct server *s);

/* When it came up, and a slow start begins: a moment, or SERVER_TO_RISE. Control thread, before
 * cluster_changed(). */
void server_rises(struct server *s, int64_t risen_ns);

/* Is it up, as far as is known? */
static inline bool server_alive(const struct server *s)
{
    /* Acquire, and first: who has become checked while in use became up before that. */
    const bool checked = atomic_load_explicit(&s->checked, memory_order_acquire);
    const int health = atomic_load_explicit(&s->health, memory_order_relaxed);
    return health == HEALTH_UP || (health == HEALTH_UNKNOWN && !checked);
}

/* May a new request go there? */
static inline bool server_usable(const struct server *s)
{
    return server_alive(s) && atomic_load_explicit(&s->admin, memory_order_relaxed) == SERVER_READY;
}

/* And is it not left out for answering badly? */
static inline bool server_in_use(const struct server *s)
{
    return server_usable(s) && !atomic_load_explicit(&s->ejected, memory_order_relaxed);
}

/* Its state is another than before, from now on. Control thread. */
void server_turns(struct server *s);

/* It has begun to answer, `took_ns` after it was asked. Worker. */
static inline void server_answers(struct server *s, uint32_t worker, int64_t took_ns)
{
    struct server_worker *w = s->worker[worker]; /* one writer: nothing can come between */
    const uint64_t took = took_ns > 0 ? (uint64_t)took_ns : 0;
    const uint64_t n = atomic_load_explicit(&w->answers, memory_order_relaxed);
    const uint64_t ns = atomic_load_explicit(&w->answers_ns, memory_order_relaxed);
    atomic_store_explicit(&w->answers, n + 1, memory_order_relaxed);
    atomic_store_explicit(&w->answers_ns, ns + took, memory_order_relaxed);
}

/* What has been counted of it, over all workers. Any thread. */
struct outlier_seen server_seen(const struct server *s);

/* Sequentially consistent, as server_leave() is: see queue.h. */
static inline bool server_has_room(const struct server *s)
{
    const uint32_t most = atomic_load_explicit(&s->max_connections, memory_order_relaxed);
    return most == 0 || atomic_load_explicit(&s->in_flight, memory_order_seq_cst) < most;
}

/* One more request there; false when it has no room. */
MUST_CHECK bool server_enter(struct server *s);

/* One less; whoever waits for a server of its cluster learns of it. */
void server_leave(struct server *s);

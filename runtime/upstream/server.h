/*
 * server - what is happening at one server: health, what operators set, connections, counts.
 *
 * What was configured is in the table; this is the live side, one object per server for as long as
 * some generation has a server of that cluster, name and endpoint. Generations share it, and so
 * health, counts and idle connections survive a hot swap.
 *
 * Written by: `health` and `admin` the control thread; the counters and the suspicion any worker,
 * with relaxed atomics; a slot of `worker` only its worker.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "runtime/base/list.h"
#include "runtime/net/sockaddr.h"
#include "runtime/upstream/health.h"

enum server_admin { SERVER_READY, SERVER_DRAIN };

/* One worker's side. On its own cache line: see server_new(). */
struct server_worker {
    struct list idle;        /* of struct link: connections without an exchange, newest first */
    _Atomic uint32_t n_idle; /* relaxed: only the worker writes it, `show servers` reads it */
};

struct server {
    uint32_t magic;
#define SERVER_MAGIC 0x5e27e201u
    atomic_uint pins;
    char *cluster_name, *name; /* owned, NUL-terminated */
    struct endpoint endpoint;
    struct sockaddr_of addr;

    _Atomic int health;          /* enum health_state */
    _Atomic int admin;           /* enum server_admin */
    _Atomic bool checked;        /* does its cluster check health? Without, unknown counts as up */
    _Atomic uint64_t generation; /* the newest that has this server; control thread writes */
    _Atomic int64_t suspect_until_ns; /* a connection failed lately: others are tried first */

    _Atomic int64_t in_flight;
    _Atomic uint64_t requests, connect_errors, response_errors, responses_5xx;

    uint32_t n_workers;
    struct server_worker **worker; /* one block per worker */
};

/* Pinned once. `cluster_name` and `name` are copied. */
struct server *server_new(struct slice cluster_name, struct slice name, const struct endpoint *e,
                          uint32_t n_workers);

struct server *server_pin(struct server *s);

/* The last one frees it; no worker may have idle connections to it then. NULL is allowed. Any
 * thread. */
void server_unpin(struct server *s);

/* May a new request go there? */
static inline bool server_usable(const struct server *s)
{
    /* Acquire, and first: who has become checked while in use became up before that. */
    const bool checked = atomic_load_explicit(&s->checked, memory_order_acquire);
    const int health = atomic_load_explicit(&s->health, memory_order_relaxed);
    const bool alive = health == HEALTH_UP || (health == HEALTH_UNKNOWN && !checked);
    return alive && atomic_load_explicit(&s->admin, memory_order_relaxed) == SERVER_READY;
}

/*
 * cluster - choosing a server: the live side of a cluster, and each worker's view of it.
 *
 * The live object is shared by all workers and by all generations that have a cluster of that name.
 * A view is one worker's, in one generation: the servers that may be used now in the order the
 * policy wants, made anew only when the epoch says that something changed.
 */
#pragma once

#include <stdatomic.h>
#include <stdint.h>

#include "compiler/table/table.h"
#include "runtime/balance/balance.h"
#include "runtime/upstream/server.h"

struct cluster {
    char *name; /* owned, NUL-terminated */
    atomic_uint pins;
    /* Turns taken, over all workers: so that the round robins are exact whoever picks. On a cache
     * line of its own. */
    _Alignas(64) _Atomic uint64_t tick;
    /* Which servers may be used has changed. Written by the control thread, after the change. */
    _Alignas(64) _Atomic uint32_t epoch;
};

struct cluster *cluster_new(struct slice name);
struct cluster *cluster_pin(struct cluster *c);

/* NULL is allowed. Any thread. */
void cluster_unpin(struct cluster *c);

/* After a server's health or administrative state was stored. Control thread. */
void cluster_changed(struct cluster *c);

/* One worker's view. Zeroed at first. */
struct cluster_view {
    bool made;
    uint32_t epoch;
    uint32_t n_members;
    uint32_t n_order;
    struct balance_candidate *member; /* those that may be used; owned */
    uint32_t *member_server;          /* their indices within the cluster; owned */
    uint32_t *order;                  /* what the policy made of them; owned */
};

void cluster_view_done(struct cluster_view *v);

#define CLUSTER_AVOID_MAX BALANCE_AVOID_MAX

struct cluster_choice {
    const struct table_cluster *spec;
    const struct table_server *server_spec; /* the cluster's, in the table's order */
    struct cluster *live;
    struct server *const *server; /* parallel to server_spec */
    const struct address *client;
    int64_t now_ns;
    uint32_t
        avoid[CLUSTER_AVOID_MAX]; /* indices within the cluster, already tried by this exchange */
    uint32_t n_avoid;
};

/*
 * Returns an index within the cluster, or BALANCE_NONE when there is no server to try. A server
 * that a connection to failed within the last second is only chosen when there is no other. Worker.
 */
uint32_t cluster_pick(const struct cluster_choice *choice, struct cluster_view *view);

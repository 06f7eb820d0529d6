#include "runtime/upstream/server.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/base/check.h"
#include "runtime/base/clock.h"
#include "runtime/upstream/cluster.h"

#define CACHE_LINE 64

static char *copy(struct slice s)
{
    char *c = must_calloc(s.len + 1, 1);
    if (s.len > 0)
        memcpy(c, s.at, s.len);
    return c;
}

/* A cache line or more of its own: two workers never write to the same one. */
static struct server_worker *worker_block_new(void)
{
    const size_t bytes = (sizeof(struct server_worker) + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE;
    struct server_worker *w = aligned_alloc(CACHE_LINE, bytes);
    if (!w)
        die_out_of_memory(1, bytes);
    memset(w, 0, bytes);
    list_init(&w->idle);
    list_init(&w->h2);
    return w;
}

struct server *server_new(struct slice cluster_name, struct slice name, const struct endpoint *e,
                          uint32_t n_workers)
{
    struct server *s = MUST_NEW(struct server);
    s->magic = SERVER_MAGIC;
    atomic_init(&s->pins, 1);
    s->cluster_name = copy(cluster_name);
    s->name = copy(name);
    s->endpoint = *e;
    server_turns(s);
    s->addr = sockaddr_from(e);
    atomic_init(&s->health, HEALTH_UNKNOWN);
    atomic_init(&s->admin, SERVER_READY);
    s->n_workers = n_workers;
    s->worker = MUST_ARRAY(struct server_worker *, n_workers);
    for (uint32_t i = 0; i < n_workers; i++)
        s->worker[i] = worker_block_new();
    return s;
}

struct server *server_pin(struct server *s)
{
    CHECK_OBJ(s, SERVER_MAGIC);
    const unsigned before = atomic_fetch_add_explicit(&s->pins, 1, memory_order_relaxed);
    ASSERT(before > 0);
    return s;
}

void server_rises(struct server *s, int64_t risen_ns)
{
    atomic_store_explicit(&s->risen_ns, risen_ns, memory_order_relaxed);
}

void server_turns(struct server *s)
{
    s->since_wall_ns = clock_wall_ns();
}

struct outlier_seen server_seen(const struct server *s)
{
    struct outlier_seen seen = {
        .in_a_row = atomic_load_explicit(&s->errors_in_a_row, memory_order_relaxed)};
    for (uint32_t i = 0; i < s->n_workers; i++)
        outlier_sum(&seen, &s->worker[i]->counts);
    return seen;
}

void server_unpin(struct server *s)
{
    if (!s)
        return;
    CHECK_OBJ(s, SERVER_MAGIC);
    /* Release what we did to it; acquire what the others did, before it goes. */
    const unsigned before = atomic_fetch_sub_explicit(&s->pins, 1, memory_order_acq_rel);
    ASSERT(before > 0);
    if (before > 1)
        return;
    for (uint32_t i = 0; i < s->n_workers; i++) {
        ASSERT(list_empty(&s->worker[i]->idle));
        tls_session_free(s->worker[i]->session);
        free(s->worker[i]);
    }
    free(s->worker);
    cluster_unpin(s->cluster);
    free(s->cluster_name);
    free(s->name);
    s->magic = 0;
    free(s);
}

bool server_enter(struct server *s)
{
    const uint32_t most = atomic_load_explicit(&s->max_connections, memory_order_relaxed);
    if (most == 0) {
        atomic_fetch_add_explicit(&s->in_flight, 1, memory_order_relaxed);
        return true;
    }
    int64_t n = atomic_load_explicit(&s->in_flight, memory_order_relaxed);
    while (n < most)
        if (atomic_compare_exchange_weak_explicit(&s->in_flight, &n, n + 1, memory_order_relaxed,
                                                  memory_order_relaxed))
            return true;
    return false;
}

void server_leave(struct server *s)
{
    atomic_fetch_sub_explicit(&s->in_flight, 1, memory_order_seq_cst);
    if (s->cluster && queue_is_used(&s->cluster->queue))
        queue_next(&s->cluster->queue);
}

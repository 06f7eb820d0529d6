#include "runtime/upstream/link.h"

#include <errno.h>

#include "runtime/metrics/metrics.h"
#include "runtime/net/dial.h"

static void ready(void *of, unsigned what)
{
    struct link *l = of;
    CHECK_OBJ(l, LINK_MAGIC);
    if (l->exchange)
        l->owner->ready(l, what);
    else
        link_close(l); /* idle: the server closed it, or said something nobody asked for */
}

static void late(struct deadline *d)
{
    struct link *l = CONTAINER_OF(d, struct link, deadline);
    CHECK_OBJ(l, LINK_MAGIC);
    if (l->exchange)
        l->owner->late(l);
    else
        link_close(l);
}

static void leave_pool(struct link *l)
{
    struct server_worker *pool = l->server->worker[l->owner->worker];
    const uint32_t n_idle = atomic_load_explicit(&pool->n_idle, memory_order_relaxed);
    ASSERT(n_idle > 0);
    list_remove(&l->idle);
    atomic_store_explicit(&pool->n_idle, n_idle - 1, memory_order_relaxed);
    METRIC_ADD(l->owner->metrics->server_idle, -1);
}

struct link *link_take(const struct link_owner *o, struct server *s, void *exchange)
{
    ASSERT(exchange != NULL);

    struct server_worker *pool = s->worker[o->worker];
    if (list_empty(&pool->idle))
        return NULL;
    struct link *l = CONTAINER_OF(pool->idle.next, struct link, idle);
    CHECK_OBJ(l, LINK_MAGIC);
    leave_pool(l);
    deadline_clear(&l->deadline);
    l->exchange = exchange;
    METRIC_ADD(o->metrics->server_reused, 1);
    return l;
}

int link_dial(const struct link_owner *o, struct server *s, void *exchange, struct link **out)
{
    ASSERT(exchange != NULL);

    METRIC_ADD(o->metrics->server_connects, 1);
    struct link *l = pool_take(o->links);
    if (!l)
        return -ENOBUFS;
    const int fd = dial_begin(&s->addr);
    if (fd < 0) {
        pool_give(o->links, l);
        return fd;
    }
    *l = (struct link){.magic = LINK_MAGIC,
                       .deadline = {.call = late},
                       .owner = o,
                       .server = s,
                       .exchange = exchange};
    list_init(&l->idle);
    conn_open(&l->conn, &transport_plain, o->loop, fd, ready, l);
    *out = l;
    return 0;
}

void link_give(struct link *l, int64_t idle_ns, int64_t now_ns)
{
    CHECK_OBJ(l, LINK_MAGIC);
    ASSERT(buffer_len(&l->in) == 0);

    struct server_worker *pool = l->server->worker[l->owner->worker];
    const uint32_t n_idle = atomic_load_explicit(&pool->n_idle, memory_order_relaxed);
    if (n_idle >= LINKS_IDLE_MAX) {
        link_close(l);
        return;
    }
    l->exchange = NULL;
    l->exchanges++;
    buffer_give(&l->in, l->owner->buffers);
    watch_want(&l->conn.watch, WATCH_READ);
    deadline_set(l->owner->deadlines, &l->deadline, idle_ns, now_ns);
    list_add_first(&pool->idle, &l->idle);
    atomic_store_explicit(&pool->n_idle, n_idle + 1, memory_order_relaxed);
    METRIC_ADD(l->owner->metrics->server_idle, 1);
}

void link_close(struct link *l)
{
    if (!l)
        return;
    CHECK_OBJ(l, LINK_MAGIC);
    if (!l->exchange)
        leave_pool(l);
    deadline_clear(&l->deadline);
    conn_close(&l->conn);
    buffer_give(&l->in, l->owner->buffers);
    l->magic = 0;
    pool_give(l->owner->links, l);
}

void link_close_idle(const struct link_owner *o, struct server *s)
{
    struct list *idle = &s->worker[o->worker]->idle;
    while (!list_empty(idle))
        link_close(CONTAINER_OF(idle->next, struct link, idle));
}

#include "runtime/upstream/link.h"

#include <errno.h>
#include <unistd.h>

#include "runtime/metrics/metrics.h"
#include "runtime/mux/stream.h"
#include "runtime/net/dial.h"
#include "runtime/tls/transport.h"
#include "runtime/upstream/h2_link.h"

static void ready(void *of, unsigned what)
{
    struct link *l = of;
    CHECK_OBJ(l, LINK_MAGIC);
    if (l->exchange) {
        l->owner->ready(l, what);
        return;
    }
    /* Idle: the server closed it, or said something nobody asked for; unless it was TLS's own. */
    char byte;
    if (conn_read(&l->conn, &byte, 1) != -EAGAIN)
        link_close(l);
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

/* Plain loads and stores: the worker is the only one that writes. */
static uint32_t idle_count(const struct server_worker *pool)
{
    return atomic_load_explicit(&pool->n_idle, memory_order_relaxed);
}

static void set_idle_count(struct server_worker *pool, uint32_t n)
{
    atomic_store_explicit(&pool->n_idle, n, memory_order_relaxed);
}

static void leave_keeper(struct link *l)
{
    *l->kept = NULL;
    l->kept = NULL;
    server_unpin(l->server);
}

static void leave_pool(struct link *l)
{
    if (l->kept) {
        leave_keeper(l);
        return;
    }
    struct server_worker *pool = l->server->worker[l->owner->worker];
    ASSERT(idle_count(pool) > 0);
    list_remove(&l->idle);
    set_idle_count(pool, idle_count(pool) - 1);
    METRIC_ADD(l->owner->metrics->server_idle, -1);
}

static struct link *find(struct server_worker *pool, const struct link_way *way)
{
    LIST_EACH (l, &pool->idle, struct link, idle) {
        CHECK_OBJ(l, LINK_MAGIC);
        if (!tls_is_by(&l->conn, way->client))
            link_close(l);
        else if (tls_is_for(&l->conn, way->name))
            return l;
    }
    return NULL;
}

struct link *link_take(const struct link_owner *o, struct server *s, const struct link_way *way,
                       void *exchange)
{
    ASSERT(exchange != NULL);

    struct link *l = find(s->worker[o->worker], way);
    if (!l)
        return NULL;
    leave_pool(l);
    deadline_clear(&l->deadline);
    l->exchange = exchange;
    METRIC_ADD(o->metrics->server_reused, 1);
    return l;
}

static bool open_conn(struct link *l, const struct link_way *way, int fd)
{
    const struct link_owner *o = l->owner;
    if (way->client)
        return tls_connect(&l->conn, o->wire, way->client, way->name,
                           &l->server->worker[o->worker]->session, o->loop, fd, ready, l);
    conn_open(&l->conn, &transport_plain, o->loop, fd, ready, l);
    return true;
}

static void init(struct link *l, const struct link_owner *o, struct server *s, void *exchange)
{
    ASSERT(exchange != NULL);
    *l = (struct link){.magic = LINK_MAGIC,
                       .deadline = {.call = late},
                       .owner = o,
                       .server = s,
                       .exchange = exchange};
    list_init(&l->idle);
}

struct link *link_of_stream(const struct link_owner *o, struct server *s, void *exchange,
                            struct stream *st)
{
    struct link *l = pool_take(o->links);
    if (!l)
        return NULL;
    init(l, o, s, exchange);
    stream_attach(st, &l->conn, ready, l);
    return l;
}

bool link_refused(const struct link *l)
{
    return conn_is_stream(&l->conn) && stream_code(&l->conn) == H2_REFUSED_STREAM;
}

int link_dial(const struct link_owner *o, struct server *s, const struct link_way *way,
              void *exchange, struct link **out)
{
    METRIC_ADD(o->metrics->server_connects, 1);
    struct link *l = pool_take(o->links);
    if (!l)
        return -ENOBUFS;
    const int fd = dial_begin(&s->addr);
    if (fd < 0) {
        pool_give(o->links, l);
        return fd;
    }
    init(l, o, s, exchange);
    if (!open_conn(l, way, fd)) {
        close(fd);
        pool_give(o->links, l);
        return -EINVAL;
    }
    METRIC_ADD(o->metrics->server_connections, 1);
    *out = l;
    return 0;
}

int link_reach(struct link *l)
{
    if (!l->connected) {
        if (!l->writable)
            return -EAGAIN;
        const int rc = conn_is_stream(&l->conn) ? stream_reach(&l->conn) : dial_result(l->conn.fd);
        if (rc != 0)
            return rc;
        l->connected = true;
    }
    return 0;
}

const char *link_why(const struct link *l)
{
    return conn_is_stream(&l->conn) ? stream_why(&l->conn) : tls_why(&l->conn);
}

static void rest(struct link *l, int64_t idle_ns, int64_t now_ns)
{
    l->exchange = NULL;
    l->exchanges++;
    buffer_give(&l->in, l->owner->buffers);
    conn_want(&l->conn, WATCH_READ);
    deadline_set(l->owner->deadlines, &l->deadline, idle_ns, now_ns);
}

void link_keep(struct link *l, struct link **slot, int64_t idle_ns, int64_t now_ns)
{
    CHECK_OBJ(l, LINK_MAGIC);
    ASSERT(buffer_len(&l->in) == 0);

    link_close(*slot);
    rest(l, idle_ns, now_ns);
    server_pin(l->server);
    l->kept = slot;
    *slot = l;
}

struct link *link_kept(struct link **slot, const struct server *s, const struct link_way *way,
                       uint8_t proxied, void *exchange)
{
    struct link *l = *slot;
    if (!l)
        return NULL;
    CHECK_OBJ(l, LINK_MAGIC);
    if (l->server != s || l->proxied != proxied || !tls_is_by(&l->conn, way->client) ||
        !tls_is_for(&l->conn, way->name)) {
        link_close(l);
        return NULL;
    }
    leave_keeper(l);
    deadline_clear(&l->deadline);
    l->exchange = exchange;
    METRIC_ADD(l->owner->metrics->server_reused, 1);
    return l;
}

void link_give(struct link *l, int64_t idle_ns, int64_t now_ns)
{
    CHECK_OBJ(l, LINK_MAGIC);
    ASSERT(buffer_len(&l->in) == 0 && !l->proxied);

    struct server_worker *pool = l->server->worker[l->owner->worker];
    if (idle_count(pool) >= LINKS_IDLE_MAX) {
        link_close(l);
        return;
    }
    rest(l, idle_ns, now_ns);
    list_add_first(&pool->idle, &l->idle);
    set_idle_count(pool, idle_count(pool) + 1);
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
    METRIC_ADD(l->owner->metrics->server_connections, conn_is_stream(&l->conn) ? 0 : -1);
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
    h2_link_close_idle(o, s);
}

#include "runtime/upstream/h2_link.h"

#include <errno.h>
#include <unistd.h>

#include "runtime/base/clock.h"
#include "runtime/http/message.h"
#include "runtime/mux/stream.h"
#include "runtime/net/dial.h"
#include "runtime/tls/transport.h"

/* Streams at a time, where the server allows more; and bytes that may wait to be taken. */
#define STREAMS_MAX       100u
#define STREAM_WINDOW     65535u
#define CONNECTION_WINDOW (1u << 20)

/* A server is trusted more than a client, but not with everything (h2_session.h). */
#define GLITCHES_BURST 10000u
#define GLITCHES_PER_S 1000u

/* A connection to a server. */
struct line {
    uint32_t magic;
#define LINE_MAGIC 0x11e57a02u
    const struct link_owner *owner;
    struct server *server; /* pinned */
    struct conn conn;
    struct mux mux;
    struct deadline deadline;
    struct list link; /* in server_worker.h2 while new requests may use it */
    struct list all;  /* in link_owner.lines */
    int64_t idle_ns;
    bool dialled, connected, closing; /* connected: through with its handshake, too */
};

static void line_free(struct line *l)
{
    list_remove(&l->link);
    list_remove(&l->all);
    deadline_clear(&l->deadline);
    mux_done(&l->mux);
    METRIC_ADD(l->owner->metrics->server_connections, -1);
    conn_close(&l->conn);
    server_unpin(l->server);
    l->magic = 0;
    free(l);
}

static struct line *line_of(struct mux *m)
{
    struct line *l = CONTAINER_OF(m, struct line, mux);
    CHECK_OBJ(l, LINE_MAGIC);
    return l;
}

/* Those who used it hear of it, and may well try another connection. */
static void fail(struct line *l, int error, const char *why)
{
    list_remove(&l->link);
    mux_abandon(&l->mux, error, why);
    line_free(l);
}

static void over(struct mux *m)
{
    fail(line_of(m), 0, NULL);
}

/* No new request gets it; it ends with the last it has. */
static void retire(struct line *l)
{
    list_remove(&l->link);
    l->closing = true;
    mux_touch(&l->mux);
}

/* Plain loads mostly: a server rarely changes its mind. */
static void note_offer(const struct line *l)
{
    const bool connects = h2_session_connects(l->mux.h2);
    if (connects != atomic_load_explicit(&l->server->connects, memory_order_relaxed))
        atomic_store_explicit(&l->server->connects, connects, memory_order_relaxed);
}

static void settled(struct mux *m)
{
    struct line *l = line_of(m);
    if (m->settled)
        note_offer(l);
    if (m->n_streams > 0) {
        if (l->connected)
            deadline_clear(&l->deadline);
        return;
    }
    if (l->closing) {
        h2_session_end(m->h2);
        m->ending = true;
        mux_touch(m);
    } else if (l->connected && l->deadline.at_ns == 0) {
        deadline_set(l->owner->deadlines, &l->deadline, l->idle_ns, clock_now_ns());
    }
}

static void late(struct deadline *d)
{
    struct line *l = CONTAINER_OF(d, struct line, deadline);
    CHECK_OBJ(l, LINE_MAGIC);
    if (l->connected)
        retire(l);
    else
        fail(l, -ETIMEDOUT, NULL);
}

/* 0 when the connection is made, the handshake of TLS among it; -EAGAIN while it is under way. */
static int make(struct line *l, const char **why)
{
    if (!l->dialled) {
        const int rc = dial_result(l->conn.fd);
        if (rc != 0)
            return rc;
        l->dialled = true;
    }
    const int rc = conn_handshake(&l->conn);
    if (rc != 0) {
        *why = tls_why(&l->conn);
        return rc;
    }
    const struct tls_peer *peer = tls_peer(&l->conn);
    if (!peer || slice_eq(peer->protocol, SLICE("h2")))
        return 0;
    *why = "the server did not agree to speak HTTP/2 (ALPN h2)";
    return -EPROTO;
}

static void ready(void *of, unsigned what)
{
    struct line *l = of;
    CHECK_OBJ(l, LINE_MAGIC);
    if (l->connected) {
        mux_ready(&l->mux, what, clock_now_ns());
        return;
    }
    const char *why = NULL;
    const int rc = make(l, &why);
    if (rc == -EAGAIN) {
        conn_want(&l->conn, WATCH_READ);
        return;
    }
    if (rc != 0) {
        fail(l, rc, why);
        return;
    }
    l->connected = true;
    deadline_clear(&l->deadline);
    mux_start(&l->mux);
}

static bool has_room(const struct line *l)
{
    return !l->closing && !l->mux.dead && !l->mux.ending && h2_session_may_open(l->mux.h2) &&
           l->mux.n_streams < h2_session_streams_max(l->mux.h2);
}

/* What there is to a server. */
struct found {
    struct line
        *line; /* to be used: made this way, with room; NULL: none, or a fresh one is wished */
    struct line *idle; /* the oldest that nobody uses */
    uint32_t n;        /* all of them, where `line` is NULL */
};

/* Those of other rules, before a hot swap, are left to end. */
static struct found find(const struct link_owner *o, struct server *s, const struct h2_link_wish *w)
{
    struct found f = {0};
    LIST_EACH (l, &s->worker[o->worker]->h2, struct line, link) {
        if (!tls_is_by(&l->conn, w->way.client)) {
            retire(l);
            continue;
        }
        f.n++;
        if (l->connected && l->mux.n_streams == 0)
            f.idle = l;
        if (!w->fresh && has_room(l) && tls_is_for(&l->conn, w->way.name)) {
            f.line = l;
            break;
        }
    }
    return f;
}

static bool open_conn(struct line *l, const struct link_way *way, int fd)
{
    const struct link_owner *o = l->owner;
    if (way->client)
        return tls_connect(&l->conn, o->wire, way->client, way->name,
                           &l->server->worker[o->worker]->session, o->loop, fd, ready, l);
    conn_open(&l->conn, &transport_plain, o->loop, fd, ready, l);
    return true;
}

static int line_new(const struct link_owner *o, struct server *s, const struct h2_link_wish *wish,
                    struct line **out)
{
    static const struct mux_calls calls = {.settled = settled, .over = over};
    const struct h2_limits limits = {.secure = wish->way.client != NULL,
                                     .streams_max = STREAMS_MAX,
                                     .stream_window = STREAM_WINDOW,
                                     .connection_window = CONNECTION_WINDOW,
                                     .head_bytes_max = HTTP_HEAD_BYTES_MAX,
                                     .glitches_burst = GLITCHES_BURST,
                                     .glitches_per_s = GLITCHES_PER_S};
    METRIC_ADD(o->metrics->server_connects, 1);
    struct line *l = calloc(1, sizeof(*l));
    if (!l)
        return -ENOMEM;
    const int fd = dial_begin(&s->addr);
    if (fd < 0) {
        free(l);
        return fd;
    }
    *l = (struct line){.magic = LINE_MAGIC,
                       .owner = o,
                       .server = server_pin(s),
                       .deadline = {.call = late},
                       .idle_ns = wish->idle_ns};
    list_init(&l->all);
    list_init(&l->link);
    if (!open_conn(l, &wish->way, fd)) {
        close(fd);
        server_unpin(s);
        free(l);
        return -EINVAL;
    }
    METRIC_ADD(o->metrics->server_connections, 1);
    if (!mux_init(&l->mux, o->mux_owner, &l->conn, true, &limits, &calls)) {
        line_free(l);
        return -ENOMEM;
    }
    list_add_last(o->lines, &l->all);
    list_add_first(&s->worker[o->worker]->h2, &l->link);
    conn_want(&l->conn, WATCH_WRITE);
    deadline_set(o->deadlines, &l->deadline, wish->connect_ns, clock_now_ns());
    *out = l;
    return 0;
}

int h2_link_open(const struct link_owner *o, struct server *s, void *exchange,
                 const struct h2_link_wish *wish, struct link **out, bool *connected)
{
    const struct found f = find(o, s, wish);
    struct line *l = f.line;
    if (l && l->connected)
        METRIC_ADD(o->metrics->server_reused, 1);
    if (!l) {
        if (f.n >= H2_LINES_MAX && f.idle)
            retire(f.idle); /* for another name, mostly */
        const int rc = f.n >= H2_LINES_MAX && !f.idle ? -ENOBUFS : line_new(o, s, wish, &l);
        if (rc != 0)
            return rc;
    }
    struct stream *st = mux_open(&l->mux);
    if (!st)
        return -ENOBUFS;
    struct link *link = link_of_stream(o, s, exchange, st);
    if (!link) {
        stream_refuse(st);
        return -ENOBUFS;
    }
    if (wish->connects)
        stream_await_settings(&link->conn);
    *connected = l->connected && (!wish->connects || l->mux.settled);
    *out = link;
    return 0;
}

void h2_link_close_idle(const struct link_owner *o, struct server *s)
{
    struct list *lines = &s->worker[o->worker]->h2;
    while (!list_empty(lines)) {
        struct line *l = CONTAINER_OF(lines->next, struct line, link);
        CHECK_OBJ(l, LINE_MAGIC);
        retire(l);
    }
}

void h2_link_close_all(const struct link_owner *o)
{
    while (!list_empty(o->lines))
        line_free(CONTAINER_OF(o->lines->next, struct line, all));
}

size_t h2_link_bytes(void)
{
    return sizeof(struct line) + WATCH_LIBRARY_BYTES;
}

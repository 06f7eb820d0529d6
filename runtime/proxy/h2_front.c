#include "runtime/proxy/h2_front.h"

#include "runtime/base/clock.h"
#include "runtime/mux/stream.h"
#include "runtime/proxy/exchange_priv.h"

/* Bytes of a request's body that may wait to be taken by its server, and of all of a connection's.
 */
#define STREAM_WINDOW     65535u
#define CONNECTION_WINDOW (1u << 20)

/* This part of what may lead nowhere (h2_session.h) comes back each second. */
#define GLITCHES_PART 10u

/* Requests that were on their way when the end was announced are still served. */
#define GRACE_NS NS_PER_S

#define WEBSOCKET_KEY_BYTES 24

/* What the connection's deadline is for. */
enum waits_for { NOTHING, SETTINGS, HEAD, IDLE, WRITE, GRACE };

struct h2_front {
    uint32_t magic;
#define H2_FRONT_MAGIC 0x2f407a11u
    struct session *session; /* the connection */
    struct mux mux;
    struct list stream; /* of struct session */
    enum waits_for waits_for;
    bool draining, announced;
};

/* --- the connection -------------------------------------------------------------------------- */

static void wait_for(struct h2_front *f, enum waits_for what, int64_t ns)
{
    struct worker *w = f->session->worker;
    if (f->waits_for == what)
        return; /* what is waited for already is not given more time */
    f->waits_for = what;
    if (what == NOTHING)
        deadline_clear(&f->session->deadline);
    else
        deadline_set(&w->deadlines, &f->session->deadline, ns, w->now_ns);
}

static void settled(struct mux *m)
{
    struct h2_front *f = CONTAINER_OF(m, struct h2_front, mux);
    const struct table_listener *l = session_listener(f->session);
    if (!l || f->session->worker->draining)
        h2_front_drain(f);
    if (f->draining || !l)
        wait_for(f, GRACE, GRACE_NS);
    else if (!h2_session_is_settled(m->h2))
        wait_for(f, SETTINGS, l->timeout_ns[TIMEOUT_LISTENER_HEADER]);
    else if (h2_session_is_in_head(m->h2))
        wait_for(f, HEAD, l->timeout_ns[TIMEOUT_LISTENER_HEADER]);
    else if (m->n_streams > 0)
        wait_for(f, NOTHING, 0); /* they have their own */
    else if (m->stalled)
        wait_for(f, WRITE, l->timeout_ns[TIMEOUT_LISTENER_WRITE]);
    else
        wait_for(f, IDLE, l->timeout_ns[TIMEOUT_LISTENER_IDLE]);
}

/* Whoever was too much hears no more; his requests that were under way are told of it in the log.
 */
static void note_flood(struct h2_front *f)
{
    struct session *s = f->session;
    const struct table_listener *l = session_listener(s);
    const char *why = h2_glitch_text(h2_session_calmed_by(f->mux.h2));
    LIST_EACH (stream, &f->stream, struct session, link)
        if (stream->exchange)
            stream->exchange->reason = why;
    notice(&s->worker->notices, s->worker->control, NOTICE_H2_FLOOD, l ? l->name : SLICE_NONE,
           &s->client.address, why, s->worker->now_ns);
}

/* Closing over what the client is still sending would take from it what we said last. */
static void over(struct mux *m)
{
    struct h2_front *f = CONTAINER_OF(m, struct h2_front, mux);
    struct session *s = f->session;
    const bool flood = h2_session_is_calmed(m->h2);
    if (flood)
        note_flood(f);
    h2_front_close_streams(f, flood ? ACCESS_FLOOD : ACCESS_CLIENT_ABORT);
    if (m->ending) {
        s->front = NULL;
        h2_front_free(f);
        session_linger(s);
    } else {
        session_close(s, ACCESS_CLIENT_ABORT);
    }
}

void h2_front_ready(struct h2_front *f, unsigned what)
{
    CHECK_OBJ(f, H2_FRONT_MAGIC);
    mux_ready(&f->mux, what, f->session->worker->now_ns);
}

void h2_front_late(struct h2_front *f)
{
    CHECK_OBJ(f, H2_FRONT_MAGIC);
    const enum waits_for what = f->waits_for;
    f->waits_for = NOTHING;
    switch (what) {
    case IDLE:
    case GRACE:
        h2_session_end(f->mux.h2);
        f->mux.ending = f->mux.n_streams == 0;
        break;
    case SETTINGS:
    case HEAD:
        h2_session_end(f->mux.h2);
        f->mux.ending = true;
        break;
    case WRITE: f->mux.dead = true; break;
    case NOTHING: break;
    }
    mux_touch(&f->mux);
}

bool h2_front_is_idle(const struct h2_front *f)
{
    return f->mux.n_streams == 0;
}

void h2_front_drain(struct h2_front *f)
{
    CHECK_OBJ(f, H2_FRONT_MAGIC);
    f->draining = true;
    if (f->announced)
        return;
    f->announced = true;
    h2_session_announce_end(f->mux.h2);
    mux_touch(&f->mux);
}

/* --- streams --------------------------------------------------------------------------------- */

static void opened(struct mux *m, struct stream *st)
{
    struct h2_front *f = CONTAINER_OF(m, struct h2_front, mux);
    CHECK_OBJ(f, H2_FRONT_MAGIC);
    const struct table_listener *l = session_listener(f->session);
    if (!l) {
        stream_refuse(st);
        return;
    }
    if (++f->session->requests >= l->max_requests)
        h2_front_drain(f);
    session_open_stream(f->session, st);
}

void h2_front_add(struct h2_front *f, struct session *stream)
{
    list_add_last(&f->stream, &stream->link);
}

void h2_front_close_streams(struct h2_front *f, enum access_end end)
{
    while (!list_empty(&f->stream))
        session_close(CONTAINER_OF(f->stream.next, struct session, link), end);
}

/* --- its life -------------------------------------------------------------------------------- */

/* The key of a WebSocket handshake (RFC 6455 4.1), which HTTP/2 does without. */
static struct slice websocket_key(struct worker *w, char out[WEBSOCKET_KEY_BYTES])
{
    static const char digit[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (int i = 0; i < WEBSOCKET_KEY_BYTES - 3; i++)
        out[i] = digit[rng_next(&w->rng) >> 58];
    memcpy(out + WEBSOCKET_KEY_BYTES - 3, "A==", 3);
    return (struct slice){out, WEBSOCKET_KEY_BYTES};
}

static bool any_connects(const struct generation *g, uint32_t cluster)
{
    const struct generation_part part = g->part[cluster];
    for (uint32_t i = part.first; i < part.first + part.n; i++)
        if (atomic_load_explicit(&g->server[i]->connects, memory_order_relaxed))
            return true;
    return false;
}

/* May a WebSocket find a server? Those of HTTP/1 are sent an Upgrade; those of HTTP/2 have said
 * whether they take it, once anybody has asked them anything. */
static bool offers_websockets(const struct generation *g, const struct table_listener *l)
{
    for (uint32_t i = 0; i < l->n_reach; i++) {
        if (!g->table->cluster[l->reach[i]].h2 || any_connects(g, l->reach[i]))
            return true;
    }
    return false;
}

bool h2_front_begin(struct session *s, struct slice got)
{
    static const struct mux_calls calls = {.opened = opened, .settled = settled, .over = over};
    struct worker *w = s->worker;
    char key[WEBSOCKET_KEY_BYTES];
    struct generation *g;
    const struct table_listener *l = session_listener_in(s, &g);
    struct h2_front *f = l ? calloc(1, sizeof(*f)) : NULL;
    if (!f)
        return false;
    f->magic = H2_FRONT_MAGIC;
    f->session = s;
    list_init(&f->stream);
    const struct h2_limits limits = {.streams_max = l->max_streams,
                                     .stream_window = STREAM_WINDOW,
                                     .connection_window = CONNECTION_WINDOW,
                                     .head_bytes_max = l->max_head_bytes,
                                     .glitches_burst = l->max_glitches,
                                     .glitches_per_s = l->max_glitches / GLITCHES_PART,
                                     .extended_connect = offers_websockets(g, l),
                                     .websocket_key = websocket_key(w, key)};
    if (!mux_init(&f->mux, &w->mux_owner, &s->conn, false, &limits, &calls)) {
        mux_done(&f->mux);
        free(f);
        return false;
    }
    METRIC_ADD(w->metrics->h2_connections, 1);
    s->front = f;
    mux_receive(&f->mux, got.at, got.len, w->now_ns);
    buffer_give(&s->in, &w->buffers);
    if (s->readable)
        mux_ready(&f->mux, WATCH_READ, w->now_ns);
    return true;
}

void h2_front_free(struct h2_front *f)
{
    if (!f)
        return;
    CHECK_OBJ(f, H2_FRONT_MAGIC);
    ASSERT(list_empty(&f->stream));
    mux_done(&f->mux);
    f->magic = 0;
    free(f);
}

uint32_t h2_front_streams(const struct h2_front *f)
{
    return f->mux.n_streams;
}

const struct session *h2_front_first(const struct h2_front *f)
{
    return list_empty(&f->stream) ? NULL : CONTAINER_OF(f->stream.next, struct session, link);
}

size_t h2_front_bytes(void)
{
    return sizeof(struct h2_front);
}

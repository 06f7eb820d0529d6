#include "runtime/proxy/session.h"

#include <errno.h>
#include <unistd.h>

#include "compiler/table/eval.h"
#include "runtime/base/clock.h"
#include "runtime/http/h1_write.h"
#include "runtime/mux/stream.h"
#include "runtime/proxy/exchange_priv.h"
#include "runtime/proxy/h2_front.h"
#include "runtime/proxy/preface.h"
#include "runtime/proxy/roster.h"
#include "runtime/proxy/worker.h"
#include "runtime/tls/transport.h"

/* How long a client may go on sending after our last word. */
#define LINGER_NS (2 * NS_PER_S)

/* A client that has connected has so long to say something while there is little room. */
#define SILENCE_NS NS_PER_S

static void session_free(struct session *s, bool reset)
{
    struct worker *w = s->worker;
    h2_front_free(s->front);
    deadline_clear(&s->deadline);
    if (reset)
        conn_reset(&s->conn);
    else
        conn_close(&s->conn);
    link_close(s->kept);
    buffer_give(&s->in, &w->buffers);
    if (!list_empty(&w->rosters))
        roster_leaves(w, s);
    list_remove(&s->link);
    s->magic = 0;
    if (s->parent) {
        pool_give(&w->sessions, s);
        return;
    }
    if (s->source)
        callers_give(s->source);
    limits_end_holds(w, &s->holds);
    atomic_fetch_sub_explicit(&s->gate->open, 1, memory_order_relaxed);
    gate_unpin(s->gate);
    METRIC_ADD(w->metrics->connections_open, -1);
    pool_give(&w->sessions, s);
}

const struct table_listener *session_listener_in(const struct session *s, struct generation **g)
{
    const struct worker *w = s->worker;
    const struct table_listener *l = generation_listener(w->current, s->gate);
    *g = w->current;
    if (l || !w->canary)
        return l;
    l = generation_listener(w->canary, s->gate);
    if (l)
        *g = w->canary;
    return l;
}

/* Nothing is under way: no buffer, and a deadline for the next request. */
static void become_idle(struct session *s)
{
    struct worker *w = s->worker;
    const struct table_listener *l = session_listener(s);
    if ((w->draining && !w->succeeded) || !l) {
        session_free(s, false);
        return;
    }
    if (overload_stage(&w->overload, l) != OVERLOAD_NONE) {
        METRIC_ADD(w->metrics->overload_closed, 1);
        session_free(s, false);
        return;
    }
    buffer_give(&s->in, &w->buffers);
    conn_want(&s->conn, WATCH_READ);
    deadline_set(&w->deadlines, &s->deadline, l->timeout_ns[TIMEOUT_LISTENER_IDLE], w->now_ns);
    if (w->draining)
        session_await_last(s);
}

void session_linger(struct session *s)
{
    conn_shut(&s->conn);
    s->lingering = true;
    buffer_give(&s->in, &s->worker->buffers);
    conn_want(&s->conn, WATCH_READ);
    deadline_set(&s->worker->deadlines, &s->deadline, LINGER_NS, s->worker->now_ns);
}

/* One read each time it is ready, so that a flood does not keep the worker; the deadline ends it.
 */
static void linger(struct session *s)
{
    const ssize_t n = conn_read(&s->conn, s->worker->scratch, WORKER_SCRATCH_BYTES);
    if (n <= 0 && n != -EAGAIN)
        session_free(s, false);
}

/* Bytes of the next request that came with the last one move to the front. A stream ends with its
 * exchange, and knows by itself whether all was said. */
static void finish_exchange(struct session *s)
{
    struct exchange *x = s->exchange;
    const enum fate fate = x->fate;
    s->exchange = NULL;
    exchange_free(x);
    if (s->parent) {
        session_free(s, fate == FATE_RESET);
        return;
    }
    s->in.floor = 0;
    buffer_compact(&s->in);

    switch (fate) {
    case FATE_KEEP: return;
    case FATE_CLOSE: session_free(s, false); return;
    case FATE_RESET: session_free(s, true); return;
    case FATE_LINGER: session_linger(s); return;
    }
}

/* Begins the next exchange if there is anything to begin it with. */
static bool begin_exchange(struct session *s)
{
    if (buffer_len(&s->in) == 0)
        return false;
    s->served = true;
    s->requests++;
    s->exchange = exchange_new(s);
    if (s->exchange)
        return true;
    session_free(s, false);
    return false;
}

/* One exchange after the other, as far as what has been read goes. */
void session_drive(struct session *s)
{
    for (;;) {
        CHECK_OBJ(s, SESSION_MAGIC);
        if (exchange_run(s->exchange) == WAIT) {
            exchange_settle(s->exchange);
            return;
        }
        const bool goes_on = s->exchange->fate == FATE_KEEP && !s->parent;
        finish_exchange(s);
        if (!goes_on)
            return;
        if (buffer_len(&s->in) == 0) {
            become_idle(s);
            return;
        }
        if (!begin_exchange(s))
            return;
    }
}

/* A client that speaks no TLS where it should gets an answer that it can read. A new socket takes
 * it whole. */
static void refuse_plain(struct session *s)
{
    struct worker *w = s->worker;
    const struct h1_answer a = {
        .status = 400,
        .type = SLICE("text/plain; charset=utf-8"),
        .body = SLICE("400 Bad Request\nThis port speaks TLS: ask for https://, not http://.\n"),
        .body_sent = true,
        .close = true};
    const size_t len = h1_write_answer(w->scratch, WORKER_SCRATCH_BYTES, &a);
    const struct iovec part = {w->scratch, len};
    METRIC_ADD(w->metrics->responses_4xx, 1);
    if (conn_write(&s->conn, &part, 1) < 0)
        session_free(s, false);
    else
        session_linger(s);
}

/* Over TLS it is what both have agreed on (RFC 9113 3.2), so that `alpn http/1.1` means it. */
static bool may_be_h2(const struct session *s)
{
    const struct tls_peer *p = tls_peer(&s->conn);
    return !s->served && !s->parent && (!p || slice_eq(p->protocol, SLICE("h2")));
}

/* Is it HTTP/2, by what it began with (RFC 9113 3.3)? Then it is taken care of; or may it still
 * become that? */
static bool is_h2(struct session *s)
{
    const struct slice got = buffer_slice(&s->in);
    const size_t len = got.len < H2_PREFACE.len ? got.len : H2_PREFACE.len;
    if (!may_be_h2(s) || memcmp(got.at, H2_PREFACE.at, len) != 0)
        return false;
    if (len < H2_PREFACE.len)
        return true;
    deadline_clear(&s->deadline);
    s->served = true;
    if (!h2_front_begin(s, got))
        session_free(s, false);
    return true;
}

/* The first bytes of a request, or the end. */
static void read_first(struct session *s)
{
    struct worker *w = s->worker;
    if (!buffer_take(&s->in, &w->buffers)) {
        METRIC_ADD(w->metrics->buffers_refused, 1);
        session_free(s, false);
        return;
    }
    const size_t room = HTTP_HEAD_BYTES_MAX - s->in.end;
    const ssize_t n = conn_read(&s->conn, s->in.at + s->in.end, room);
    if (w->n_traces > 0 && s->secured_ns == 0 && tls_peer(&s->conn))
        s->secured_ns = clock_now_ns();
    if (n == -EAGAIN && s->in.end > 0)
        return; /* a part of a preface */
    if (n == -EAGAIN) {
        buffer_give(&s->in, &w->buffers);
        return;
    }
    if (n == -EPROTONOSUPPORT) {
        refuse_plain(s);
        return;
    }
    if (n <= 0) {
        session_free(s, false);
        return;
    }
    s->in.end += (uint32_t)n;
    s->in.at[s->in.end] = '\0';
    s->readable = (size_t)n == room;
    METRIC_ADD(w->metrics->client_received_bytes, n);
    if (is_h2(s))
        return;
    deadline_clear(&s->deadline);
    if (begin_exchange(s))
        session_drive(s);
}

static void ready(void *of, unsigned what)
{
    struct session *s = of;
    CHECK_OBJ(s, SESSION_MAGIC);
    worker_now(s->worker);
    if (s->header_due) {
        preface_read(s);
        return;
    }
    if (s->lingering) {
        linger(s);
        return;
    }
    if (s->front) {
        h2_front_ready(s->front, what);
        return;
    }
    s->readable |= (what & WATCH_READ) != 0;
    s->writable |= (what & WATCH_WRITE) != 0;
    /* A client that says something early may have been cut off; one that only has no more to say (a
     * half close) still gets its answer. */
    if (s->exchange && !exchange_reads_client(s->exchange) && conn_is_broken(&s->conn))
        session_close(s, ACCESS_CLIENT_ABORT);
    else if (s->exchange)
        session_drive(s);
    else
        read_first(s);
}

static void late(struct deadline *d)
{
    struct session *s = CONTAINER_OF(d, struct session, deadline);
    CHECK_OBJ(s, SESSION_MAGIC);
    if (s->front && !s->lingering) {
        h2_front_late(s->front);
        return;
    }
    if (!s->exchange) {
        METRIC_ADD(s->worker->metrics->proxy_headers_bad, s->header_due);
        session_free(s, s->header_due);
        return;
    }
    exchange_session_late(s->exchange);
    session_drive(s);
}

/* Those that are left are for the servers of requests that are under way. */
static bool has_no_descriptor_left(struct worker *w, const struct table_listener *l)
{
    const bool none = w->overload.cause == OVERLOAD_DESCRIPTORS &&
                      overload_stage(&w->overload, l) == OVERLOAD_REFUSES;
    METRIC_ADD(w->metrics->overload_reset, none);
    return none;
}

/* Has this client as many connections as one may have? */
static bool is_one_too_many(struct session *s, const struct table_listener *l)
{
    struct worker *w = s->worker;
    struct callers *all = atomic_load_explicit(&s->gate->callers, memory_order_acquire);
    if (l->max_per_source == TABLE_NO_MAX || !all || s->client.port == 0)
        return false;
    _Atomic uint64_t *place;
    switch (callers_take(all, &s->client.address, l->max_per_source, &place)) {
    case CALLER_COUNTED: s->source = place; return false;
    case CALLER_NO_PLACE: METRIC_ADD(w->metrics->connections_uncounted, 1); return false;
    case CALLER_REFUSED: break;
    }
    METRIC_ADD(w->metrics->connections_over_source, 1);
    notice(&w->notices, w->control, NOTICE_SOURCE, l->name, &s->client.address, NULL, w->now_ns);
    return true;
}

/* What the limits of these clauses say of one more connection of this client. */
static bool is_limited(struct session *s, const struct generation *g, const struct facts *f)
{
    struct worker *w = s->worker;
    const struct table *t = g->table;
    for (uint32_t i = 0; i < w->verdict->n_effects; i++) {
        const struct table_effect *e = &t->effect[w->verdict->effect[i]];
        if (e->kind != EFFECT_LIMIT || limits_count_before(t, w->verdict, i, (uint32_t)e->number) ||
            limits_admit(w, g, (uint32_t)e->number, f, &s->holds))
            continue;
        METRIC_ADD(w->metrics->connections_limited, 1);
        notice(&w->notices, w->control, NOTICE_LIMIT, f->listener, &s->client.address, NULL,
               w->now_ns);
        return true;
    }
    return false;
}

/* Does the listener's `on connect` want nothing of this client? */
static bool is_dropped(struct session *s, const struct generation *g,
                       const struct table_listener *l)
{
    const struct table *t = g->table;
    if (l->on_connect == TABLE_NO_ROUTE)
        return false;
    struct facts f = {.listener = l->name};
    session_facts(s, t, &f);
    eval(t, l->on_connect, &f, s->worker->verdict, NULL);
    if (is_limited(s, g, &f))
        return true; /* which is the limit's to count */
    const bool drop = t->end[s->worker->verdict->end].kind == END_DROP;
    clauses_count(g, s->worker->verdict, drop, 0, s->worker->index);
    METRIC_ADD(s->worker->metrics->connections_dropped, drop);
    return drop;
}

static bool open_conn(struct session *s, int fd, struct tls_context *tls)
{
    struct worker *w = s->worker;
    if (tls)
        return tls_accept(&s->conn, &w->wire, tls, w->loop, fd, ready, s);
    conn_open(&s->conn, &transport_plain, w->loop, fd, ready, s);
    return true;
}

static void refuse_connection(struct worker *w, int fd, struct gate *gate)
{
    METRIC_ADD(w->metrics->connections_refused, 1);
    METRIC_ADD(w->metrics->connections_open, -1);
    atomic_fetch_sub_explicit(&gate->open, 1, memory_order_relaxed);
    close(fd);
}

static struct session *session_new(struct worker *w, const struct endpoint *peer, struct gate *gate)
{
    struct session *s = pool_take(&w->sessions);
    if (!s)
        return NULL;
    *s = (struct session){.magic = SESSION_MAGIC,
                          .worker = w,
                          .deadline = {.call = late},
                          .gate = gate,
                          .client = tcp_end_of(peer),
                          .peer = tcp_end_of(peer),
                          .opened_ns = w->now_ns,
                          .writable = true};
    return s;
}

void session_open(struct worker *w, int fd, const struct endpoint *peer, struct gate *gate,
                  struct tls_context *tls, bool proxied)
{
    METRIC_ADD(w->metrics->connections_accepted, 1);
    METRIC_ADD(gate->worker[w->index].accepted, 1);
    METRIC_ADD(w->metrics->connections_open, 1);
    worker_measure(w);
    struct session *s = session_new(w, peer, gate);
    if (!s) {
        refuse_connection(w, fd, gate);
        return;
    }
    if (!open_conn(s, fd, tls)) {
        pool_give(&w->sessions, s);
        refuse_connection(w, fd, gate);
        return;
    }
    gate_pin(gate);
    list_add_last(&w->session, &s->link);
    conn_want(&s->conn, WATCH_READ);
    const struct table_listener *l = session_listener(s);
    if (!l) {
        session_free(s, false);
        return;
    }
    /* The first request has the header timeout from the start: a client that connects, and then
     * says nothing, is not the same as one that has been served before. */
    deadline_set(&w->deadlines, &s->deadline, l->timeout_ns[TIMEOUT_LISTENER_HEADER], w->now_ns);
    if (proxied)
        preface_begin(s, l);
    else
        session_welcome(s);
}

/* A TCP connection is one exchange, and it begins at once: its server may be the first to speak. */
static void begin_relay(struct session *s)
{
    s->exchange = exchange_new(s);
    if (s->exchange)
        session_drive(s);
    else
        session_free(s, false);
}

void session_welcome(struct session *s)
{
    struct generation *g;
    const struct table_listener *l = session_listener_in(s, &g);
    if (!l) {
        session_free(s, false);
        return;
    }
    if (has_no_descriptor_left(s->worker, l) || is_one_too_many(s, l) || is_dropped(s, g, l)) {
        session_free(s, true);
        return;
    }
    if (l->tcp)
        begin_relay(s);
    else
        read_first(s);
}

void session_refuse(struct session *s)
{
    session_free(s, true);
}

void session_open_stream(struct session *parent, struct stream *st)
{
    struct worker *w = parent->worker;
    struct session *s = pool_take(&w->sessions);
    if (!s) {
        stream_refuse(st);
        return;
    }
    *s = (struct session){.magic = SESSION_MAGIC,
                          .worker = w,
                          .deadline = {.call = late},
                          .parent = parent,
                          .gate = parent->gate,
                          .client = parent->client,
                          .peer = parent->peer,
                          .local = parent->local,
                          .local_known = parent->local_known,
                          .opened_ns = w->now_ns,
                          .writable = true};
    h2_front_add(parent->front, s);
    stream_attach(st, &s->conn, ready, s);
    read_first(s);
}

void session_close(struct session *s, enum access_end end)
{
    if (s->front)
        h2_front_close_streams(s->front, end);
    bool reset = false;
    if (s->exchange) {
        exchange_abort(s->exchange, end);
        reset = s->exchange->fate == FATE_RESET;
        exchange_free(s->exchange);
        s->exchange = NULL;
    }
    session_free(s, reset);
}

void session_close_if_idle(struct session *s)
{
    if (s->front && !s->lingering)
        h2_front_drain(s->front);
    else if (!s->exchange && !s->lingering)
        session_free(s, false);
}

void session_await_last(struct session *s)
{
    struct worker *w = s->worker;
    if (s->front && !s->lingering)
        h2_front_drain(s->front);
    else if (!s->exchange && !s->lingering &&
             s->deadline.at_ns - w->now_ns > SESSION_LAST_REQUEST_NS)
        deadline_set(&w->deadlines, &s->deadline, SESSION_LAST_REQUEST_NS, w->now_ns);
}

void session_close_to_save(struct session *s)
{
    struct worker *w = s->worker;
    const struct table_listener *l = session_listener(s);
    if (!l || overload_stage(&w->overload, l) == OVERLOAD_NONE || s->exchange || s->lingering)
        return;
    if (s->front) {
        if (h2_front_is_idle(s->front))
            h2_front_drain(s->front);
        return;
    }
    const int64_t left_ns = s->deadline.at_ns - w->now_ns;
    if (!s->served && left_ns > l->timeout_ns[TIMEOUT_LISTENER_HEADER] - SILENCE_NS)
        return;
    METRIC_ADD(w->metrics->overload_closed, 1);
    session_free(s, false);
}

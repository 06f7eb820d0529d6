#include "runtime/proxy/session.h"

#include <errno.h>
#include <unistd.h>

#include "runtime/base/clock.h"
#include "runtime/proxy/exchange.h"
#include "runtime/proxy/worker.h"

/* How long a client may go on sending after our last word. */
#define LINGER_NS (2 * NS_PER_S)

static void session_free(struct session *s, bool reset)
{
    struct worker *w = s->worker;
    deadline_clear(&s->deadline);
    if (reset)
        conn_reset(&s->conn);
    else
        conn_close(&s->conn);
    buffer_give(&s->in, &w->buffers);
    list_remove(&s->link);
    atomic_fetch_sub_explicit(&s->gate->open, 1, memory_order_relaxed);
    gate_unpin(s->gate);
    METRIC_ADD(w->metrics->connections_open, -1);
    s->magic = 0;
    pool_give(&w->sessions, s);
}

const struct table_listener *session_listener(const struct session *s)
{
    const struct generation *g = s->worker->current;
    for (uint32_t i = 0; i < g->table->n_listeners; i++)
        if (g->gate[i] == s->gate)
            return &g->table->listener[i];
    return NULL;
}

/* Nothing is under way: no buffer, and a deadline for the next request. */
static void become_idle(struct session *s)
{
    struct worker *w = s->worker;
    const struct table_listener *l = session_listener(s);
    if (w->draining || !l) {
        session_free(s, false);
        return;
    }
    buffer_give(&s->in, &w->buffers);
    watch_want(&s->conn.watch, WATCH_READ);
    deadline_set(&w->deadlines, &s->deadline, l->timeout_ns[TIMEOUT_LISTENER_IDLE], w->now_ns);
}

static void begin_linger(struct session *s)
{
    conn_shut(&s->conn);
    s->lingering = true;
    buffer_give(&s->in, &s->worker->buffers);
    watch_want(&s->conn.watch, WATCH_READ);
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

/* Bytes of the next request that came with the last one move to the front. */
static void finish_exchange(struct session *s)
{
    struct exchange *x = s->exchange;
    const enum fate fate = x->fate;
    s->exchange = NULL;
    exchange_free(x);
    s->in.floor = 0;
    buffer_compact(&s->in);

    switch (fate) {
    case FATE_KEEP: return;
    case FATE_CLOSE: session_free(s, false); return;
    case FATE_RESET: session_free(s, true); return;
    case FATE_LINGER: begin_linger(s); return;
    }
}

/* Begins the next exchange if there is anything to begin it with. */
static bool begin_exchange(struct session *s)
{
    if (buffer_len(&s->in) == 0)
        return false;
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
        const enum fate fate = s->exchange->fate;
        finish_exchange(s);
        if (fate != FATE_KEEP)
            return;
        if (buffer_len(&s->in) == 0) {
            become_idle(s);
            return;
        }
        if (!begin_exchange(s))
            return;
    }
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
    const ssize_t n = conn_read(&s->conn, s->in.at, HTTP_HEAD_BYTES_MAX);
    if (n == -EAGAIN) {
        buffer_give(&s->in, &w->buffers);
        return;
    }
    if (n <= 0) {
        session_free(s, false);
        return;
    }
    s->in.end = (uint32_t)n;
    s->in.at[n] = '\0';
    s->readable = (size_t)n == HTTP_HEAD_BYTES_MAX;
    METRIC_ADD(w->metrics->client_received_bytes, n);
    deadline_clear(&s->deadline);
    if (begin_exchange(s))
        session_drive(s);
}

static void ready(void *of, unsigned what)
{
    struct session *s = of;
    CHECK_OBJ(s, SESSION_MAGIC);
    worker_now(s->worker);
    if (s->lingering) {
        linger(s);
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
    if (!s->exchange) {
        session_free(s, false);
        return;
    }
    exchange_client_late(s->exchange);
    session_drive(s);
}

void session_open(struct worker *w, int fd, const struct endpoint *client, struct gate *gate)
{
    METRIC_ADD(w->metrics->connections_accepted, 1);
    METRIC_ADD(w->metrics->connections_open, 1);
    struct session *s = pool_take(&w->sessions);
    if (!s) {
        METRIC_ADD(w->metrics->connections_refused, 1);
        METRIC_ADD(w->metrics->connections_open, -1);
        atomic_fetch_sub_explicit(&gate->open, 1, memory_order_relaxed);
        close(fd);
        return;
    }
    *s = (struct session){.magic = SESSION_MAGIC,
                          .worker = w,
                          .deadline = {.call = late},
                          .gate = gate,
                          .client = *client,
                          .writable = true};
    gate_pin(gate);
    list_add_last(&w->session, &s->link);
    conn_open(&s->conn, &transport_plain, w->loop, fd, ready, s);
    watch_want(&s->conn.watch, WATCH_READ);

    /* The first request has the header timeout from the start: a client that connects, and then
     * says nothing, is not the same as one that has been served before. */
    const struct table_listener *l = session_listener(s);
    if (!l) {
        session_free(s, false);
        return;
    }
    deadline_set(&w->deadlines, &s->deadline, l->timeout_ns[TIMEOUT_LISTENER_HEADER], w->now_ns);
    read_first(s);
}

void session_close(struct session *s, enum access_end end)
{
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
    if (!s->exchange && !s->lingering)
        session_free(s, false);
}

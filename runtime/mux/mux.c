#include "runtime/mux/mux.h"

#include <errno.h>

#include "runtime/base/clock.h"
#include "runtime/mux/stream.h"

/* What one turn reads of one connection, so that it does not keep a worker to itself. */
#define TURN_BYTES ((size_t)512 * 1024)

/* A stream that lingers does so for one to two of them. */
#define LINGER_TICK_NS (500 * NS_PER_MS)

static struct stream *stream_of(struct h2_stream *h2)
{
    struct stream *st = CONTAINER_OF(h2, struct stream, h2);
    CHECK_OBJ(st, STREAM_MAGIC);
    return st;
}

/* --- to the socket --------------------------------------------------------------------------- */

static void flush(struct mux *m)
{
    const size_t len = buffer_len(&m->out);
    if (len == 0 || m->stalled || m->dead || !m->started)
        return;
    const struct iovec part = {m->out.at + m->out.start, len};
    const ssize_t n = conn_write(m->conn, &part, 1);
    if (n < 0 && n != -EAGAIN) {
        m->dead = true;
        return;
    }
    METRIC_ADD(m->owner->metrics->h2_sent_bytes, n > 0 ? n : 0);
    if (n > 0)
        buffer_used(&m->out, (size_t)n);
    m->stalled = buffer_len(&m->out) > 0;
    if (m->stalled)
        buffer_compact(&m->out);
}

static char *out(void *of, size_t at_least, size_t *room)
{
    struct mux *m = of;
    if (m->dead)
        return NULL;
    if (!buffer_take(&m->out, m->owner->buffers)) {
        METRIC_ADD(m->owner->metrics->buffers_refused, 1);
        m->dead = true;
        return NULL;
    }
    if (buffer_room(&m->out) < at_least)
        flush(m);
    *room = buffer_room(&m->out);
    return *room >= at_least && !m->dead ? m->out.at + m->out.end : NULL;
}

static void wrote(void *of, size_t n)
{
    struct mux *m = of;
    m->out.end += (uint32_t)n;
}

/* There is room again: for the library first, and for those who were told that there is none. */
static void unblock(struct mux *m)
{
    if (m->stalled || list_empty(&m->blocked))
        return;
    LIST_EACH (st, &m->blocked, struct stream, blocked) {
        list_remove(&st->blocked);
        stream_news(st, WATCH_WRITE);
    }
}

/* --- from the codec -------------------------------------------------------------------------- */

static struct h2_stream *opens(void *of, int32_t id)
{
    (void)id;
    struct mux *m = of;
    struct stream *st = m->n_streams < m->streams_max ? stream_new(m) : NULL;
    if (!st)
        METRIC_ADD(m->owner->metrics->h2_streams_refused, 1);
    return st ? &st->h2 : NULL;
}

static char *room(struct h2_stream *h2, size_t *bytes)
{
    return stream_room(stream_of(h2), bytes);
}

static void head(struct h2_stream *h2, size_t len)
{
    stream_head(stream_of(h2), len);
}

static bool data(struct h2_stream *h2, const char *at, size_t len)
{
    return stream_data(stream_of(h2), at, len);
}

static void end(struct h2_stream *h2, size_t trailer_len)
{
    stream_end(stream_of(h2), trailer_len);
}

static void reset(struct h2_stream *h2, uint32_t code)
{
    stream_reset(stream_of(h2), code);
}

static void writable(struct h2_stream *h2)
{
    stream_news(stream_of(h2), WATCH_WRITE);
}

static void glitch(void *of, enum h2_glitch which)
{
    struct metrics *metrics = ((struct mux *)of)->owner->metrics;
    switch (which) {
    case H2_GLITCH_RESETS: METRIC_ADD(metrics->h2_glitch_resets, 1); return;
    case H2_GLITCH_PROVOKED: METRIC_ADD(metrics->h2_glitch_provoked, 1); return;
    case H2_GLITCH_CONTROL: METRIC_ADD(metrics->h2_glitch_control, 1); return;
    case H2_GLITCH_PRIORITY: METRIC_ADD(metrics->h2_glitch_priority, 1); return;
    case H2_GLITCH_UPDATES: METRIC_ADD(metrics->h2_glitch_updates, 1); return;
    case H2_GLITCH_EMPTY: METRIC_ADD(metrics->h2_glitch_empty, 1); return;
    case H2_GLITCH_CONTINUED: METRIC_ADD(metrics->h2_glitch_continued, 1); return;
    case H2_GLITCH_UNREAD: METRIC_ADD(metrics->h2_glitch_unread, 1); return;
    case H2_GLITCH_BOMBS: METRIC_ADD(metrics->h2_glitch_bombs, 1); return;
    case H2_GLITCH_COUNT: break;
    }
    ASSERT(!"a glitch");
}

/* Connections that were ended, by what was too much in the end. */
static void count_calmed(struct metrics *metrics, enum h2_glitch why)
{
    METRIC_ADD(metrics->h2_calmed, 1);
    switch (why) {
    case H2_GLITCH_RESETS: METRIC_ADD(metrics->h2_calmed_resets, 1); return;
    case H2_GLITCH_PROVOKED: METRIC_ADD(metrics->h2_calmed_provoked, 1); return;
    case H2_GLITCH_CONTROL: METRIC_ADD(metrics->h2_calmed_control, 1); return;
    case H2_GLITCH_PRIORITY: METRIC_ADD(metrics->h2_calmed_priority, 1); return;
    case H2_GLITCH_UPDATES: METRIC_ADD(metrics->h2_calmed_updates, 1); return;
    case H2_GLITCH_EMPTY: METRIC_ADD(metrics->h2_calmed_empty, 1); return;
    case H2_GLITCH_CONTINUED: METRIC_ADD(metrics->h2_calmed_continued, 1); return;
    case H2_GLITCH_UNREAD: METRIC_ADD(metrics->h2_calmed_unread, 1); return;
    case H2_GLITCH_BOMBS: METRIC_ADD(metrics->h2_calmed_bombs, 1); return;
    case H2_GLITCH_COUNT: break;
    }
    ASSERT(!"a glitch");
}

static const struct h2_calls CALLS = {.open = opens,
                                      .room = room,
                                      .head = head,
                                      .data = data,
                                      .end = end,
                                      .reset = reset,
                                      .writable = writable,
                                      .out = out,
                                      .wrote = wrote,
                                      .glitch = glitch};

/* --- a turn ---------------------------------------------------------------------------------- */

/* Tells those who have news, each of whom may close its stream and write to it. */
static void deliver(struct mux *m)
{
    for (uint32_t n = m->n_streams; n > 0 && !list_empty(&m->ready); n--) {
        struct stream *st = CONTAINER_OF(m->ready.next, struct stream, ready);
        list_remove(&st->ready);
        if (st->conn || m->is_client)
            stream_deliver(st);
        else if (st->lingers)
            stream_linger_end(st);
        else if (st->was_reset)
            stream_refuse(st); /* gone before it began */
        else if (st->head_left > 0)
            m->calls->opened(m, st);
    }
}

/* What was written is sent together; what that brings about waits for the next turn. */
static void run_turn(struct mux *m)
{
    m->in_turn = true;
    h2_session_pump(m->h2);
    deliver(m);
    h2_session_pump(m->h2);
    flush(m);
    unblock(m);
    m->in_turn = false;
}

static void finish_turn(struct mux *m)
{
    run_turn(m);
    if (!m->ending && h2_session_is_calmed(m->h2)) {
        count_calmed(m->owner->metrics, h2_session_calmed_by(m->h2));
        m->ending = true;
    }
    if (buffer_len(&m->out) == 0)
        buffer_give(&m->out, m->owner->buffers);
    if (!m->started)
        return;
    /* Whoever is told to be calm, and reads nothing, is not waited for. */
    const bool heard = !m->stalled || h2_session_is_calmed(m->h2);
    if (!m->dead && (m->ending || h2_session_is_over(m->h2)) && heard)
        m->dead = true;
    if (m->dead) {
        m->calls->over(m);
        return;
    }
    conn_want(m->conn, WATCH_READ | (m->stalled ? WATCH_WRITE : 0));
    if (!list_empty(&m->ready))
        mux_touch(m);
    m->calls->settled(m);
}

static void soon(void *of)
{
    struct mux_owner *o = of;
    struct list now;
    list_init(&now);
    while (!list_empty(&o->touched)) {
        struct list *first = o->touched.next;
        list_remove(first);
        list_add_last(&now, first);
    }
    while (!list_empty(&now)) {
        struct mux *m = CONTAINER_OF(now.next, struct mux, touched);
        CHECK_OBJ(m, MUX_MAGIC);
        list_remove(&m->touched);
        finish_turn(m);
    }
}

void mux_touch(struct mux *m)
{
    if (m->in_turn || !list_empty(&m->touched))
        return;
    if (list_empty(&m->owner->touched))
        timer_soon(&m->owner->soon);
    list_add_last(&m->owner->touched, &m->touched);
}

/* Those that were left before the last tick are over. */
static void tick(void *of)
{
    struct mux_owner *o = of;
    struct list *old = &o->lingering[1], *young = &o->lingering[0];
    while (!list_empty(old))
        stream_linger_over(CONTAINER_OF(old->next, struct stream, blocked));
    while (!list_empty(young)) {
        struct list *first = young->next;
        list_remove(first);
        list_add_last(old, first);
    }
    if (!list_empty(old))
        timer_set(&o->tick, LINGER_TICK_NS);
}

void mux_linger(struct mux *m, struct list *place)
{
    struct mux_owner *o = m->owner;
    if (list_empty(&o->lingering[0]) && list_empty(&o->lingering[1]))
        timer_set(&o->tick, LINGER_TICK_NS);
    list_add_last(&o->lingering[0], place);
}

/* Those who waited to see what the other end takes may go. */
static void note_settings(struct mux *m)
{
    m->settled = true;
    LIST_EACH (st, &m->stream, struct stream, link)
        if (st->awaits_settings)
            stream_news(st, WATCH_WRITE);
}

void mux_receive(struct mux *m, const char *at, size_t len, int64_t now_ns)
{
    METRIC_ADD(m->owner->metrics->h2_received_bytes, (int64_t)len);
    if (!m->ending && !h2_session_receive(m->h2, at, len, now_ns))
        m->ending = !h2_session_is_calmed(m->h2); /* that is for the end of the turn to count */
    if (!m->settled && h2_session_is_settled(m->h2))
        note_settings(m);
    mux_touch(m);
}

static void read_all(struct mux *m, int64_t now_ns)
{
    const struct mux_owner *o = m->owner;
    for (size_t total = 0; total < TURN_BYTES && !m->dead;) {
        const ssize_t n = conn_read(m->conn, o->scratch, o->scratch_bytes);
        if (n == -EAGAIN)
            return;
        if (n <= 0) {
            m->dead = true;
            mux_touch(m);
            return;
        }
        mux_receive(m, o->scratch, (size_t)n, now_ns);
        total += (size_t)n;
        if ((size_t)n < o->scratch_bytes)
            return;
    }
}

void mux_start(struct mux *m)
{
    m->started = true;
    LIST_EACH (st, &m->stream, struct stream, link)
        stream_news(st, WATCH_WRITE);
    mux_touch(m);
}

void mux_abandon(struct mux *m, int error, const char *why)
{
    while (!list_empty(&m->stream)) {
        struct stream *st = CONTAINER_OF(m->stream.next, struct stream, link);
        stream_orphan(st);
        st->error = error;
        st->why = why;
        st->conn->watch.call(st->conn->watch.of, WATCH_READ | WATCH_WRITE);
    }
}

void mux_ready(struct mux *m, unsigned what, int64_t now_ns)
{
    CHECK_OBJ(m, MUX_MAGIC);
    if (what & WATCH_WRITE)
        m->stalled = false;
    if (what & WATCH_READ)
        read_all(m, now_ns);
    mux_touch(m);
}

/* --- its life -------------------------------------------------------------------------------- */

void mux_owner_init(struct mux_owner *o, struct loop *loop, struct pool *buffers,
                    struct metrics *metrics, char *scratch, size_t scratch_bytes)
{
    *o = (struct mux_owner){
        .buffers = buffers, .metrics = metrics, .scratch = scratch, .scratch_bytes = scratch_bytes};
    list_init(&o->touched);
    pool_init(&o->streams, sizeof(struct stream), 0, 256);
    timer_init(&o->soon, loop, soon, o);
    list_init(&o->lingering[0]);
    list_init(&o->lingering[1]);
    timer_init(&o->tick, loop, tick, o);
}

void mux_owner_done(struct mux_owner *o)
{
    timer_stop(&o->soon);
    timer_stop(&o->tick);
    pool_done(&o->streams);
}

bool mux_init(struct mux *m, struct mux_owner *o, struct conn *c, bool is_client,
              const struct h2_limits *limits, const struct mux_calls *calls)
{
    *m = (struct mux){.magic = MUX_MAGIC,
                      .owner = o,
                      .conn = c,
                      .calls = calls,
                      .is_client = is_client,
                      .started = !is_client,
                      .streams_max = limits->streams_max};
    list_init(&m->stream);
    list_init(&m->ready);
    list_init(&m->blocked);
    list_init(&m->touched);
    m->h2 = is_client ? h2_session_client(limits, &CALLS, m) : h2_session_server(limits, &CALLS, m);
    return m->h2 != NULL;
}

void mux_done(struct mux *m)
{
    LIST_EACH (st, &m->stream, struct stream, link)
        stream_orphan(st);
    m->n_streams = 0;
    list_remove(&m->touched);
    buffer_give(&m->out, m->owner->buffers);
    h2_session_free(m->h2);
    m->magic = 0;
}

struct stream *mux_open(struct mux *m)
{
    return m->dead || m->ending ? NULL : stream_new(m);
}

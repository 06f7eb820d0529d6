#include "runtime/proxy/exchange.h"

#include <errno.h>

#include "runtime/proxy/exchange_priv.h"

struct exchange *exchange_new(struct session *s)
{
    struct worker *w = s->worker;
    struct exchange *x = pool_take(&w->exchanges);
    if (!x)
        return NULL;
    /* The heads and the verdict are written before they are read; zeroing them would cost more than
     * parsing does. */
    x->magic = EXCHANGE_MAGIC;
    x->step = EXCHANGE_READ_HEAD;
    x->session = s;
    x->worker = w;
    x->generation = w->current;
    generation_pin(x->generation, w->index);
    x->listener = session_listener(s);
    x->cluster = NULL;
    x->server = NULL;
    x->link = NULL;
    x->begun_ns = w->now_ns;
    x->begun_wall_ns = clock_wall_ns();
    x->head_ns = x->decided_ns = x->connected_ns = x->answered_ns = 0;
    x->decided = x->response_known = x->head_sent = x->up_failed = x->fresh = x->late = x->reused =
        x->heard = false;
    x->info = (struct http_request_info){0};
    x->facts = (struct facts){0};
    x->response_info = (struct http_response_info){0};
    x->up = x->down = (struct flow){0};
    x->up_result = x->down_result = FLOW_HUNGRY;
    x->tries = x->n_tried = x->n_interim = 0;
    x->status = x->server_status = 0;
    x->lead = x->detail = "";
    x->request_number = ++w->requests;
    x->fate = FATE_KEEP;
    x->end = ACCESS_COMPLETE;
    x->received_bytes = 0;
    x->head_parsed = 0;
    x->record = NULL;
    METRIC_ADD(w->metrics->requests_in_flight, 1);

    if (x->listener)
        deadline_set(&w->deadlines, &s->deadline, x->listener->timeout_ns[TIMEOUT_LISTENER_HEADER],
                     w->now_ns);
    return x;
}

static enum outcome (*const step[])(struct exchange *) = {
#define STEP(id, run) [EXCHANGE_##id] = run,
    EXCHANGE_STEPS(STEP)
#undef STEP
};

enum outcome exchange_run(struct exchange *x)
{
    enum outcome outcome;
    do {
        CHECK_OBJ(x, EXCHANGE_MAGIC);
        outcome = step[x->step](x);
    } while (outcome == GO_ON);
    return outcome;
}

ssize_t exchange_fill(struct exchange *x, struct conn *from, struct buffer *into, bool *readable)
{
    if (!buffer_take(into, &x->worker->buffers)) {
        METRIC_ADD(x->worker->metrics->buffers_refused, 1);
        return -ENOBUFS;
    }
    if (buffer_room(into) == 0)
        buffer_compact(into);
    const size_t room = buffer_room(into);
    ASSERT(room > 0); /* whoever fills has used what there was, or knows that there is room */
    const ssize_t n = conn_read(from, into->at + into->end, room);
    *readable = n == (ssize_t)room;
    if (n > 0) {
        into->end += (uint32_t)n;
        into->at[into->end] = '\0';
    }
    return n;
}

static enum outcome malformed(struct exchange *x, int error)
{
    METRIC_ADD(x->worker->metrics->requests_malformed, 1);
    x->fate = FATE_LINGER;
    const enum outcome out =
        refuse(x, h1_error_status(error), ACCESS_MALFORMED, h1_error_text(error));
    x->lead = "Refused: ";
    return out;
}

/* More of a head that was not complete. */
static enum outcome read_more(struct exchange *x)
{
    struct session *s = x->session;
    if (buffer_len(&s->in) >= HTTP_HEAD_BYTES_MAX)
        return malformed(x, H1_TOO_LARGE);
    if (!s->readable)
        return WAIT;
    const ssize_t n = exchange_fill(x, &s->conn, &s->in, &s->readable);
    if (n == -EAGAIN)
        return WAIT;
    if (n <= 0)
        return exchange_abort(x, ACCESS_CLIENT_ABORT);
    METRIC_ADD(x->worker->metrics->client_received_bytes, n);
    return GO_ON;
}

enum outcome exchange_read_head(struct exchange *x)
{
    struct session *s = x->session;
    if (!x->listener) { /* the listener went with a hot swap; this connection goes too */
        x->fate = FATE_CLOSE;
        return exchange_abort(x, ACCESS_SHUTDOWN);
    }
    const struct slice got = buffer_slice(&s->in);
    if (x->head_parsed > 0 && !h1_head_is_due(got.at, got.len, x->head_parsed))
        return read_more(x);
    const int used = h1_request_parse(&x->request, got.at, got.len);
    if (used < 0)
        return malformed(x, used);
    if (used == 0) {
        x->head_parsed = (uint32_t)got.len;
        return read_more(x);
    }

    METRIC_ADD(x->worker->metrics->requests_total, 1);
    deadline_clear(&s->deadline);
    x->head_ns = x->worker->now_ns;
    x->received_bytes = got.len;
    s->in.floor = s->in.start + (uint32_t)used; /* the head stays as long as the exchange does */
    buffer_used(&s->in, (size_t)used);
    const int error = http_request_understand(&x->request, &x->info);
    return error ? malformed(x, error) : go(x, EXCHANGE_DECIDE);
}

/* What is left of the request's body is skipped when it is here already; else the connection can't
 * be used again. */
static void skip_body(struct exchange *x)
{
    struct buffer *in = &x->session->in;
    if (x->fate != FATE_KEEP || x->up.ended)
        return;
    if (x->info.framing == FRAMING_LENGTH && x->up.body.total == 0 &&
        x->info.content_length <= buffer_len(in)) {
        buffer_used(in, (size_t)x->info.content_length);
    } else if (x->info.framing != FRAMING_NONE) {
        x->fate = FATE_LINGER;
    }
}

static bool link_reusable(const struct exchange *x)
{
    return x->generation && x->response_known && x->response_info.keep_alive && x->down.ended &&
           x->up.ended && x->up_result == FLOW_DONE && !x->up_failed &&
           buffer_len(&x->link->in) == 0 && !x->link->readable && /* nothing came behind it */
           atomic_load_explicit(&x->server->generation, memory_order_relaxed) >=
               x->worker->current->id &&
           !x->worker->draining;
}

static void release_link(struct exchange *x)
{
    if (!x->link)
        return;
    if (link_reusable(x))
        link_give(x->link, x->cluster->timeout_ns[TIMEOUT_CLUSTER_IDLE], x->worker->now_ns);
    else
        link_close(x->link);
    x->link = NULL;
    atomic_fetch_sub_explicit(&x->server->in_flight, 1, memory_order_relaxed);
}

void exchange_drop_link(struct exchange *x)
{
    if (!x->link)
        return;
    link_close(x->link);
    x->link = NULL;
    atomic_fetch_sub_explicit(&x->server->in_flight, 1, memory_order_relaxed);
}

enum outcome exchange_finish(struct exchange *x)
{
    struct session *s = x->session;
    skip_body(x);
    release_link(x);
    if (x->fate == FATE_KEEP && x->worker->draining)
        x->fate = FATE_CLOSE;
    /* Closing over unread bytes would reset the connection, and the client might lose our answer.
     */
    const bool said_all = x->end == ACCESS_COMPLETE || x->end == ACCESS_ANSWERED;
    if (x->fate == FATE_CLOSE && said_all && (s->readable || buffer_len(&s->in) > 0))
        x->fate = FATE_LINGER;
    return OVER;
}

bool exchange_ends_by_close(const struct exchange *x)
{
    const enum http_framing framing = x->response_info.framing;
    return x->server_status >= 200 && !x->down.chunked && x->down_result != FLOW_DONE &&
           (framing == FRAMING_CHUNKED || framing == FRAMING_CLOSE);
}

enum outcome exchange_abort(struct exchange *x, enum access_end end)
{
    if (end == ACCESS_CLIENT_ABORT)
        METRIC_ADD(x->worker->metrics->requests_aborted, 1);
    x->end = end;
    x->fate = exchange_ends_by_close(x) ? FATE_RESET : FATE_CLOSE;
    return go(x, EXCHANGE_FINISH);
}

/* --- waiting ------------------------------------------------------------------------------- */

/* The head's own deadline runs from its first byte and is not moved by further ones. */
static void settle_head(struct exchange *x)
{
    watch_want(&x->session->conn.watch, WATCH_READ);
}

static void client_deadline(struct exchange *x, bool reading, bool writing)
{
    struct session *s = x->session;
    const int64_t *timeout = x->listener->timeout_ns;
    if (writing)
        deadline_set(&x->worker->deadlines, &s->deadline, timeout[TIMEOUT_LISTENER_WRITE],
                     x->worker->now_ns);
    else if (reading)
        deadline_set(&x->worker->deadlines, &s->deadline, timeout[TIMEOUT_LISTENER_READ],
                     x->worker->now_ns);
    else
        deadline_clear(&s->deadline);
}

static void server_deadline(struct exchange *x, enum table_timeout which)
{
    deadline_set(&x->worker->deadlines, &x->link->deadline, x->cluster->timeout_ns[which],
                 x->worker->now_ns);
}

static bool wants_body(const struct exchange *x)
{
    return x->step == EXCHANGE_RELAY && !x->up.ended && !x->up_failed &&
           x->up_result == FLOW_HUNGRY;
}

bool exchange_reads_client(const struct exchange *x)
{
    return x->step == EXCHANGE_READ_HEAD || x->step == EXCHANGE_TUNNEL || wants_body(x);
}

static void settle_client(struct exchange *x)
{
    struct session *s = x->session;
    const bool body_wanted = wants_body(x);
    const bool blocked = x->down_result == FLOW_BLOCKED;
    /* The watch for reading stays while nothing comes, so that ordinary requests need no system
     * call for it; what comes early (the next request, or the end) is left to the kernel until its
     * turn. */
    const bool quiet = !s->readable;
    watch_want(&s->conn.watch,
               (body_wanted || quiet ? WATCH_READ : 0) | (blocked ? WATCH_WRITE : 0));
    client_deadline(x, body_wanted, blocked);
}

static void settle_link(struct exchange *x)
{
    if (x->step == EXCHANGE_CONNECT) {
        watch_want(&x->link->conn.watch, WATCH_WRITE);
        server_deadline(x, TIMEOUT_CLUSTER_CONNECT);
        return;
    }
    const bool blocked = x->up_result == FLOW_BLOCKED && !x->up_failed;
    const bool reading = x->down_result == FLOW_HUNGRY;
    watch_want(&x->link->conn.watch, (reading ? WATCH_READ : 0) | (blocked ? WATCH_WRITE : 0));
    if (blocked)
        server_deadline(x, TIMEOUT_CLUSTER_WRITE);
    else if (reading && (x->up.ended || x->up_failed || x->response_known))
        server_deadline(x, TIMEOUT_CLUSTER_READ);
    else
        deadline_clear(&x->link->deadline); /* it is the client's turn */
}

void exchange_settle(struct exchange *x)
{
    switch (x->step) {
    case EXCHANGE_READ_HEAD: settle_head(x); return;
    case EXCHANGE_TUNNEL: exchange_tunnel_settle(x); return;
    case EXCHANGE_DECIDE:
    case EXCHANGE_PICK:
    case EXCHANGE_CONNECT:
    case EXCHANGE_RELAY:
    case EXCHANGE_ANSWER:
    case EXCHANGE_FINISH: settle_client(x); break;
    }
    if (x->link)
        settle_link(x);
}

/* --- late ---------------------------------------------------------------------------------- */

void exchange_client_late(struct exchange *x)
{
    METRIC_ADD(x->worker->metrics->requests_timed_out, 1);
    const bool may_answer = (x->step == EXCHANGE_READ_HEAD || x->step == EXCHANGE_RELAY) &&
                            !x->response_known && x->down_result != FLOW_BLOCKED;
    if (!may_answer) {
        exchange_abort(x, x->step == EXCHANGE_TUNNEL ? ACCESS_TUNNEL : ACCESS_CLIENT_TIMEOUT);
        return;
    }
    exchange_drop_link(x);
    x->fate = FATE_LINGER;
    refuse(x, 408, ACCESS_CLIENT_TIMEOUT, "The request did not arrive in time.");
}

void exchange_server_late(struct exchange *x)
{
    if (x->step == EXCHANGE_TUNNEL)
        exchange_abort(x, ACCESS_TUNNEL);
    else if (x->step == EXCHANGE_CONNECT)
        exchange_server_failed(x, 504, ACCESS_CONNECT_TIMEOUT,
                               "No connection to a server in time.");
    else
        exchange_server_failed(x, 504, ACCESS_SERVER_TIMEOUT, "The server did not answer in time.");
}

/* --- the end ------------------------------------------------------------------------------- */

static void count_status(struct metrics *m, uint16_t status)
{
    switch (status / 100) {
    case 2: METRIC_ADD(m->responses_2xx, 1); break;
    case 3: METRIC_ADD(m->responses_3xx, 1); break;
    case 4: METRIC_ADD(m->responses_4xx, 1); break;
    case 5: METRIC_ADD(m->responses_5xx, 1); break;
    default: break; /* none was sent, or a tunnel's 101 */
    }
}

void exchange_free(struct exchange *x)
{
    CHECK_OBJ(x, EXCHANGE_MAGIC);
    struct worker *w = x->worker;
    release_link(x);
    exchange_log(x);
    count_status(w->metrics, x->status);
    METRIC_ADD(w->metrics->client_sent_bytes, (int64_t)x->down.sent_bytes);
    METRIC_ADD(w->metrics->server_sent_bytes, (int64_t)x->up.sent_bytes);
    METRIC_ADD(w->metrics->requests_in_flight, -1);
    flow_done(&x->up, &w->buffers);
    flow_done(&x->down, &w->buffers);
    if (x->generation)
        generation_unpin(x->generation, w->index);
    else
        exchange_tunnel_done(x);
    free(x->record);
    x->magic = 0;
    pool_give(&w->exchanges, x);
}

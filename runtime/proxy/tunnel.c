/*
 * TUNNEL: after 101 the two sides talk as they please (RFC 9110 7.8), and we only carry bytes.
 *
 * An established tunnel lets go of its generation and pins its server alone, so that a hot swap
 * neither touches it nor is kept in memory by it.
 */
#include <errno.h>

#include "runtime/http/h1_write.h"
#include "runtime/proxy/exchange_priv.h"
#include "runtime/tls/websocket.h"

#define TURN_BYTES ((uint64_t)512 * 1024)

/* How long the other side may still be silent once one has said all it had to say. */
#define HALF_CLOSED_NS (30 * NS_PER_S)

/* What is needed of the generation is copied; then it may go. */
static void leave_generation(struct exchange *x)
{
    x->record = MUST_NEW(struct access_record);
    exchange_record(x, x->record);
    x->tunnel_ns = x->listener->timeout_ns[TIMEOUT_LISTENER_TUNNEL];
    x->drain_ns = x->listener->timeout_ns[TIMEOUT_LISTENER_DRAIN];
    deadline_clear(&x->request_deadline);
    deadline_clear(&x->try_deadline);
    exchange_count_outcome(x);
    exchange_leave_room(x);
    exchange_drop_taken(x);
    exchange_keep_holds(x);
    server_pin(x->server);
    struct generation *g = x->generation;
    x->generation = NULL;
    x->cluster = NULL;
    x->retry = NULL;
    x->listener = NULL;
    x->facts = (struct facts){0};
    exchange_drop_token(x);
    generation_unpin(g, x->worker->index);
}

/* A client of HTTP/1 wants to see that its handshake was read (RFC 6455 4.2.2); a server of HTTP/2,
 * where there is no such handshake, has not said so. */
static bool must_prove(const struct exchange *x, char room[WEBSOCKET_ACCEPT_BYTES],
                       struct slice *accept)
{
    uint32_t cursor = 0;
    struct slice key;
    if (!conn_is_stream(&x->link->conn) || conn_is_stream(&x->session->conn) ||
        !http_field_next(&x->request, SLICE("sec-websocket-key"), &cursor, &key))
        return false;
    websocket_accept(key, room);
    *accept = (struct slice){room, WEBSOCKET_ACCEPT_BYTES};
    return true;
}

/* The server's answer that it will: 101, as the client is to see it. */
static enum outcome write_switch(struct exchange *x, size_t *head)
{
    char accept[WEBSOCKET_ACCEPT_BYTES];
    char cookie[STICKY_LINE_BYTES];
    struct http_edit edit[1 + STICKY_EDITS_MAX] = {
        {.kind = HTTP_SET, .name = SLICE("sec-websocket-accept")}};
    size_t edits = must_prove(x, accept, &edit[0].value);
    if (x->cluster->sticky.kind != STICKY_NONE)
        edits += exchange_stick_response(x, edit, edits, cookie);
    const struct h1_response_out out = {
        .head = &x->response, .upgrade = true, .edit = edit, .n_edits = edits};
    *head = h1_write_response(x->worker->scratch, WORKER_SCRATCH_BYTES, &out);
    if (*head > WORKER_SCRATCH_BYTES)
        return exchange_server_failed(x, 502, ACCESS_SERVER_ERROR,
                                      "The server's response is too large.");
    x->status = x->server_status = 101;
    exchange_count_answer(x, x->status);
    x->answered_ns = x->worker->now_ns;
    return WAIT;
}

static enum outcome establish(struct exchange *x, size_t *head)
{
    const enum outcome out = x->tcp ? WAIT : write_switch(x, head);
    if (out != WAIT)
        return out;
    exchange_heard_server(x);
    exchange_judge(x, false);
    x->response_known = true;
    x->end = x->tcp ? ACCESS_COMPLETE : ACCESS_TUNNEL;
    x->fate = FATE_CLOSE;
    leave_generation(x);

    const uint64_t sent_down = x->down.sent_bytes, sent_up = x->up.sent_bytes;
    const struct buffer first = x->down.first;
    flow_init(&x->down, &x->session->conn, FRAMING_CLOSE, 0, false);
    flow_init(&x->up, &x->link->conn, FRAMING_CLOSE, 0, false);
    x->down.sent_bytes = sent_down;
    x->down.first = first;
    x->up.sent_bytes = sent_up;
    if (x->throttled) {
        exchange_allow(x, THROTTLE_DOWN);
        exchange_allow(x, THROTTLE_UP);
    }
    x->up_result = x->down_result = FLOW_HUNGRY;
    x->session->readable = x->link->readable = true; /* either may have spoken already */
    METRIC_ADD(x->worker->metrics->tunnels_open, 1);
    /* What it needs may have gone while it was made. */
    if (x->worker->draining || exchange_outlives(x, x->worker->newest_id) ||
        !session_listener(x->session))
        exchange_drain(x);
    return WAIT;
}

/* One direction. False when the connection it writes to or reads from is broken. */
struct side {
    struct flow *flow;
    enum flow_result *result;
    struct conn *from;
    struct buffer *in;
    bool *readable, *writable;
};

/* Reads once. 1: something came; 0: nothing now, or the end, which the flow then knows; -1: broken.
 */
static int read_side(struct exchange *x, const struct side *s)
{
    if (!*s->readable)
        return 0;
    const ssize_t n = exchange_fill(x, s->from, s->in, s->readable);
    if (n > 0 && s->flow == &x->up)
        exchange_count_received(x, (uint64_t)n);
    else if (n > 0)
        exchange_count_heard(x, (uint64_t)n);
    if (n > 0)
        return 1;
    if (n == 0)
        flow_source_closed(s->flow, SLICE_NONE);
    return n == 0 ? 1 : n == -EAGAIN ? 0 : -1;
}

static bool pump(struct exchange *x, const struct side *s, size_t head)
{
    if (*s->result == FLOW_DONE || !*s->writable)
        return *s->result == FLOW_DONE || head == 0;
    const uint64_t stop_at = s->flow->sent_bytes + TURN_BYTES;
    int more = 1;
    bool many = false;
    while (more > 0) {
        *s->result = exchange_run_flow(x, s->flow, s->in, head);
        head = 0;
        if (*s->result != FLOW_HUNGRY || s->flow->sent_bytes >= stop_at) {
            more = 0;
        } else if (many && exchange_passes(x, s->flow)) {
            *s->result = exchange_pass(x, s->flow, &many);
            more = *s->result == FLOW_HUNGRY;
        } else {
            more = read_side(x, s);
            many = *s->readable;
        }
    }

    if (*s->result == FLOW_DONE)
        conn_shut(s->flow->to); /* one side has said all; the other may go on */
    if (*s->result == FLOW_BLOCKED)
        *s->writable = false;
    /* Most tunnels are silent most of the time. What is blocked still stands in its buffer. */
    if (s->flow->data_len == 0 && buffer_len(s->in) == 0)
        buffer_give(s->in, &x->worker->buffers);
    return more == 0 && (*s->result == FLOW_DONE || *s->result == FLOW_HUNGRY ||
                         *s->result == FLOW_BLOCKED || *s->result == FLOW_PACED);
}

/* Of a TCP connection, bytes that are missing at the end must not look like a whole. */
static enum outcome broken(struct exchange *x, bool upwards)
{
    const enum flow_result r = upwards ? x->up_result : x->down_result;
    const bool reading = r == FLOW_HUNGRY || r == FLOW_DONE; /* then writing went well */
    if (!x->tcp)
        return go(x, EXCHANGE_FINISH);
    return exchange_give_up(x, upwards == reading ? ACCESS_CLIENT_ABORT : ACCESS_SERVER_ERROR);
}

enum outcome exchange_tunnel(struct exchange *x)
{
    size_t head = 0;
    if (x->generation) {
        const enum outcome out = establish(x, &head);
        if (out != WAIT)
            return out;
    }
    struct session *s = x->session;
    struct link *l = x->link;
    const struct side down = {&x->down, &x->down_result, &l->conn,
                              &l->in,   &l->readable,    &s->writable};
    const struct side up = {&x->up, &x->up_result, &s->conn, &s->in, &s->readable, &l->writable};
    const bool down_good = pump(x, &down, head);
    if (!down_good || !pump(x, &up, 0))
        return broken(x, down_good);
    return x->down_result == FLOW_DONE && x->up_result == FLOW_DONE ? go(x, EXCHANGE_FINISH) : WAIT;
}

void exchange_tunnel_settle(struct exchange *x)
{
    const bool up_wants = x->up_result == FLOW_HUNGRY, down_wants = x->down_result == FLOW_HUNGRY;
    conn_want(&x->session->conn,
              (up_wants ? WATCH_READ : 0) | (x->down_result == FLOW_BLOCKED ? WATCH_WRITE : 0));
    conn_want(&x->link->conn,
              (down_wants ? WATCH_READ : 0) | (x->up_result == FLOW_BLOCKED ? WATCH_WRITE : 0));
    if (!x->draining)
        deadline_clear(&x->link->deadline);
    const bool half = x->up_result == FLOW_DONE || x->down_result == FLOW_DONE;
    const int64_t wait_ns = half && x->tunnel_ns > HALF_CLOSED_NS ? HALF_CLOSED_NS : x->tunnel_ns;
    if (x->up_result == FLOW_PACED || x->down_result == FLOW_PACED) /* they would not be silent */
        deadline_clear(&x->session->deadline);
    else
        deadline_set(&x->worker->deadlines, &x->session->deadline, wait_ns, x->worker->now_ns);
}

enum outcome exchange_tunnel_late(struct exchange *x, bool drained)
{
    METRIC_ADD(x->worker->metrics->tunnels_drained, drained);
    x->end = drained ? ACCESS_DRAINED : x->tcp ? ACCESS_IDLE : ACCESS_TUNNEL;
    /* In order: both are told that nothing more comes, and the client may read what is on its way.
     */
    x->fate = FATE_LINGER;
    conn_shut(&x->link->conn);
    return go(x, EXCHANGE_FINISH);
}

void exchange_drain(struct exchange *x)
{
    if (x->step != EXCHANGE_TUNNEL || x->generation || x->draining)
        return;
    x->draining = true;
    METRIC_ADD(x->worker->metrics->tunnels_draining, 1);
    deadline_set(&x->worker->deadlines, &x->link->deadline, x->drain_ns, x->worker->now_ns);
}

bool exchange_outlives(const struct exchange *x, uint64_t id)
{
    return x->step == EXCHANGE_TUNNEL && !x->generation &&
           atomic_load_explicit(&x->server->generation, memory_order_relaxed) < id;
}

void exchange_tunnel_done(struct exchange *x)
{
    METRIC_ADD(x->worker->metrics->tunnels_draining, -(int64_t)x->draining);
    METRIC_ADD(x->worker->metrics->tunnels_open, -1);
    server_unpin(x->server);
}

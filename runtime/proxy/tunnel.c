/*
 * TUNNEL: after 101 the two sides talk as they please (RFC 9110 7.8), and we only carry bytes.
 *
 * An established tunnel lets go of its generation and pins its server alone, so that a hot swap
 * neither touches it nor is kept in memory by it.
 */
#include <errno.h>

#include "runtime/http/h1_write.h"
#include "runtime/proxy/exchange_priv.h"

#define TURN_BYTES ((uint64_t)512 * 1024)

/* How long the other side may still be silent once one has said all it had to say. */
#define HALF_CLOSED_NS (30 * NS_PER_S)

/* What is needed of the generation is copied; then it may go. */
static void leave_generation(struct exchange *x)
{
    x->record = MUST_NEW(struct access_record);
    exchange_record(x, x->record);
    x->tunnel_ns = x->listener->timeout_ns[TIMEOUT_LISTENER_TUNNEL];
    server_pin(x->server);
    struct generation *g = x->generation;
    x->generation = NULL;
    x->cluster = NULL;
    x->listener = NULL;
    x->facts = (struct facts){0};
    generation_unpin(g, x->worker->index);
}

static enum outcome establish(struct exchange *x, size_t *head)
{
    const struct h1_response_out out = {.head = &x->response, .upgrade = true};
    *head = h1_write_response(x->worker->scratch, WORKER_SCRATCH_BYTES, &out);
    if (*head > WORKER_SCRATCH_BYTES)
        return exchange_server_failed(x, 502, ACCESS_SERVER_ERROR,
                                      "The server's response is too large.");
    x->response_known = true;
    x->status = x->server_status = 101;
    x->end = ACCESS_TUNNEL;
    x->fate = FATE_CLOSE;
    x->answered_ns = x->worker->now_ns;
    leave_generation(x);

    const uint64_t sent_down = x->down.sent_bytes, sent_up = x->up.sent_bytes;
    const struct buffer first = x->down.first;
    flow_init(&x->down, &x->session->conn, FRAMING_CLOSE, 0, false);
    flow_init(&x->up, &x->link->conn, FRAMING_CLOSE, 0, false);
    x->down.sent_bytes = sent_down;
    x->down.first = first;
    x->up.sent_bytes = sent_up;
    x->up_result = x->down_result = FLOW_HUNGRY;
    x->session->readable = x->link->readable = true; /* either may have spoken already */
    METRIC_ADD(x->worker->metrics->tunnels_open, 1);
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
        x->received_bytes += (uint64_t)n;
    if (n > 0)
        return 1;
    if (n == 0)
        flow_source_closed(s->flow);
    return n == 0 ? 1 : n == -EAGAIN ? 0 : -1;
}

static bool pump(struct exchange *x, const struct side *s, size_t head)
{
    if (*s->result == FLOW_DONE || !*s->writable)
        return *s->result == FLOW_DONE || head == 0;
    const uint64_t stop_at = s->flow->sent_bytes + TURN_BYTES;
    int more;
    do {
        *s->result = flow_run(s->flow, s->in, exchange_scratch(x, head));
        head = 0;
        more = *s->result == FLOW_HUNGRY && s->flow->sent_bytes < stop_at ? read_side(x, s) : 0;
    } while (more > 0);

    if (*s->result == FLOW_DONE)
        conn_shut(s->flow->to); /* one side has said all; the other may go on */
    if (*s->result == FLOW_BLOCKED)
        *s->writable = false;
    return more == 0 &&
           (*s->result == FLOW_DONE || *s->result == FLOW_HUNGRY || *s->result == FLOW_BLOCKED);
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
    if (!pump(x, &down, head) || !pump(x, &up, 0))
        return go(x, EXCHANGE_FINISH);
    return x->down_result == FLOW_DONE && x->up_result == FLOW_DONE ? go(x, EXCHANGE_FINISH) : WAIT;
}

void exchange_tunnel_settle(struct exchange *x)
{
    const bool up_wants = x->up_result == FLOW_HUNGRY, down_wants = x->down_result == FLOW_HUNGRY;
    watch_want(&x->session->conn.watch,
               (up_wants ? WATCH_READ : 0) | (x->down_result == FLOW_BLOCKED ? WATCH_WRITE : 0));
    watch_want(&x->link->conn.watch,
               (down_wants ? WATCH_READ : 0) | (x->up_result == FLOW_BLOCKED ? WATCH_WRITE : 0));
    deadline_clear(&x->link->deadline);
    const bool half = x->up_result == FLOW_DONE || x->down_result == FLOW_DONE;
    const int64_t wait_ns = half && x->tunnel_ns > HALF_CLOSED_NS ? HALF_CLOSED_NS : x->tunnel_ns;
    deadline_set(&x->worker->deadlines, &x->session->deadline, wait_ns, x->worker->now_ns);
}

void exchange_tunnel_done(struct exchange *x)
{
    METRIC_ADD(x->worker->metrics->tunnels_open, -1);
    server_unpin(x->server);
}

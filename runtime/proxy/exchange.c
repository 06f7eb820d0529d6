#include "runtime/proxy/exchange.h"

#include <errno.h>

#include "runtime/proxy/exchange_priv.h"

static void request_late(struct deadline *d);

struct exchange *exchange_new(struct session *s)
{
    struct worker *w = s->worker;
    struct exchange *x = pool_take(&w->exchanges);
    if (!x)
        return NULL;
    memset(x, 0, offsetof(struct exchange, request));
    x->magic = EXCHANGE_MAGIC;
    x->session = s;
    x->worker = w;
    x->listener = session_listener_in(s, &x->generation);
    generation_pin(x->generation, w->index);
    x->tcp = x->listener && x->listener->tcp;
    x->step = x->tcp ? EXCHANGE_OPEN : EXCHANGE_READ_HEAD;
    x->client = s->client.address;
    x->begun_ns = w->now_ns;
    x->begun_wall_ns = clock_wall_ns();
    x->up_result = x->down_result = FLOW_HUNGRY;
    x->hedge = HEDGE_NONE;
    x->fate = FATE_KEEP;
    x->end = ACCESS_COMPLETE;
    x->lead = x->detail = "";
    x->request_number = ++w->requests;
    x->try_deadline.call = exchange_try_late;
    x->request_deadline.call = request_late;
    METRIC_ADD(w->metrics->requests_in_flight, 1);

    if (x->listener) {
        const int64_t *timeout = x->listener->timeout_ns;
        deadline_set(&w->deadlines, &s->deadline, timeout[TIMEOUT_LISTENER_HEADER], w->now_ns);
        deadline_set(&w->deadlines, &x->request_deadline, timeout[TIMEOUT_LISTENER_REQUEST],
                     w->now_ns);
    }
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

void exchange_count_received(struct exchange *x, uint64_t n)
{
    x->received_bytes += n;
    METRIC_ADD(x->worker->metrics->client_received_bytes, (int64_t)n);
}

void exchange_count_heard(struct exchange *x, uint64_t n)
{
    x->heard_bytes += n;
    METRIC_ADD(x->worker->metrics->server_received_bytes, (int64_t)n);
    METRIC_ADD(x->server->worker[x->worker->index]->received_bytes, n);
}

static enum throttle_way way_of(const struct exchange *x, const struct flow *f)
{
    return f == &x->up ? THROTTLE_UP : THROTTLE_DOWN;
}

enum flow_result exchange_run_allowed(struct exchange *x, struct flow *f, struct buffer *in,
                                      size_t head)
{
    /* What there is goes with the head, in one write. */
    if (*f->allowed == 0 && !f->ended && buffer_len(in) > 0)
        (void)exchange_may_move(x, way_of(x, f));
    enum flow_result r = flow_run(f, in, exchange_scratch(x, head));
    while (r == FLOW_PACED && exchange_may_move(x, way_of(x, f)))
        r = flow_run(f, in, exchange_scratch(x, 0));
    return r;
}

bool exchange_passes(const struct exchange *x, const struct flow *f)
{
    const bool up = f == &x->up;
    const struct buffer *in = up ? &x->session->in : &x->link->in;
    return buffer_len(in) == 0 && flow_passes(f, up ? &x->session->conn : &x->link->conn);
}

enum flow_result exchange_pass(struct exchange *x, struct flow *f, bool *many)
{
    const bool up = f == &x->up;
    struct conn *from = up ? &x->session->conn : &x->link->conn;
    size_t n;
    enum flow_result r = flow_pass(f, from, exchange_scratch(x, 0), &n, many);
    if (r == FLOW_PACED && exchange_may_move(x, way_of(x, f)))
        r = flow_pass(f, from, exchange_scratch(x, 0), &n, many);
    if (up)
        exchange_count_received(x, n);
    else
        exchange_count_heard(x, n);
    if (r == FLOW_HUNGRY && n > 0 && !*many) /* all there was has been moved */
        *(up ? &x->session->readable : &x->link->readable) = false;
    return r;
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

static enum outcome refuse_overload(struct exchange *x)
{
    METRIC_ADD(x->worker->metrics->overload_refused, 1);
    x->retry_after_s = 1;
    x->fate = FATE_LINGER;
    return refuse(x, 503, ACCESS_OVERLOAD, "Too much is going on here now.");
}

/* More of a head that was not complete. */
static enum outcome read_more(struct exchange *x)
{
    struct session *s = x->session;
    /* A stream's head is here as a whole, or was cut because it is too long. */
    if (buffer_len(&s->in) >= x->listener->max_head_bytes || conn_is_stream(&s->conn))
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

/* What came of it within the limit may be with a server, which sees it end before its end. */
enum outcome exchange_too_large(struct exchange *x)
{
    METRIC_ADD(x->worker->metrics->requests_too_large, 1);
    exchange_drop_link(x);
    if (x->response_known)
        return exchange_abort(x, ACCESS_TOO_LARGE);
    x->fate = FATE_LINGER;
    return refuse(x, 413, ACCESS_TOO_LARGE, "The request's body is longer than it may be here.");
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
    if (used > 0 && (uint32_t)used > x->listener->max_head_bytes)
        return malformed(x, H1_TOO_LARGE);
    if (used == 0) {
        x->head_parsed = (uint32_t)got.len;
        return read_more(x);
    }

    METRIC_ADD(x->worker->metrics->requests_total, 1);
    deadline_clear(&s->deadline);
    x->head_ns = x->worker->now_ns;
    x->received_bytes = got.len;
    s->in.floor = s->in.start + (uint32_t)used; /* the head stays as long as the exchange does */
    x->head_end = s->in.floor;
    buffer_used(&s->in, (size_t)used);
    const int error = http_request_understand(&x->request, &x->info);
    if (error)
        return malformed(x, error);
    const enum overload_stage stage = overload_stage(&x->worker->overload, x->listener);
    if (stage == OVERLOAD_REFUSES)
        return refuse_overload(x);
    if (stage == OVERLOAD_SAVES && !s->parent && x->fate == FATE_KEEP)
        x->fate = FATE_CLOSE;
    /* Of a stream's body only the end is known, unless it says its length. */
    const bool all_here = conn_ended(&s->conn) && buffer_len(&s->in) == 0;
    if (x->info.framing == FRAMING_NONE && conn_is_stream(&s->conn) && !all_here &&
        !x->info.upgrade && !http_field_find(&x->request, HTTP_CONTENT_LENGTH))
        x->info.framing = FRAMING_CLOSE;
    if (!x->info.keep_alive || s->requests >= x->listener->max_requests)
        x->fate = FATE_CLOSE;
    return go(x, EXCHANGE_DECIDE);
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

/* The server has sent nothing behind its answer. A read that was filled to the last byte does not
 * say so; those are few, and looked at once more. */
static bool nothing_behind(struct link *l)
{
    char byte;
    return buffer_len(&l->in) == 0 && (!l->readable || conn_read(&l->conn, &byte, 1) == -EAGAIN);
}

static bool link_reusable(const struct exchange *x)
{
    return x->generation && x->response_known && x->response_info.keep_alive && x->down.ended &&
           x->up.ended && x->up_result == FLOW_DONE && !x->up_failed && !x->leaves_answer &&
           atomic_load_explicit(&x->server->generation, memory_order_relaxed) >=
               x->worker->newest_id &&
           !x->worker->draining && nothing_behind(x->link);
}

void exchange_release_link(struct exchange *x)
{
    if (x->other)
        exchange_drop_other(x);
    if (!x->link) {
        exchange_stand_up(x); /* no connection came of it */
        return;
    }
    if (x->generation && x->response_known) /* what broke off has lost its link; a tunnel is judged
                                             * by its beginning */
        exchange_judge(x, outlier_is_error(x->server_status));
    const bool reusable = !conn_is_stream(&x->link->conn) && link_reusable(x);
    const int64_t idle_ns = reusable ? x->cluster->timeout_ns[TIMEOUT_CLUSTER_IDLE] : 0;
    if (!reusable || (x->link->proxied && x->fate != FATE_KEEP))
        link_close(x->link);
    else if (x->link->proxied)
        link_keep(x->link, &x->session->kept, idle_ns, x->worker->now_ns);
    else
        link_give(x->link, idle_ns, x->worker->now_ns);
    x->link = NULL;
    exchange_stand_up(x);
}

void exchange_drop_link(struct exchange *x)
{
    deadline_clear(&x->try_deadline);
    link_close(x->link);
    x->link = NULL;
    exchange_stand_up(x);
}

enum outcome exchange_finish(struct exchange *x)
{
    struct session *s = x->session;
    skip_body(x);
    exchange_release_link(x);
    /* A client that was not told so, for the end came later, may ask once more where others accept
     * in our place: see session_await_last(). */
    if (x->fate == FATE_KEEP && x->worker->draining && !x->worker->succeeded)
        x->fate = FATE_CLOSE;
    /* Closing over unread bytes would reset the connection, and the client might lose our answer.
     */
    const bool said_all = x->end == ACCESS_COMPLETE || x->end == ACCESS_ANSWERED ||
                          x->end == ACCESS_PREFLIGHT || x->end == ACCESS_UNAUTHORIZED;
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
    conn_want(&x->session->conn, WATCH_READ);
}

/* The deadline of a direction runs while it waits for the same side and nothing moves in it. It
 * starts again when something has moved, and not when the other direction is busy. */
static void watch_stall(struct exchange *x, struct stall *s, struct deadline *d, struct stall now,
                        int64_t ns)
{
    const bool same = s->turn == now.turn && s->moved == now.moved && s->deadline == d;
    if (same && d->at_ns != 0)
        return;
    *s = now;
    s->deadline = d;
    if (now.turn == TURN_NOBODY)
        deadline_clear(d);
    else
        deadline_set(&x->worker->deadlines, d, ns, x->worker->now_ns);
}

/* A body may go on for hours once the response has begun: of a call that streams both ways. */
static void settle_pace(struct exchange *x)
{
    const int64_t now_ns = x->worker->now_ns;
    const bool relays = x->step == EXCHANGE_RELAY;
    pace_wait(&x->up_pace, relays && x->up_stall.turn == TURN_CLIENT && !x->response_known, now_ns);
    pace_wait(&x->down_pace, relays && x->down_stall.turn == TURN_CLIENT, now_ns);
}

static int64_t server_read_ns(const struct exchange *x)
{
    return x->read_timeout_ns > 0 ? x->read_timeout_ns
                                  : x->cluster->timeout_ns[TIMEOUT_CLUSTER_READ];
}

static bool wants_body(const struct exchange *x)
{
    return x->step == EXCHANGE_RELAY && !x->up.ended && !x->up_failed &&
           x->up_result == FLOW_HUNGRY;
}

bool exchange_reads_client(const struct exchange *x)
{
    return x->step == EXCHANGE_READ_HEAD || x->step == EXCHANGE_OPEN ||
           x->step == EXCHANGE_TUNNEL || wants_body(x);
}

bool exchange_is_left(const struct exchange *x)
{
    const struct session *s = x->session;
    return !s->parent && s->readable && conn_is_broken(&s->conn);
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
    conn_want(&s->conn, (body_wanted || quiet ? WATCH_READ : 0) | (blocked ? WATCH_WRITE : 0));
}

/* Does the client wait to be told that its body is wanted (RFC 9110 10.1.1)? Then it is the
 * server's turn, though the request is not whole. */
static bool awaits_continue(const struct exchange *x)
{
    return wants_body(x) && x->info.expects_continue && !x->continued && x->up.body.total == 0;
}

/* The request's direction waits for the client's bytes, or for the server to take them. */
static void settle_up(struct exchange *x)
{
    struct stall now = {0};
    int64_t ns = 0;
    if (wants_body(x) && !awaits_continue(x)) {
        now = (struct stall){.turn = TURN_CLIENT, .moved = x->received_bytes};
        ns = x->listener->timeout_ns[TIMEOUT_LISTENER_READ];
    } else if (x->step == EXCHANGE_RELAY && x->up_result == FLOW_BLOCKED && !x->up_failed) {
        now = (struct stall){.turn = TURN_SERVER, .moved = x->up.sent_bytes};
        ns = x->cluster->timeout_ns[TIMEOUT_CLUSTER_WRITE];
    }
    watch_stall(x, &x->up_stall, &x->session->deadline, now, ns);
}

/* The response's direction waits for the client to take it, or for the server's bytes: of those
 * only once it has something to answer, and what it gets of the request counts for it, or is kept
 * from it by us. */
static void settle_down(struct exchange *x, struct deadline *d)
{
    struct stall now = {0};
    int64_t ns = 0;
    if (x->down_result == FLOW_BLOCKED) {
        now = (struct stall){.turn = TURN_CLIENT, .moved = x->down.sent_bytes};
        ns = x->listener->timeout_ns[TIMEOUT_LISTENER_WRITE];
    } else if (x->step == EXCHANGE_RELAY && x->down_result == FLOW_HUNGRY &&
               x->up_result != FLOW_PACED &&
               (x->up.ended || x->up_failed || x->response_known || awaits_continue(x))) {
        now = (struct stall){.turn = TURN_SERVER, .moved = x->heard_bytes + x->up.sent_bytes};
        ns = server_read_ns(x);
    }
    watch_stall(x, &x->down_stall, d, now, ns);
}

static void settle_link(struct exchange *x)
{
    if (x->step == EXCHANGE_CONNECT) {
        conn_want(&x->link->conn, x->link->connected ? WATCH_READ : WATCH_WRITE);
        deadline_clear(&x->session->deadline);
        if (x->link->deadline.at_ns == 0) /* the handshake is a part of it */
            deadline_set(&x->worker->deadlines, &x->link->deadline,
                         x->cluster->timeout_ns[TIMEOUT_CLUSTER_CONNECT], x->worker->now_ns);
        return;
    }
    const bool blocked = x->up_result == FLOW_BLOCKED && !x->up_failed;
    const bool reading = x->down_result == FLOW_HUNGRY;
    conn_want(&x->link->conn, (reading ? WATCH_READ : 0) | (blocked ? WATCH_WRITE : 0));
    settle_up(x);
    settle_down(x, &x->link->deadline);
    settle_pace(x);
}

/* A password is checked as soon as those before it were; a head would be waited for as long. */
static void settle_check(struct exchange *x)
{
    const struct stall now = {.turn = TURN_CHECK, .moved = x->walked};
    settle_client(x);
    watch_stall(x, &x->up_stall, &x->session->deadline, now,
                x->listener->timeout_ns[TIMEOUT_LISTENER_HEADER]);
}

/* Both have the session's deadline, which starts anew with each try, and not with each turn. */
static void settle_wait(struct exchange *x)
{
    const bool queued = x->step == EXCHANGE_QUEUE;
    const struct stall now = {.turn = queued ? TURN_QUEUE : TURN_PAUSE, .moved = x->tries};
    settle_client(x);
    watch_stall(x, &x->up_stall, &x->session->deadline, now,
                queued ? x->cluster->timeout_ns[TIMEOUT_CLUSTER_QUEUE] : x->pause_ns);
}

void exchange_settle(struct exchange *x)
{
    exchange_settle_try(x);
    if (x->throttled)
        exchange_settle_throttled(x);
    if (x->retry && x->retry->hedge_ns > 0)
        exchange_settle_hedge(x);
    switch (x->step) {
    case EXCHANGE_OPEN:
    case EXCHANGE_READ_HEAD: settle_head(x); return;
    case EXCHANGE_TUNNEL: exchange_tunnel_settle(x); return;
    case EXCHANGE_TARPIT:
        conn_want(&x->session->conn, 0);
        deadline_set(&x->worker->deadlines, &x->session->deadline,
                     x->generation->table->end[x->verdict.end].delay_ns, x->worker->now_ns);
        return;
    case EXCHANGE_AUTHORIZE: settle_check(x); return;
    case EXCHANGE_QUEUE:
    case EXCHANGE_PAUSE: settle_wait(x); return;
    case EXCHANGE_DECIDE:
    case EXCHANGE_PICK:
    case EXCHANGE_CONNECT:
    case EXCHANGE_RELAY:
    case EXCHANGE_ANSWER:
    case EXCHANGE_FINISH: settle_client(x); break;
    }
    if (x->link)
        settle_link(x);
    else
        settle_down(x, &x->session->deadline);
}

/* --- late ---------------------------------------------------------------------------------- */

static enum outcome give_client_up(struct exchange *x, enum access_end end)
{
    const bool may_answer = (x->step == EXCHANGE_READ_HEAD || x->step == EXCHANGE_RELAY) &&
                            !x->response_known && x->down_result != FLOW_BLOCKED;
    if (!may_answer)
        return exchange_abort(x, end);
    exchange_drop_link(x);
    x->fate = FATE_LINGER;
    return refuse(x, 408, end, "The request did not arrive in time.");
}

static void client_late(struct exchange *x)
{
    METRIC_ADD(x->worker->metrics->requests_timed_out, 1);
    if (x->step == EXCHANGE_TUNNEL)
        exchange_tunnel_late(x, false);
    else
        give_client_up(x, ACCESS_CLIENT_TIMEOUT);
}

bool exchange_is_slow(struct exchange *x, enum outcome *out)
{
    struct metrics *m = x->worker->metrics;
    const int64_t now_ns = x->worker->now_ns;
    const uint32_t rate = x->listener->min_rate;
    const int64_t over_ns = x->listener->min_rate_ns;
    const bool up = pace_is_slow(&x->up_pace, x->received_bytes, rate, over_ns, now_ns);
    const bool down = pace_is_slow(&x->down_pace, x->down.sent_bytes, rate, over_ns, now_ns);
    if (!up && !down)
        return false;
    METRIC_ADD(m->requests_slow, up);
    METRIC_ADD(m->responses_slow, !up);
    *out = give_client_up(x, ACCESS_CLIENT_SLOW);
    return true;
}

static void server_late(struct exchange *x)
{
    if (x->step == EXCHANGE_TUNNEL)
        exchange_tunnel_late(x, true);
    else if (x->step == EXCHANGE_CONNECT)
        exchange_server_failed(x, 504, ACCESS_CONNECT_TIMEOUT,
                               "No connection to a server in time.");
    else
        exchange_server_failed(x, 504, ACCESS_SERVER_TIMEOUT, "The server did not answer in time.");
}

void exchange_session_late(struct exchange *x)
{
    if (x->step == EXCHANGE_TARPIT)
        x->late = true;
    else if (x->step == EXCHANGE_AUTHORIZE)
        exchange_check_late(x);
    else if (x->step == EXCHANGE_QUEUE)
        exchange_queue_late(x);
    else if (x->step == EXCHANGE_PAUSE)
        x->rested = true;
    else if (x->step == EXCHANGE_RELAY && x->up_stall.turn == TURN_SERVER)
        server_late(x);
    else
        client_late(x);
}

void exchange_link_late(struct exchange *x)
{
    if (x->step == EXCHANGE_RELAY && x->down_stall.turn == TURN_CLIENT)
        client_late(x);
    else
        server_late(x);
}

/* Is the client not to blame? What it still has to send is not asked for before a server has it. */
static bool has_arrived(const struct exchange *x)
{
    return x->step == EXCHANGE_RELAY ? x->up.ended : x->step != EXCHANGE_READ_HEAD;
}

static void request_late(struct deadline *d)
{
    struct exchange *x = CONTAINER_OF(d, struct exchange, request_deadline);
    CHECK_OBJ(x, EXCHANGE_MAGIC);
    const bool may_answer =
        !x->response_known && x->down_result != FLOW_BLOCKED && x->step < EXCHANGE_ANSWER;
    METRIC_ADD(x->worker->metrics->requests_overdue, 1);
    if (!may_answer) {
        exchange_abort(x, ACCESS_REQUEST_TIMEOUT);
    } else {
        const bool arrived = has_arrived(x);
        exchange_leave_inquiry(x);
        exchange_drop_link(x);
        exchange_leave_question(x);
        if (!arrived || !x->up.ended)
            x->fate = FATE_LINGER;
        refuse(x, arrived ? 504 : 408, ACCESS_REQUEST_TIMEOUT,
               "The request was not answered in the time it has.");
    }
    session_drive(x->session);
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
    deadline_clear(&x->request_deadline);
    deadline_clear(&x->try_deadline);
    deadline_clear(&x->hedge_deadline);
    exchange_leave_inquiry(x);
    exchange_leave_question(x);
    exchange_release_link(x);
    if (x->generation && x->server_status)
        histogram_add(&exchange_seen(x)->total, w->now_ns - x->begun_ns);
    if (x->generation) {
        exchange_count_outcome(x);
        exchange_leave_room(x);
    }
    exchange_count_bytes(x);
    if (x->tarpitted)
        w->tarpitted--;
    exchange_log(x);
    exchange_drop_token(x);
    count_status(w->metrics, x->status);
    if (x->side != CANARY_NO_SIDE)
        exchange_count_side(x);
    METRIC_ADD(w->metrics->client_sent_bytes, (int64_t)x->down.sent_bytes);
    METRIC_ADD(w->metrics->server_sent_bytes, (int64_t)x->up.sent_bytes);
    METRIC_ADD(w->metrics->requests_in_flight, -1);
    flow_done(&x->up, &w->buffers);
    flow_done(&x->down, &w->buffers);
    exchange_drop_coding(x);
    exchange_end_holds(x);
    if (x->throttled)
        exchange_end_throttled(x);
    if (x->generation)
        generation_unpin(x->generation, w->index);
    else
        exchange_tunnel_done(x);
    free(x->record);
    exchange_drop_taken(x);
    x->magic = 0;
    pool_give(&w->exchanges, x);
}

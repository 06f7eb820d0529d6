/* PAUSE: what becomes of a request whose server failed: another try, an answer, or a visible end.
 */
#include "runtime/mux/stream.h"
#include "runtime/proxy/exchange_priv.h"
#include "runtime/upstream/retry.h"

/* A server that could not be reached is tried again by other requests only after this, unless there
 * is no other; health checks take it out for longer. */
#define SUSPECT_NS NS_PER_S

/* --- the body -------------------------------------------------------------------------------- */

/* Where the request's body begins in its buffer: behind the head. */
static uint32_t body_begin(const struct exchange *x)
{
    return x->head_end;
}

void exchange_begin_body(struct exchange *x)
{
    const uint32_t most = x->retry->buffer_bytes;
    const bool fits = x->info.framing != FRAMING_LENGTH || x->info.content_length <= most;
    x->keeps_body = most > 0 && fits && !x->tcp &&
                    (x->info.framing == FRAMING_LENGTH || x->info.framing == FRAMING_CLOSE);
}

void exchange_hold_body(struct exchange *x)
{
    struct buffer *in = &x->session->in;
    if (x->keeps_body)
        in->floor = in->end; /* nothing of it is given up when it is used */
}

/* From here on it goes through the room that there is, as any other. */
static void give_up_body(struct exchange *x)
{
    struct buffer *in = &x->session->in;
    x->keeps_body = false;
    in->floor = body_begin(x);
    if (in->start == in->end)
        in->start = in->end = in->floor;
}

void exchange_keep_body(struct exchange *x)
{
    struct buffer *in = &x->session->in;
    if (!x->keeps_body)
        return;
    in->floor = in->start;
    if (in->start - body_begin(x) > x->retry->buffer_bytes || buffer_room(in) == 0)
        give_up_body(x);
}

static bool is_repeatable(const struct exchange *x)
{
    return x->info.framing == FRAMING_NONE || !x->body_taken || x->keeps_body;
}

void exchange_rewind(struct exchange *x)
{
    struct buffer *in = &x->session->in;
    flow_done(&x->up, &x->worker->buffers);
    if (x->info.framing == FRAMING_NONE || x->tcp)
        return;
    if (x->keeps_body)
        in->start = in->floor = body_begin(x);
    x->body_taken = false;
    x->session->readable = true; /* a stream's end, say, has to be seen once more */
    flow_init(&x->up, NULL, x->info.framing, x->info.content_length, false);
    x->up_result = FLOW_HUNGRY;
}

/* --- the decision ---------------------------------------------------------------------------- */

static enum retry_cause cause_of(const struct exchange *x, enum access_end end)
{
    if (x->step == EXCHANGE_PICK || x->step == EXCHANGE_CONNECT)
        return RETRY_CONNECT;
    if (x->link && link_refused(x->link))
        return RETRY_REFUSED;
    if (x->step != EXCHANGE_RELAY)
        return RETRY_BROKEN;
    if (end == ACCESS_SERVER_TIMEOUT)
        return RETRY_TIMEOUT;
    if (x->heard)
        return RETRY_BROKEN;
    return x->reused ? RETRY_STALE : RETRY_RESET;
}

enum retry_verdict exchange_afford_retry(struct exchange *x)
{
    const uint32_t percent = x->retry->budget_percent;
    if (!exchange_hold_retry(x)) {
        METRIC_ADD(x->worker->metrics->circuit_breaker_refusals, 1);
        cluster_refuses(exchange_cluster(x), "retries", x->generation->owner);
        return RETRY_BREAKER;
    }
    if (retry_budget_take(&exchange_cluster(x)->budget, percent, x->worker->now_ns))
        return RETRY_AGAIN;
    METRIC_ADD(x->worker->metrics->retries_over_budget, 1);
    return RETRY_BUDGET;
}

static bool may_go_again(struct exchange *x, struct retry_case c)
{
    const struct table_retry *rule = x->retry;
    if (x->response_known || (x->worker->draining && !x->worker->succeeded))
        return false;
    c.method = x->tcp ? SLICE_NONE : x->asks ? SLICE("GET") : http_method(&x->request);
    c.idempotent = x->info.idempotent;
    c.repeatable = is_repeatable(x);
    c.tries = x->tries;
    c.retries = x->retries;
    const bool counted = retry_is_counted(rule, &c);
    enum retry_verdict verdict = retry_decide(rule, &c);
    if (verdict == RETRY_AGAIN && counted)
        verdict = exchange_afford_retry(x);
    if (verdict == RETRY_AGAIN) {
        x->retries += counted;
        x->retried = retry_cause_text(c.cause);
    } else if (rule->given && verdict != RETRY_NOT_ASKED) {
        x->not_retried = retry_verdict_text(verdict);
    }
    return verdict == RETRY_AGAIN;
}

void exchange_note_tried(struct exchange *x)
{
    if (x->n_tried == EXCHANGE_TRIED_MAX) {
        memmove(x->tried, x->tried + 1, sizeof(x->tried) - sizeof(x->tried[0]));
        x->n_tried--;
    }
    x->tried[x->n_tried++] = x->chosen;
}

static enum outcome go_again(struct exchange *x, bool counted)
{
    const int64_t backoff_ns = x->retry->backoff_ns;
    exchange_count_retry(x);
    exchange_rewind(x);
    if (!counted || backoff_ns == 0)
        return go(x, EXCHANGE_PICK);
    x->rested = false;
    x->pause_ns = retry_pause_ns(backoff_ns, x->retries, rng_next(&x->worker->rng));
    return go(x, EXCHANGE_PAUSE);
}

enum outcome exchange_pause(struct exchange *x)
{
    return x->rested ? go(x, EXCHANGE_PICK) : WAIT;
}

/* --- failures -------------------------------------------------------------------------------- */

/* That an idle connection was gone, or takes no more requests, says nothing about the server. */
static bool is_no_failure(const struct exchange *x, enum retry_cause cause)
{
    return x->reused && (cause == RETRY_STALE || cause == RETRY_REFUSED);
}

static void note_failure(struct exchange *x, enum retry_cause cause)
{
    struct server *s = x->server;
    if (is_no_failure(x, cause))
        return;
    exchange_judge(x, true);
    if (x->step == EXCHANGE_RELAY) {
        atomic_fetch_add_explicit(&s->response_errors, 1, memory_order_relaxed);
        METRIC_ADD(x->worker->metrics->server_response_errors, 1);
        return;
    }
    atomic_fetch_add_explicit(&s->connect_errors, 1, memory_order_relaxed);
    atomic_store_explicit(&s->connect_reason, x->reason, memory_order_relaxed);
    METRIC_ADD(x->worker->metrics->server_connect_errors, 1);
    atomic_store_explicit(&s->suspect_until_ns, x->worker->now_ns + SUSPECT_NS,
                          memory_order_relaxed);
}

/* However fast it failed, it counts as if it had taken all the time it was given. That an idle
 * connection was gone says nothing about the server. */
static void note_slowness(const struct exchange *x, enum access_end end)
{
    const bool relaying = x->step == EXCHANGE_RELAY;
    if (x->response_known || (relaying && x->reused && end != ACCESS_SERVER_TIMEOUT))
        return;
    const enum table_timeout given = relaying ? TIMEOUT_CLUSTER_READ : TIMEOUT_CLUSTER_CONNECT;
    cluster_timed(x->cluster, x->server, x->worker->index, x->cluster->timeout_ns[given],
                  x->worker->now_ns);
}

/* The client of a stream learns why its server's was reset. */
static void pass_code(const struct exchange *x)
{
    struct conn *client = &x->session->conn;
    if (!x->link || !conn_is_stream(&x->link->conn) || !conn_is_stream(client))
        return;
    const uint32_t code = stream_code(&x->link->conn);
    if (code != H2_NO_ERROR && code != H2_REFUSED_STREAM && code != H2_PROTOCOL_ERROR)
        stream_set_code(client, code);
}

/* The end of a response that has begun already can only be shown by breaking it off. */
static enum outcome cut_off(struct exchange *x, enum access_end end)
{
    x->fate = exchange_ends_by_close(x) ? FATE_RESET : FATE_CLOSE;
    x->end = end;
    pass_code(x);
    exchange_drop_link(x);
    return go(x, EXCHANGE_FINISH);
}

enum outcome exchange_server_failed(struct exchange *x, uint16_t status, enum access_end end,
                                    const char *detail)
{
    const struct retry_case c = {.cause = cause_of(x, end),
                                 .timed_out = end == ACCESS_CONNECT_TIMEOUT};
    note_failure(x, c.cause);
    note_slowness(x, end);
    const uint32_t counted_before = x->retries;
    x->late = end == ACCESS_CONNECT_TIMEOUT;
    if (x->response_known)
        return cut_off(x, end);
    if (exchange_goes_on_with_other(x))
        return GO_ON;
    const bool again = may_go_again(x, c);
    const bool counted = x->retries > counted_before;
    /* A server whose idle connection had died may well answer on a new one. */
    if (c.cause == RETRY_CONNECT || counted)
        exchange_note_tried(x);
    else
        x->fresh = true;
    exchange_drop_link(x);
    if (again)
        return go_again(x, counted);
    flow_done(&x->up, &x->worker->buffers);
    if (!x->up.ended && x->info.framing != FRAMING_NONE)
        x->fate = FATE_LINGER;
    return refuse(x, status, end, detail);
}

enum outcome exchange_answer_spoilt(struct exchange *x)
{
    note_failure(x, cause_of(x, ACCESS_SERVER_ERROR));
    x->response_known = false;
    exchange_drop_coding(x);
    x->down = (struct flow){.sent_bytes = x->down.sent_bytes};
    exchange_drop_link(x);
    flow_done(&x->up, &x->worker->buffers);
    if (!x->up.ended && x->info.framing != FRAMING_NONE)
        x->fate = FATE_LINGER;
    return refuse(x, 502, ACCESS_SERVER_ERROR, "The server's response is malformed.");
}

bool exchange_answer_is_retried(struct exchange *x)
{
    const struct table_retry *rule = x->retry;
    const struct retry_case c = {.cause = RETRY_STATUS, .status = x->response.status};
    if (x->other)
        return retry_names_status(rule, c.status);
    return rule->n_statuses > 0 && may_go_again(x, c);
}

enum outcome exchange_drop_answer(struct exchange *x)
{
    exchange_count_answer(x, x->response.status);
    exchange_judge(x, outlier_is_error(x->response.status));
    if (exchange_goes_on_with_other(x))
        return GO_ON;
    exchange_note_tried(x);
    exchange_drop_link(x);
    return go_again(x, true);
}

/* --- the time one try has -------------------------------------------------------------------- */

void exchange_try_late(struct deadline *d)
{
    struct exchange *x = CONTAINER_OF(d, struct exchange, try_deadline);
    CHECK_OBJ(x, EXCHANGE_MAGIC);
    if (x->other)
        exchange_drop_other(x); /* both have had their time */
    if (x->step == EXCHANGE_CONNECT)
        exchange_server_failed(x, 504, ACCESS_CONNECT_TIMEOUT,
                               "No connection to a server in time.");
    else
        exchange_server_failed(x, 504, ACCESS_SERVER_TIMEOUT, "The server did not answer in time.");
    session_drive(x->session);
}

void exchange_settle_try(struct exchange *x)
{
    const bool runs = x->link && x->cluster && !x->response_known &&
                      (x->step == EXCHANGE_CONNECT || x->step == EXCHANGE_RELAY) &&
                      x->up_result != FLOW_PACED; /* it is not the server that takes its time */
    if (!runs || x->retry->timeout_ns == 0)
        deadline_clear(&x->try_deadline);
    else if (x->try_deadline.at_ns == 0)
        deadline_set(&x->worker->deadlines, &x->try_deadline, x->retry->timeout_ns,
                     x->worker->now_ns);
}

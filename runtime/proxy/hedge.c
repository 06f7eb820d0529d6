/* A second server for a request that the first has not answered in time: two attempts at once. */
#include "runtime/proxy/exchange_priv.h"
#include "runtime/upstream/retry.h"

/*
 * The exchange goes on with one attempt; the other one rests beside it, with its link watched and
 * its deadline set. Whoever becomes ready, or late, is the one that the exchange goes on with, so
 * that all steps know of one attempt only. Both are in CONNECT or RELAY, and neither has said a
 * word: the first that does is the answer, and the other one is given up.
 */
#define ATTEMPT_FIELDS(FIELD)                                                                      \
    FIELD(enum exchange_step, step)                                                                \
    FIELD(struct server *, server)                                                                 \
    FIELD(struct link *, link)                                                                     \
    FIELD(struct flow, up)                                                                         \
    FIELD(enum flow_result, up_result)                                                             \
    FIELD(struct stall, down_stall)                                                                \
    FIELD(int64_t, connected_ns)                                                                   \
    FIELD(int64_t, picked_ns)                                                                      \
    FIELD(uint32_t, chosen)                                                                        \
    FIELD(uint8_t, n_interim)                                                                      \
    FIELD(bool, head_sent)                                                                         \
    FIELD(bool, up_failed)                                                                         \
    FIELD(bool, reused)                                                                            \
    FIELD(bool, heard)                                                                             \
    FIELD(bool, is_hedge)                                                                          \
    FIELD(bool, body_taken)                                                                        \
    FIELD(bool, keeps_body)

struct attempt {
#define FIELD(type, name) type name;
    ATTEMPT_FIELDS(FIELD)
#undef FIELD
    uint8_t seat;                 /* of x->held, what is the attempt's own */
    uint32_t body_at, body_floor; /* how far the request's body has gone, in the session's buffer */
};

size_t exchange_attempt_bytes(void)
{
    return sizeof(struct attempt);
}

/* Whose turn it is: the other one's. */
static void change(struct exchange *x)
{
    const struct attempt other = *x->other;
    struct buffer *in = &x->session->in;
#define FIELD(type, name)                                                                          \
    x->other->name = x->name;                                                                      \
    x->name = other.name;
    ATTEMPT_FIELDS(FIELD)
#undef FIELD
    x->other->seat = exchange_change_seat(x, other.seat);
    x->other->body_at = in->start;
    x->other->body_floor = in->floor;
    in->start = other.body_at;
    in->floor = other.body_floor;
}

/* The one that the exchange goes on with ends, and the other one is the only one again. */
static void give_up(struct exchange *x)
{
    struct worker *w = x->worker;
    cluster_timed(x->cluster, x->server, w->index, w->now_ns - x->picked_ns, w->now_ns);
    exchange_drop_link(x);
    exchange_connected(x);
    flow_done(&x->up, &w->buffers);
    change(x);
    pool_give(&w->attempts, x->other);
    x->other = NULL;
}

void exchange_turn_to(struct exchange *x, const struct link *l)
{
    ASSERT(x->other && x->other->link == l && !x->response_known);
    change(x);
}

bool exchange_goes_on_with_other(struct exchange *x)
{
    if (!x->other)
        return false;
    exchange_note_tried(x);
    give_up(x);
    return true;
}

void exchange_drop_other(struct exchange *x)
{
    change(x);
    give_up(x);
}

void exchange_answers(struct exchange *x)
{
    deadline_clear(&x->hedge_deadline);
    x->hedge = HEDGE_OVER;
    METRIC_ADD(x->worker->metrics->hedges_won, x->is_hedge);
    if (x->other)
        exchange_drop_other(x);
}

/* --- its beginning --------------------------------------------------------------------------- */

/* Could another server be asked the same? */
static bool is_asked_for(const struct exchange *x)
{
    return !x->tcp && !x->info.upgrade && !x->info.expects_continue &&
           retry_may_hedge(x->retry, http_method(&x->request));
}

/* Is all of the request with the server, or can it go to both at once? */
static bool is_sent(const struct exchange *x)
{
    return x->info.framing == FRAMING_NONE ||
           (x->info.framing == FRAMING_LENGTH && x->step == EXCHANGE_RELAY &&
            x->up_result == FLOW_DONE && x->keeps_body);
}

static bool may_hedge(const struct exchange *x)
{
    return x->link && (x->step == EXCHANGE_CONNECT || x->step == EXCHANGE_RELAY) && !x->heard &&
           !x->up_failed && is_sent(x) && !x->worker->draining;
}

/* Puts the attempt that is under way aside; the exchange has none then. */
static bool put_aside(struct exchange *x)
{
    struct attempt *other = pool_take(&x->worker->attempts);
    if (!other)
        return false;
    *other = (struct attempt){.step = EXCHANGE_PICK,
                              .is_hedge = true,
                              .body_taken = x->body_taken,
                              .keeps_body = x->keeps_body,
                              .body_at = x->session->in.start,
                              .body_floor = x->session->in.floor};
    x->other = other;
    change(x);
    return true;
}

static void take_back(struct exchange *x)
{
    change(x);
    pool_give(&x->worker->attempts, x->other);
    x->other = NULL;
}

/* A seat at another server, and what it costs. */
static bool sit(struct exchange *x)
{
    if (!exchange_sit_beside(x))
        return false;
    const enum retry_verdict verdict = exchange_afford_retry(x);
    if (verdict == RETRY_AGAIN)
        return true;
    x->not_retried = retry_verdict_text(verdict);
    exchange_stand_up(x);
    exchange_connected(x);
    return false;
}

/* Asks another server too. False, and all is as it was, where that can't be. */
static bool begin(struct exchange *x)
{
    uint32_t tried[EXCHANGE_TRIED_MAX];
    const uint8_t n_tried = x->n_tried;
    memcpy(tried, x->tried, sizeof(tried));
    exchange_note_tried(x);
    if (!put_aside(x))
        return false;
    if (sit(x)) {
        exchange_rewind(x);
        if (exchange_reach(x) == 0) {
            exchange_reached(x);
            return true;
        }
        exchange_stand_up(x);
        exchange_connected(x);
        if (x->retries == 0)
            exchange_end_retry(x);
    }
    take_back(x);
    memcpy(x->tried, tried, sizeof(tried));
    x->n_tried = n_tried;
    return false;
}

static void late(struct deadline *d)
{
    struct exchange *x = CONTAINER_OF(d, struct exchange, hedge_deadline);
    CHECK_OBJ(x, EXCHANGE_MAGIC);
    x->hedge = HEDGE_OVER;
    if (!may_hedge(x) || !begin(x))
        return;
    METRIC_ADD(x->worker->metrics->hedges, 1);
    x->retried = "hedge";
    deadline_clear(&x->try_deadline); /* it begins anew, for both */
    session_drive(x->session);
}

void exchange_settle_hedge(struct exchange *x)
{
    if (x->hedge != HEDGE_NONE || !x->link)
        return;
    x->hedge = HEDGE_OVER;
    if (!is_asked_for(x))
        return;
    x->hedge = HEDGE_WAITS;
    x->hedge_deadline.call = late;
    deadline_set(&x->worker->deadlines, &x->hedge_deadline, x->retry->hedge_ns, x->worker->now_ns);
}

/* RELAY, while an exchange asks: `require auth`, by which another server says whether a request may
 * come in. */
#include <errno.h>

#include "runtime/http/h1_body.h"
#include "runtime/proxy/exchange_priv.h"

/*
 * A question is a request of its own, without a body, by the exchange that waits for its answer. It
 * borrows what an exchange has for a server: cluster, seat, link, tries, deadlines. So the steps
 * from PICK to RELAY serve it as they serve any request, with its queue, circuit breaker, retries,
 * counts and connections that are kept. Of the client nothing is read meanwhile, and nothing is
 * written to it. What was borrowed is given back before the exchange goes on.
 *
 * Every answer of ours goes through refuse(), which says, while x->asks, that nobody could tell. A
 * refusal becomes the client's answer by ending the question before its head is used: RELAY parses
 * it again, as that of any server.
 *
 * Rejected: an exchange of its own, whose session would be none; and a small client beside, as
 * health checks have one, which would know of none of this.
 */

/* What is taken of answers, all together; beyond it nobody is let in. */
#define TAKEN_BYTES_MAX 8192u

/* More of a body that nobody wants than this is not read: the connection is closed. */
#define BODY_BYTES_MAX ((uint64_t)64 * 1024)

struct taken {
    uint32_t effect;   /* that it was asked for by */
    struct slice name; /* the table's */
    uint16_t at, len;  /* in question.text */
};

struct question {
    struct exchange *exchange;
    const struct table_auth *rule;
    struct deadline deadline;
    struct http_request_info info; /* the client's request's; the exchange has the question's */
    int64_t read_timeout_ns;       /* and what clauses have said for it */
    struct h1_body body;           /* of an answer that lets it in */
    bool heard;                    /* that is known */
    struct slice user;             /* whom it says that it is, in `text`; or none */
    uint8_t n_taken;
    uint16_t text_bytes;
    struct taken taken[QUESTION_TAKEN_MAX];
    char text[TAKEN_BYTES_MAX];
};

size_t exchange_question_bytes(void)
{
    return sizeof(struct question);
}

void exchange_drop_taken(struct exchange *x)
{
    ASSERT(!x->asks);
    pool_give(&x->worker->questions, x->question);
    x->question = NULL;
}

/* --- its beginning --------------------------------------------------------------------------- */

/* What has failed is tried by nobody again. */
static const struct table_retry NO_RETRY = {.given = true};

/* The question has had all its time, in whatever step that went by. */
static void late(struct deadline *d)
{
    struct question *q = CONTAINER_OF(d, struct question, deadline);
    struct exchange *x = q->exchange;
    CHECK_OBJ(x, EXCHANGE_MAGIC);
    ASSERT(x->asks);
    x->retry = &NO_RETRY;
    if (x->step == EXCHANGE_CONNECT)
        exchange_server_failed(x, 504, ACCESS_CONNECT_TIMEOUT, "");
    else if (x->step == EXCHANGE_RELAY)
        exchange_server_failed(x, 504, ACCESS_SERVER_TIMEOUT, "");
    else
        exchange_unanswered(x, x->step == EXCHANGE_QUEUE ? ACCESS_QUEUE_TIMEOUT
                                                         : ACCESS_CONNECT_TIMEOUT);
    session_drive(x->session);
}

static struct question *question_of(struct exchange *x)
{
    if (x->question)
        return x->question; /* it was let in by another one */
    struct question *q = pool_take(&x->worker->questions);
    if (!q)
        return NULL;
    q->exchange = x;
    q->deadline = (struct deadline){.call = late};
    q->n_taken = 0;
    q->text_bytes = 0;
    x->question = q;
    return q;
}

enum outcome exchange_ask(struct exchange *x, const struct table_auth *rule)
{
    struct worker *w = x->worker;
    struct question *q = question_of(x);
    if (!q)
        return refuse(x, 503, ACCESS_OVERLOAD, "Too much is going on here now.");
    METRIC_ADD(w->metrics->auth_questions, 1);
    exchange_drop_look_alikes(x, rule);
    q->rule = rule;
    q->heard = false;
    q->user = SLICE_NONE;
    q->info = x->info;
    q->read_timeout_ns = x->read_timeout_ns;
    x->asks = true;
    x->info.framing = FRAMING_NONE;
    x->info.expects_continue = x->info.upgrade = x->info.websocket = x->info.head = false;
    x->info.idempotent = true;
    x->read_timeout_ns = 0;
    x->cluster = &x->generation->table->cluster[rule->cluster];
    x->retry = &x->cluster->retry;
    x->hedge = HEDGE_OVER; /* a second server is asked for requests alone */
    deadline_set(&w->deadlines, &q->deadline, rule->timeout_ns, w->now_ns);
    return go(x, EXCHANGE_PICK);
}

/* --- its end --------------------------------------------------------------------------------- */

/* What the exchange knows of the request again. */
static void give_back(struct exchange *x)
{
    struct question *q = x->question;
    deadline_clear(&q->deadline);
    deadline_clear(&x->try_deadline);
    x->asks = false;
    x->info = q->info;
    x->read_timeout_ns = q->read_timeout_ns;
    x->hedge = HEDGE_NONE;
}

/* Nothing of the request's body has been looked at. */
static void reset_flow(struct exchange *x)
{
    flow_done(&x->up, &x->worker->buffers);
    METRIC_ADD(x->worker->metrics->server_sent_bytes, (int64_t)x->up.sent_bytes);
    x->up = (struct flow){0};
    x->up_result = FLOW_HUNGRY;
    x->response_info = (struct http_response_info){0};
}

void exchange_leave_question(struct exchange *x)
{
    if (!x->asks)
        return;
    give_back(x);
    reset_flow(x);
}

enum outcome exchange_unanswered(struct exchange *x, enum access_end why)
{
    exchange_leave_question(x);
    METRIC_ADD(x->worker->metrics->auth_unavailable, 1);
    if (!x->reason)
        x->reason = access_end_name(why);
    return refuse(x, 503, ACCESS_AUTH_UNAVAILABLE,
                  "Whether this request may come in could not be found out.");
}

/* As it was before the question. The link is gone, and so is the seat. */
static void forget_server(struct exchange *x)
{
    ASSERT(!x->link && !x->other);
    exchange_forget_room(x);
    x->down = (struct flow){0};
    x->up_stall = x->down_stall = (struct stall){0};
    x->cluster = NULL;
    x->retry = NULL;
    x->server = NULL;
    x->connected_ns = x->answered_ns = x->picked_ns = x->pause_ns = 0;
    x->key = x->sticky_key = 0;
    x->sticks = x->remembers = x->has_cookie = x->cookie_ages = false;
    x->head_sent = x->up_failed = x->fresh = x->late = x->reused = x->heard = false;
    x->has_turn = x->rested = x->response_known = false;
    x->tries = x->retries = x->n_interim = 0;
    x->retry_after_s = 0;
    x->server_status = 0;
    x->retried = x->not_retried = x->reason = NULL;
}

/* From here on limits and the log know who it is. */
static void name_user(struct exchange *x)
{
    if (x->question->rule->user.len == 0)
        return;
    x->facts.known = true;
    x->facts.user = x->question->user;
}

/* AUTHORIZE goes on behind it. `whole`: the connection may be used again. */
static enum outcome let_in(struct exchange *x, bool whole)
{
    x->response_known = true;
    x->down.ended = whole;
    x->server_status = x->response.status;
    exchange_end_retry(x);
    exchange_release_link(x);
    exchange_count_answer(x, x->server_status);
    exchange_leave_question(x);
    forget_server(x);
    name_user(x);
    x->walked++;
    return go(x, EXCHANGE_AUTHORIZE);
}

/* The client's body, which nobody wants: skipped where it is here, so that its connection can be
 * used again. */
static void leave_body(struct exchange *x)
{
    struct buffer *in = &x->session->in;
    if (x->info.framing == FRAMING_LENGTH && x->info.content_length <= buffer_len(in))
        buffer_used(in, (size_t)x->info.content_length);
    else if (x->info.framing != FRAMING_NONE)
        x->fate = FATE_LINGER;
}

/* The answer is the client's: RELAY passes it on, from its head, as that of any server. */
static enum outcome pass_on(struct exchange *x)
{
    METRIC_ADD(x->worker->metrics->requests_unauthorized, 1);
    give_back(x);
    leave_body(x);
    x->retry = &NO_RETRY;
    x->leaves_answer = x->info.head;
    x->end = ACCESS_UNAUTHORIZED;
    x->reason = NULL; /* of a try before */
    return go(x, EXCHANGE_RELAY);
}

/* It says neither yes nor no. */
static enum outcome refuse_answer(struct exchange *x)
{
    x->server_status = x->response.status;
    exchange_heard_server(x);
    exchange_count_answer(x, x->server_status);
    exchange_judge(x, outlier_is_error(x->server_status));
    x->reason = "the answer was none of 2xx, 401, 403 and a redirection";
    exchange_drop_link(x);
    return exchange_unanswered(x, ACCESS_SERVER_ERROR);
}

/* --- the answer ------------------------------------------------------------------------------ */

static bool keep_text(struct question *q, struct slice value, struct slice *out)
{
    if (value.len > sizeof(q->text) - q->text_bytes)
        return false;
    memcpy(q->text + q->text_bytes, value.at, value.len);
    *out = (struct slice){q->text + q->text_bytes, value.len};
    q->text_bytes = (uint16_t)(q->text_bytes + value.len);
    return true;
}

/* All fields of this name. */
static bool take(struct exchange *x, struct slice name)
{
    struct question *q = x->question;
    uint32_t cursor = 0;
    for (struct slice value, kept; http_field_next(&x->response, name, &cursor, &value);) {
        if (q->n_taken == QUESTION_TAKEN_MAX || !keep_text(q, value, &kept))
            return false;
        q->taken[q->n_taken++] = (struct taken){.effect = x->walked,
                                                .name = name,
                                                .at = (uint16_t)(kept.at - q->text),
                                                .len = (uint16_t)kept.len};
    }
    return true;
}

/* Where `take` names it, too, it is there already. */
static bool take_user(struct exchange *x, struct slice name)
{
    struct question *q = x->question;
    uint32_t cursor = 0;
    for (uint8_t k = 0; k < q->n_taken; k++)
        if (q->taken[k].effect == x->walked && slice_eq(q->taken[k].name, name)) {
            q->user = (struct slice){q->text + q->taken[k].at, q->taken[k].len};
            return true;
        }
    struct slice value;
    return !http_field_next(&x->response, name, &cursor, &value) || value.len == 0 ||
           keep_text(q, value, &q->user);
}

static bool take_all(struct exchange *x)
{
    const struct table_auth *rule = x->question->rule;
    for (uint32_t i = 0; i < rule->n_take; i++)
        if (!take(x, rule->take[i]))
            return false;
    return rule->user.len == 0 || take_user(x, rule->user);
}

size_t exchange_taken_edits(const struct exchange *x, uint32_t i, struct http_edit *out)
{
    const struct question *q = x->question;
    size_t n = 0;
    for (uint8_t k = 0; q && k < q->n_taken; k++)
        if (q->taken[k].effect == i)
            out[n++] = (struct http_edit){
                .kind = HTTP_ADD, /* what there was has been removed by a change before this one */
                .name = q->taken[k].name,
                .value = {q->text + q->taken[k].at, q->taken[k].len}};
    return n;
}

static bool is_for_client(uint16_t status)
{
    return status == 401 || status == 403 || status == 301 || status == 302 || status == 303 ||
           status == 307 || status == 308;
}

/* The head's bytes, which stay in the buffer where the answer is to be passed on. */
static enum outcome judge(struct exchange *x, size_t head)
{
    if (exchange_answer_is_retried(x))
        return exchange_drop_answer(x);
    if (is_for_client(x->response.status))
        return pass_on(x);
    if (x->response.status / 100 != 2)
        return refuse_answer(x);
    exchange_heard_server(x);
    x->answered_ns = x->worker->now_ns;
    if (exchange_is_left(x))
        return exchange_abort(x, ACCESS_CLIENT_ABORT);
    if (!take_all(x)) {
        x->reason = "the headers to take from the answer are too long";
        exchange_drop_link(x);
        return exchange_unanswered(x, ACCESS_SERVER_ERROR);
    }
    buffer_used(&x->link->in, head);
    h1_body_init(&x->question->body, x->response_info.framing, x->response_info.content_length);
    x->question->heard = true;
    return GO_ON;
}

static enum outcome spoilt(struct exchange *x)
{
    return exchange_server_failed(x, 502, ACCESS_SERVER_ERROR, "");
}

static enum outcome hear_head(struct exchange *x)
{
    const struct buffer *in = &x->link->in;
    if (buffer_len(in) == 0)
        return WAIT;
    const int head = h1_response_parse(&x->response, in->at + in->start, buffer_len(in));
    if (head == 0 && buffer_len(in) < HTTP_HEAD_BYTES_MAX)
        return WAIT;
    if (head <= 0 || http_response_understand(&x->response, false, &x->response_info) != 0 ||
        x->response_info.switches)
        return spoilt(x);
    if (!x->response_info.interim)
        return judge(x, (size_t)head);
    if (++x->n_interim > INTERIM_MAX)
        return spoilt(x);
    buffer_used(&x->link->in, (size_t)head);
    return GO_ON;
}

/* Lets it in once the body, which nobody wants, has come as a whole. */
static enum outcome hear_body(struct exchange *x)
{
    struct buffer *in = &x->link->in;
    struct h1_body *b = &x->question->body;
    struct h1_decoded d;
    if (h1_body_decode(b, in->at + in->start, buffer_len(in), &d) != 0)
        return spoilt(x);
    buffer_used(in, d.used);
    if (d.done || (h1_body_may_end(b) && conn_ended(&x->link->conn) && buffer_len(in) == 0))
        return let_in(x, d.done);
    return b->total > BODY_BYTES_MAX ? let_in(x, false) : WAIT;
}

static enum outcome read_more(struct exchange *x)
{
    if (!x->link->readable)
        return WAIT;
    const ssize_t n = exchange_fill(x, &x->link->conn, &x->link->in, &x->link->readable);
    if (n == -EAGAIN)
        return WAIT;
    if (n == -ENOBUFS)
        return exchange_unanswered(x, ACCESS_OVERLOAD);
    if (n == 0 && x->question->heard && h1_body_may_end(&x->question->body))
        return let_in(x, false);
    if (n <= 0)
        return spoilt(x);
    x->heard = true;
    exchange_count_heard(x, (uint64_t)n);
    return GO_ON;
}

enum outcome exchange_hear(struct exchange *x)
{
    for (;;) {
        const struct link *link = x->link;
        enum outcome out = x->question->heard ? hear_body(x) : hear_head(x);
        if (out == WAIT)
            out = read_more(x);
        if (out != GO_ON || !x->asks || x->link != link || x->step != EXCHANGE_RELAY)
            return out;
    }
}

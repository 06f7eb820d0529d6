/* ANSWER: responses of our own: what rules decide, and what went wrong, said briefly. */
#include "compiler/table/eval.h"
#include "runtime/http/date.h"
#include "runtime/http/h1_write.h"
#include "runtime/http/request_id.h"
#include "runtime/proxy/exchange_priv.h"

#define LOCATION_BYTES_MAX ((size_t)8192)
#define EXTRA_BYTES_MAX    (LOCATION_BYTES_MAX + 128)
#define PAGE_BYTES_MAX     512

static const struct slice PLAIN_TEXT = SLICE_INIT("text/plain; charset=utf-8");

/* The field lines that only some answers have. Returns their length, or more than EXTRA_BYTES_MAX.
 */
static size_t write_extra(const struct exchange *x, const struct table_end *end, char *out)
{
    size_t len = 0;
    memcpy(out, "Date: ", 6);
    len += 6;
    len += http_date_write(clock_wall_ns() / NS_PER_S, out + len);
    memcpy(out + len, "\r\n", 2);
    len += 2;
    if (!end || end->kind != END_REDIRECT)
        return len;

    memcpy(out + len, "Location: ", 10);
    len += 10;
    const size_t location = eval_template(x->generation->table, &end->location, &x->facts,
                                          &x->verdict, out + len, LOCATION_BYTES_MAX);
    if (location > LOCATION_BYTES_MAX)
        return EXTRA_BYTES_MAX + 1;
    len += location;
    memcpy(out + len, "\r\n", 2);
    return len + 2;
}

/* "503 Service Unavailable", why, and what to quote when asking about it. */
static struct slice write_page(const struct exchange *x, char out[PAGE_BYTES_MAX])
{
    char id[REQUEST_ID_BYTES];
    request_id_write(x->worker->request_id, x->request_number, id);
    const int len = snprintf(out, PAGE_BYTES_MAX, "%u %s\n%s%s\nRequest %.*s\n", x->status,
                             http_reason(x->status), x->lead, x->detail, REQUEST_ID_BYTES, id);
    ASSERT(len > 0 && len < PAGE_BYTES_MAX);
    return (struct slice){out, (size_t)len};
}

/* Into the worker's scratch; its length, or 0 when it does not fit. */
static size_t write_answer(const struct exchange *x, const struct table_end *end)
{
    char page[PAGE_BYTES_MAX], extra[EXTRA_BYTES_MAX];
    const size_t extra_len = write_extra(x, end, extra);
    if (extra_len > EXTRA_BYTES_MAX)
        return 0;

    const bool bodiless = x->status == 204 || x->status == 304;
    const bool from_rule = end && (end->kind == END_RESPOND || end->body.len > 0);
    struct h1_answer a = {.status = x->status,
                          .type = from_rule && end->type.len > 0 ? end->type : PLAIN_TEXT,
                          .extra = {extra, extra_len},
                          .body = from_rule ? end->body : write_page(x, page),
                          .close = x->fate != FATE_KEEP,
                          .keep_alive = x->fate == FATE_KEEP && x->request.minor_version == 0,
                          .body_sent = !x->info.head && !bodiless};
    if (bodiless)
        a.body = a.type = SLICE_NONE;
    const size_t len = h1_write_answer(x->worker->scratch, WORKER_SCRATCH_BYTES, &a);
    return len <= WORKER_SCRATCH_BYTES ? len : 0;
}

/* A body that is still on its way would be taken for the next request. */
static void settle_fate(struct exchange *x)
{
    const bool all_here = x->info.framing == FRAMING_NONE ||
                          (x->info.framing == FRAMING_LENGTH && x->up.sent_bytes == 0 &&
                           x->info.content_length <= buffer_len(&x->session->in));
    if (x->head_ns == 0 || (!x->up.ended && !all_here))
        x->fate = FATE_LINGER;
}

static enum outcome written(struct exchange *x, enum flow_result r)
{
    x->down_result = r;
    switch (r) {
    case FLOW_DONE: return go(x, EXCHANGE_FINISH);
    case FLOW_BLOCKED: x->session->writable = false; return WAIT;
    case FLOW_HUNGRY:
    case FLOW_MALFORMED:
    case FLOW_BROKEN:
    case FLOW_NO_MEMORY: return exchange_abort(x, ACCESS_CLIENT_ABORT);
    }
    ASSERT(!"every case above returns");
    return OVER;
}

enum outcome exchange_answer(struct exchange *x)
{
    if (!x->session->writable)
        return WAIT;
    if (x->response_known) /* begun before: what the socket did not take then */
        return written(x, flow_write(&x->down, exchange_scratch(x, 0)));

    exchange_drop_link(x);
    if (x->worker->draining && x->fate == FATE_KEEP)
        x->fate = FATE_CLOSE;
    const bool from_rule = x->end == ACCESS_ANSWERED;
    const struct table_end *end = from_rule ? &x->generation->table->end[x->verdict.end] : NULL;
    settle_fate(x);
    size_t len = write_answer(x, end);
    if (len == 0) {
        x->status = 414;
        x->detail = "The location to redirect to would be too long.";
        len = write_answer(x, NULL);
    }
    x->response_known = true;
    x->answered_ns = x->worker->now_ns;
    x->down.to = &x->session->conn;
    return written(x, flow_write(&x->down, exchange_scratch(x, len)));
}

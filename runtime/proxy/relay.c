/* RELAY: the request to the server and the response to the client, both at once, as far as they go.
 */
#include <errno.h>

#include "runtime/http/h1_write.h"
#include "runtime/proxy/exchange_priv.h"

/* What one turn may move in one direction, so that one fast pair does not keep a worker to itself.
 */
#define TURN_BYTES ((uint64_t)512 * 1024)

/* And what one turn may compress, which takes some milliseconds. */
#define CODED_TURN_BYTES ((uint64_t)128 * 1024)

/* --- request --------------------------------------------------------------------------------- */

/* More of the request's body. False when there is none now. */
static bool read_body(struct exchange *x, enum outcome *out)
{
    struct session *s = x->session;
    if (!s->readable)
        return false;
    const ssize_t n = exchange_fill(x, &s->conn, &s->in, &s->readable);
    if (n > 0) {
        exchange_count_received(x, (uint64_t)n);
        return true;
    }
    if (n == -EAGAIN)
        return false;
    if (n == 0 && conn_ended(&s->conn) && flow_source_closed(&x->up, conn_trailer(&s->conn)))
        return true;
    *out = exchange_abort(x, ACCESS_CLIENT_ABORT); /* a body cut short is not a request */
    return false;
}

/* What has been read goes to the server, and stays here too where it may be sent again. */
static enum flow_result run_up(struct exchange *x, size_t head)
{
    struct buffer *in = &x->session->in;
    const size_t before = buffer_len(in);
    exchange_hold_body(x);
    const enum flow_result r = exchange_run_flow(x, &x->up, in, head);
    x->body_taken |= buffer_len(in) < before;
    exchange_keep_body(x);
    return r;
}

/* Returns GO_ON when the exchange is over or has taken another step, else WAIT. */
static enum outcome send_request(struct exchange *x)
{
    size_t head = 0;
    if (!x->head_sent) {
        head = exchange_write_request(x);
        if (head == 0)
            return refuse(x, 431, ACCESS_MALFORMED, "The request's header fields are too large.");
        x->head_sent = true;
        if (x->info.framing != FRAMING_NONE && !x->info.expects_continue)
            x->session->readable = true; /* the body is mostly right behind the head */
    }
    const uint64_t stop_at = x->up.sent_bytes + TURN_BYTES;
    enum outcome out = WAIT;
    bool more = true, many = false;
    while (more) {
        x->up_result = run_up(x, head);
        head = 0;
        if (x->up_result != FLOW_HUNGRY || x->up.sent_bytes >= stop_at)
            break;
        if (many && !x->keeps_body && exchange_passes(x, &x->up)) {
            x->body_taken = true;
            x->up_result = exchange_pass(x, &x->up, &many);
            more = x->up_result == FLOW_HUNGRY;
        } else {
            more = read_body(x, &out);
            many = x->session->readable;
        }
    }
    return out;
}

static enum outcome pump_request(struct exchange *x)
{
    if (x->up_failed || x->up_result == FLOW_DONE || !x->link->writable)
        return WAIT;
    const enum outcome out = send_request(x);
    if (out != WAIT || x->step != EXCHANGE_RELAY)
        return out;

    switch (x->up_result) {
    case FLOW_DONE:
    case FLOW_PACED:
    case FLOW_HUNGRY: return WAIT;
    case FLOW_BLOCKED: x->link->writable = false; return WAIT;
    case FLOW_BROKEN:
        /* It may have answered before it closed: "too large", say. Look at that first. */
        x->up_failed = true;
        x->link->readable = true;
        return WAIT;
    case FLOW_MALFORMED:
        METRIC_ADD(x->worker->metrics->requests_malformed, 1);
        exchange_drop_link(x);
        x->fate = FATE_LINGER;
        if (x->response_known)
            return exchange_abort(x, ACCESS_MALFORMED);
        return refuse(x, 400, ACCESS_MALFORMED, "The request's body is malformed.");
    case FLOW_TOO_LARGE: return exchange_too_large(x);
    case FLOW_NO_MEMORY: return exchange_abort(x, ACCESS_OVERLOAD);
    }
    ASSERT(!"every case above returns");
    return OVER;
}

/* --- response -------------------------------------------------------------------------------- */

/* Chunks for whoever understands them, when the end is not told by a length. */
static bool chunks_needed(const struct exchange *x, bool coded)
{
    const enum http_framing framing = x->response_info.framing;
    return x->request.minor_version == 1 && !conn_is_stream(&x->session->conn) &&
           (framing == FRAMING_CHUNKED || framing == FRAMING_CLOSE ||
            (coded && framing != FRAMING_NONE));
}

/* Nothing follows it on the client's connection: we are to end, or its listener went meanwhile. */
static bool is_last(const struct exchange *x)
{
    return x->worker->draining ||
           (x->generation != x->worker->current && !session_listener(x->session));
}

/* Is this answer over before the request is? A client that was not told to continue will never send
 * its body; and an answer that is here as a whole does not wait for the rest. Nothing can follow on
 * such a connection, and the client must know (RFC 9110 10.1.1). */
static bool leaves_body(const struct exchange *x)
{
    const struct http_response_info *r = &x->response_info;
    const bool whole =
        r->framing == FRAMING_NONE ||
        (r->framing == FRAMING_LENGTH && r->content_length <= buffer_len(&x->link->in));
    return !x->up.ended && (whole || (x->info.expects_continue && x->up.body.total == 0));
}

static enum outcome begin_response(struct exchange *x, size_t *head)
{
    const enum http_framing framing = x->response_info.framing;
    struct http_edit edit[RESPONSE_EDITS_MAX + STICKY_EDITS_MAX + ENCODE_EDITS_MAX];
    char etag[ENCODE_ETAG_BYTES], cookie[STICKY_LINE_BYTES];
    bool coded = false;
    size_t edits = exchange_response_edits(x, &x->response, x->response.status, edit);
    http_edits_apply(&x->response, edit, edits);
    if (x->cluster->sticky.kind != STICKY_NONE)
        edits += exchange_stick_response(x, edit, edits, cookie);
    if (x->compress->n_codings > 0)
        edits += exchange_encode(x, edit, edits, etag, &coded);

    const bool chunked = chunks_needed(x, coded);
    const bool by_close = !chunked && (framing == FRAMING_CHUNKED || framing == FRAMING_CLOSE);
    if ((by_close || is_last(x) || leaves_body(x)) && x->fate == FATE_KEEP)
        x->fate = FATE_CLOSE;

    const bool keep = x->fate == FATE_KEEP;
    const struct h1_response_out out = {.head = &x->response,
                                        .edit = edit,
                                        .n_edits = edits,
                                        .chunked = chunked,
                                        .unsized = coded,
                                        .close = !keep,
                                        .keep_alive = keep && x->request.minor_version == 0,
                                        .upgrade = x->response.status == 426};
    *head = h1_write_response(x->worker->scratch, WORKER_SCRATCH_BYTES, &out);
    if (*head > WORKER_SCRATCH_BYTES)
        return exchange_server_failed(x, 502, ACCESS_SERVER_ERROR,
                                      "The server's response is too large.");
    x->response_known = true;
    if (x->hedge != HEDGE_NONE)
        exchange_answers(x);
    exchange_end_retry(x);
    x->status = x->server_status = x->response.status;
    x->answered_ns = x->worker->now_ns;
    exchange_heard_server(x);
    exchange_count_answer(x, x->status);
    const uint64_t sent = x->down.sent_bytes;  /* interim responses */
    const struct buffer first = x->down.first; /* and what the socket did not take of them */
    flow_init(&x->down, &x->session->conn,
              exchange_framing(framing, &x->link->conn, &x->session->conn),
              x->response_info.content_length, chunked);
    x->down.source = &x->link->conn;
    x->down.sent_bytes = x->interim_bytes = sent;
    x->down.first = first;
    x->down.coding = x->coding;
    if (x->throttled)
        exchange_allow(x, THROTTLE_DOWN);
    return WAIT;
}

/* What an interim response, or the rest of one, came to. */
static enum outcome interim_written(struct exchange *x, enum flow_result r)
{
    x->down_result = r == FLOW_DONE ? FLOW_HUNGRY : r;
    if (r == FLOW_DONE)
        return GO_ON;
    if (r != FLOW_BLOCKED)
        return exchange_abort(x, ACCESS_CLIENT_ABORT);
    x->session->writable = false;
    return WAIT;
}

/* A 1xx: passed on to those who know what that is (RFC 9110 15.2). */
static enum outcome pass_interim(struct exchange *x)
{
    if (++x->n_interim > INTERIM_MAX)
        return exchange_server_failed(x, 502, ACCESS_SERVER_ERROR,
                                      "The server sends interim responses and no answer.");
    METRIC_ADD(x->worker->metrics->responses_1xx, 1);
    if (x->other)
        exchange_drop_other(x); /* who has begun to answer, answers */
    x->continued |= x->response.status == 100;
    if (x->request.minor_version == 0)
        return GO_ON;
    const struct h1_response_out out = {.head = &x->response};
    const size_t len = h1_write_response(x->worker->scratch, WORKER_SCRATCH_BYTES, &out);
    if (len > WORKER_SCRATCH_BYTES)
        return GO_ON;
    x->down.to = &x->session->conn;
    const enum flow_result r = flow_write(&x->down, exchange_scratch(x, len));
    x->session->readable = true; /* the client may have been waiting to send its body */
    return interim_written(x, r);
}

/* One head out of the buffer. WAIT: it is not complete. GO_ON: look at x->step and go on. */
static enum outcome understand_head(struct exchange *x, size_t *head)
{
    struct buffer *in = &x->link->in;
    int r = h1_response_parse(&x->response, in->at + in->start, buffer_len(in));
    if (r == 0)
        return buffer_len(in) >= HTTP_HEAD_BYTES_MAX
                   ? exchange_server_failed(x, 502, ACCESS_SERVER_ERROR,
                                            "The server's response is too large.")
                   : WAIT;
    if (r > 0) {
        buffer_used(in, (size_t)r);
        r = http_response_understand(&x->response, x->info.head, &x->response_info);
    }
    if (r < 0)
        return exchange_server_failed(x, 502, ACCESS_SERVER_ERROR,
                                      "The server's response is malformed.");
    if (x->response_info.switches)
        return x->info.upgrade && x->up_result == FLOW_DONE
                   ? go(x, EXCHANGE_TUNNEL)
                   : exchange_server_failed(x, 502, ACCESS_SERVER_ERROR,
                                            "The server's response is malformed.");
    if (x->response_info.interim)
        return pass_interim(x);
    if (exchange_answer_is_retried(x))
        return exchange_drop_answer(x);
    /* To an extended CONNECT, any success would say that it is one (RFC 8441 5). */
    if (x->info.upgrade && conn_is_stream(&x->session->conn) && x->response.status / 100 == 2)
        return exchange_server_failed(x, 502, ACCESS_SERVER_ERROR,
                                      "The server did not switch protocols.");
    /* To a stream the end of an answer that has ended already is told with its head. */
    if (x->response_info.framing == FRAMING_CLOSE && conn_is_stream(&x->session->conn) &&
        conn_ended(&x->link->conn) && buffer_len(in) == 0 && conn_trailer(&x->link->conn).len == 0)
        x->response_info.framing = FRAMING_NONE;
    const enum outcome out = begin_response(x, head);
    return out == WAIT ? GO_ON : out;
}

/* The server has closed, or the connection broke. */
static enum outcome server_closed(struct exchange *x, ssize_t why)
{
    if (why == -ENOBUFS)
        return x->response_known
                   ? exchange_abort(x, ACCESS_OVERLOAD)
                   : refuse(x, 503, ACCESS_OVERLOAD, "Too much is going on here now.");
    if (why == 0 && x->response_known && flow_source_closed(&x->down, conn_trailer(&x->link->conn)))
        return WAIT;
    return exchange_server_failed(x, 502, ACCESS_SERVER_ERROR,
                                  "The server closed the connection without a whole response.");
}

/* Reads from the server once. WAIT: nothing now. GO_ON: there is more, or the step has changed. */
static enum outcome read_response(struct exchange *x)
{
    if (!x->link->readable)
        return WAIT;
    const ssize_t n = exchange_fill(x, &x->link->conn, &x->link->in, &x->link->readable);
    if (n == -EAGAIN)
        return WAIT;
    if (n <= 0) {
        const enum outcome out = server_closed(x, n);
        return out == WAIT ? GO_ON : out;
    }
    x->heard = true;
    exchange_count_heard(x, (uint64_t)n);
    return GO_ON;
}

/* What writing came to. GO_ON when all of it went and more is to be read. */
static enum outcome response_written(struct exchange *x, enum flow_result r)
{
    x->down_result = r;
    switch (r) {
    case FLOW_HUNGRY: return GO_ON;
    case FLOW_DONE:
    case FLOW_PACED: return WAIT;
    case FLOW_BLOCKED: x->session->writable = false; return WAIT;
    case FLOW_BROKEN: return exchange_abort(x, ACCESS_CLIENT_ABORT);
    case FLOW_TOO_LARGE: break; /* a response's may have any length */
    case FLOW_MALFORMED:
        return x->down.sent_bytes == x->interim_bytes && !x->down.first.at
                   ? exchange_answer_spoilt(x)
                   : exchange_server_failed(x, 502, ACCESS_SERVER_ERROR,
                                            "The server's response is malformed.");
    case FLOW_NO_MEMORY: return exchange_abort(x, ACCESS_OVERLOAD);
    }
    ASSERT(!"every case above returns");
    return OVER;
}

/* Heads first, interim ones too, until the final one is known. */
static enum outcome read_heads(struct exchange *x, size_t *head)
{
    if (!x->response_known && x->down.first.at) {
        const enum outcome out = interim_written(x, flow_write(&x->down, exchange_scratch(x, 0)));
        if (out != GO_ON || x->step != EXCHANGE_RELAY)
            return out;
    }
    while (!x->response_known) {
        enum outcome out = buffer_len(&x->link->in) > 0 ? understand_head(x, head) : WAIT;
        if (out == WAIT && x->session->writable)
            out = read_response(x);
        if (out != GO_ON || x->step != EXCHANGE_RELAY)
            return out;
    }
    return GO_ON;
}

/* Writes what has been read. */
static enum outcome write_response(struct exchange *x, size_t head)
{
    if (x->coding)
        x->coding->push = !x->link->readable;
    return response_written(x, exchange_run_flow(x, &x->down, &x->link->in, head));
}

/* Reads, or moves what needs no looking at. *many: the last read was full, so that there may be
 * much more. */
static enum outcome more_response(struct exchange *x, bool *many)
{
    if (*many && exchange_passes(x, &x->down))
        return response_written(x, exchange_pass(x, &x->down, many));
    const enum outcome out = read_response(x);
    *many = x->link && x->link->readable;
    return out;
}

static enum outcome pump_response(struct exchange *x)
{
    if (!x->session->writable)
        return WAIT;
    size_t head = 0;
    enum outcome out = read_heads(x, &head);
    const uint64_t stop_at = x->down.sent_bytes + TURN_BYTES;
    const uint64_t heard_max = x->heard_bytes + CODED_TURN_BYTES;
    bool many = false;
    while (out == GO_ON && x->step == EXCHANGE_RELAY) {
        out = write_response(x, head);
        head = 0;
        if (out != GO_ON || x->step != EXCHANGE_RELAY)
            break;
        const bool more =
            x->down.sent_bytes < stop_at && (!x->coding || x->heard_bytes < heard_max);
        out = more ? more_response(x, &many) : WAIT;
    }
    /* Nothing comes now: the client gets what there was. */
    if (out == WAIT && x->step == EXCHANGE_RELAY && x->down_result == FLOW_HUNGRY &&
        !x->link->readable && flow_holds_back(&x->down)) {
        out = write_response(x, 0);
        out = out == GO_ON && x->step == EXCHANGE_RELAY ? WAIT : out;
    }
    return out;
}

enum outcome exchange_relay(struct exchange *x)
{
    enum outcome out = pump_request(x);
    if (x->step != EXCHANGE_RELAY)
        return out;
    if (x->asks)
        return exchange_hear(x);
    out = pump_response(x);
    if (x->step != EXCHANGE_RELAY)
        return out;
    if (!x->response_known || x->down_result != FLOW_DONE)
        return exchange_is_slow(x, &out) ? out : WAIT; /* with what has just moved */
    /* The answer is complete. A request that is not can't be followed by another. */
    if (x->up_result != FLOW_DONE)
        x->fate = FATE_LINGER;
    return go(x, EXCHANGE_FINISH);
}

/* What the steps share; only the exchange's own files include this. */
#pragma once

#include "runtime/base/clock.h"
#include "runtime/http/h1_write.h"
#include "runtime/limit/throttle.h"
#include "runtime/mux/stream.h"
#include "runtime/proxy/cors.h"
#include "runtime/proxy/exchange.h"
#include "runtime/proxy/session.h"
#include "runtime/proxy/worker.h"
#include "runtime/upstream/retry.h"

_Static_assert(TABLE_HEAD_BYTES_MAX == HTTP_HEAD_BYTES_MAX, "what may be allowed can be read");

#define STEP(id, run) enum outcome run(struct exchange *x);
EXCHANGE_STEPS(STEP)
#undef STEP

static inline enum outcome go(struct exchange *x, enum exchange_step next)
{
    x->step = next;
    return GO_ON;
}

/* Ends a TCP connection so that the client sees that something went wrong. */
enum outcome exchange_give_up(struct exchange *x, enum access_end end);

/* question.c: the cluster of a `require auth` is asked about the request, effect x->walked of the
 * verdict. The steps that reach a server do that as for any request, while x->asks; what comes of
 * it is AUTHORIZE again, the answer on its way to the client, or an answer of ours. */
enum outcome exchange_ask(struct exchange *x, const struct table_auth *rule);

/* Drops the client's fields that only look like those which the rule takes. */
void exchange_drop_look_alikes(struct exchange *x, const struct table_auth *rule);

/* Has its client gone, while what it sent before waits to be read? Nothing is heard of it then.
 * One system call, where something waits. */
bool exchange_is_left(const struct exchange *x);

/* RELAY, while it asks: the answer. */
enum outcome exchange_hear(struct exchange *x);

/* While it asks, instead of any answer of ours: nobody could say whether the request may come in.
 */
enum outcome exchange_unanswered(struct exchange *x, enum access_end why);

/* It asks no more, and what follows is about the request itself. Harmless when it does not. */
void exchange_leave_question(struct exchange *x);

/* What was taken of the answer that effect `i` asked for, as edits of the request; returns how
 * many. At most QUESTION_TAKEN_MAX of all answers together. */
#define QUESTION_TAKEN_MAX 32u
size_t exchange_taken_edits(const struct exchange *x, uint32_t i, struct http_edit *out);
void exchange_drop_taken(struct exchange *x);
size_t exchange_question_bytes(void);

/* Ends with an answer of ours. `detail` is a sentence for the person who reads it. */
static inline enum outcome refuse(struct exchange *x, uint16_t status, enum access_end end,
                                  const char *detail)
{
    ASSERT(!x->response_known);
    if (x->asks)
        return exchange_unanswered(x, end);
    if (x->tcp)
        return exchange_give_up(x, end);
    x->status = status;
    x->end = end;
    x->lead = "";
    x->detail = detail;
    return go(x, EXCHANGE_ANSWER);
}

/* A server that says "soon" more often does not answer; and without an end to it, one turn of the
 * worker would have none. */
#define INTERIM_MAX 100u

/* exchange.c: has the client moved less than min-rate while it was waited for? Then it is given up.
 */
bool exchange_is_slow(struct exchange *x, enum outcome *out);

/* limits.c: one more request for each of these limits of the table. False: one refuses it, and *out
 * is what the step says. `so_far`: the changes that keys are seen with, or NULL. */
bool exchange_counts(struct exchange *x, const uint32_t *limit, uint32_t n,
                     const struct verdict *so_far, enum outcome *out);

/* Is it the limit of one of the verdict's first `n` changes? Then this counts there already. */
bool limits_count_before(const struct table *t, const struct verdict *v, uint32_t n,
                         uint32_t which);

/* One more connection for this limit of the generation's table; what it is then in flight at is
 * added to *all, to be ended with it. */
bool limits_admit(struct worker *w, const struct generation *g, uint32_t limit,
                  const struct facts *f, struct limit_hold **all);
void limits_end_holds(struct worker *w, struct limit_hold **all);

/* The same for the limit that effect `i` of the verdict names, which was met there. */
bool exchange_counts_clause(struct exchange *x, uint32_t i, enum outcome *out);

/* authorize.c: what the clauses that were met ask before what was decided is done: limits and
 * credentials; then exchange_follow(), or what becomes of it instead. */
enum outcome exchange_permit(struct exchange *x);

/* It waits for no password any more. Harmless when it does not. */
void exchange_leave_inquiry(struct exchange *x);
void exchange_check_late(struct exchange *x);
size_t exchange_inquiry_bytes(void);

/* authorize_jwt.c: does the token let it in by effect `e`? False: *out is what the step says. */
bool exchange_token_holds(struct exchange *x, const struct table_effect *e, enum outcome *out);

/* facts.c: what was said of who it is is gone; harmless where nothing was. */
void exchange_drop_token(struct exchange *x);

/* decide.c: is it a browser's question that is answered here, and goes to no server? */
bool exchange_is_preflight(const struct exchange *x);

/* Is it, or would one more be, above that limit? As facts.h asks it. */
bool exchange_limit_exceeded(const void *live, struct slice name);

/* Of limits of requests in flight: it is one no more. And before a tunnel lets go of its
 * generation: it keeps what it needs for that. */
void exchange_end_holds(struct exchange *x);
void exchange_keep_holds(struct exchange *x);
size_t exchange_hold_bytes(void);

/* throttled.c: it takes part in that limit of the table, which counts bytes, by this hash of its
 * key: x->throttled. Where memory is out it does not. */
void exchange_throttle(struct exchange *x, uint32_t limit, uint64_t hash);

/* Those below are of an exchange that has x->throttled. The first: how much the flow that way may
 * write, its `allowed`; it has been initialised. */
void exchange_allow(struct exchange *x, enum throttle_way way);

/* Of a flow that is FLOW_PACED: may it write more now? Else it is run again when it may. */
bool exchange_may_move(struct exchange *x, enum throttle_way way);

/* At the end of a turn: what was allowed and did not go is given back. */
void exchange_settle_throttled(struct exchange *x);
void exchange_end_throttled(struct exchange *x);
size_t exchange_throttled_bytes(void);

/* room.c: a seat at a server of x->cluster, which is then x->server. False: there is none, and *out
 * is what the step says. */
bool exchange_sit(struct exchange *x, enum outcome *out);

/* Gives the seat back. Harmless without one. */
void exchange_stand_up(struct exchange *x);

/* It is no longer among those that wait for a connection. */
void exchange_connected(struct exchange *x);

/* One more that is being tried again: false when the circuit breaker says no. */
bool exchange_hold_retry(struct exchange *x);
void exchange_end_retry(struct exchange *x);

/* It wants no server any more: it leaves the queue, and all that is counted. */
void exchange_leave_room(struct exchange *x);

/* It has wanted a server for a question: the next one is chosen as if it had not. */
void exchange_forget_room(struct exchange *x);

/* `timeout queue` has passed. */
void exchange_queue_late(struct exchange *x);

size_t exchange_place_bytes(void);
struct cluster *exchange_cluster(const struct exchange *x);
/* What this worker counts of it. */
struct cluster_worker *exchange_seen(const struct exchange *x);

/* counts.c: a server has answered with that, to be passed on or not. */
void exchange_count_answer(struct exchange *x, uint16_t status);

/* Whom that verdict came from: the clause that decided, if it did more than let pass what nobody
 * wanted otherwise, by the status that it came to; and each that changed something on the way. */
void clauses_count(const struct generation *g, const struct verdict *v, bool decided,
                   uint16_t status, uint32_t worker);

/* It is to be given to another connection or server, and still has the one that failed. */
void exchange_count_retry(struct exchange *x);

/* Once, while the exchange has its generation: what its client was answered. */
void exchange_count_outcome(struct exchange *x);

/* Once, at its end. */
void exchange_count_bytes(struct exchange *x);

/* Bytes that came from its client and are of this request. */
uint64_t exchange_received(const struct exchange *x);
struct sticky *exchange_sticky(const struct exchange *x);
const struct mac_key *exchange_cookie_key(const struct exchange *x);

/* stick.c: the key that the cluster's `sticky` goes by, once, before the first choice. */
void exchange_stick_begin(struct exchange *x);

/* The server that the client is remembered at, an index within the cluster, if it may go there;
 * else BALANCE_NONE, and the one that is chosen is remembered by exchange_stick() where the cluster
 * wants that. */
uint32_t exchange_stuck_at(struct exchange *x, const struct cluster_choice *choice,
                           struct cluster_view *view);
void exchange_stick(struct exchange *x);

/* There was room at that server. */
void exchange_stuck(struct exchange *x);

/* The cookie that the server is not to get, or an empty name. */
struct slice exchange_cookie_to_hide(const struct exchange *x);

/* The server's final response, or its 101, is about to be passed on, with `n` edits that have been
 * applied: what it says of whom the client belongs to is remembered, or said to the client in up to
 * STICKY_EDITS_MAX more edits behind them. Returns how many; `line` is theirs. */
#define STICKY_EDITS_MAX  2
#define STICKY_LINE_BYTES 1024
_Static_assert(TABLE_COOKIE_NAME_MAX + TABLE_COOKIE_ATTRIBUTES_MAX + 64 < STICKY_LINE_BYTES,
               "a cookie has room, with its value");
size_t exchange_stick_response(struct exchange *x, struct http_edit *edit, size_t n,
                               char line[STICKY_LINE_BYTES]);

/* A seat at another server than those that were tried, at once or not at all. */
bool exchange_sit_beside(struct exchange *x);

/* What the try under way holds: `seat` instead, of another one. Returns what it was. */
uint8_t exchange_change_seat(struct exchange *x, uint8_t seat);

/* forward.c: a link to x->server, as x->link: 0 or a negative errno; and the step that follows. */
MUST_CHECK int exchange_reach(struct exchange *x);
enum outcome exchange_reached(struct exchange *x);

/* hedge.c: two attempts at once. The rest knows of x->other only that it may be there. */
size_t exchange_attempt_bytes(void);
void exchange_settle_hedge(struct exchange *x);

/* The other attempt's link has something to say, or is late: it is the one to go on with. */
void exchange_turn_to(struct exchange *x, const struct link *l);

/* This one has failed: true when there is another one, which is all that there is then. */
bool exchange_goes_on_with_other(struct exchange *x);

/* This one is the answer: no other server is asked any more. */
void exchange_answers(struct exchange *x);
void exchange_drop_other(struct exchange *x);

/* again.c: is there room for one more retry, among all that the cluster's requests make? Takes it:
 * AGAIN; BREAKER or BUDGET otherwise. */
enum retry_verdict exchange_afford_retry(struct exchange *x);

/* The request is as it was before anything of it was sent; the next choice leaves this server out.
 */
void exchange_rewind(struct exchange *x);
void exchange_note_tried(struct exchange *x);

/* again.c: the request's body, which is kept in the session's buffer where it may be sent again.
 * Hold it before the buffer is used, keep it afterwards. */
void exchange_begin_body(struct exchange *x);
void exchange_hold_body(struct exchange *x);
void exchange_keep_body(struct exchange *x);

/* Is the response whose head has been read to be dropped for another try? Then it is. */
bool exchange_answer_is_retried(struct exchange *x);
enum outcome exchange_drop_answer(struct exchange *x);

/* The deadline of one try. */
void exchange_try_late(struct deadline *d);
void exchange_settle_try(struct exchange *x);

/* The body of the response is malformed, and nothing of it, or of its head, is on its way: an
 * answer of ours. */
enum outcome exchange_answer_spoilt(struct exchange *x);

/* The server could not be reached or broke off: another try, an answer, or a visible end. */
enum outcome exchange_server_failed(struct exchange *x, uint16_t status, enum access_end end,
                                    const char *detail);

/* What the server did with the request, for the cluster's `outlier`: once for each try that came to
 * an end which says something about the server. */
void exchange_judge(struct exchange *x, bool error);

static inline struct flow_scratch exchange_scratch(const struct exchange *x, size_t head)
{
    return (struct flow_scratch){.at = x->worker->scratch,
                                 .head = head,
                                 .room = WORKER_SCRATCH_BYTES,
                                 .buffers = &x->worker->buffers};
}

/*
 * Reads once into the buffer. Returns bytes, 0 at the end, -EAGAIN, -ENOBUFS when there is no
 * block, or another negative errno. *readable becomes false when there was less than there was room
 * for.
 */
ssize_t exchange_fill(struct exchange *x, struct conn *from, struct buffer *into, bool *readable);

/*
 * Where a read filled its buffer there is mostly more. It goes straight to the other side as far as
 * it may go as it is (conn_pass()): a scratch full at a time, which saves most of the calls that a
 * large body takes. *many: there may be as much again.
 */
bool exchange_passes(const struct exchange *x, const struct flow *f);
enum flow_result exchange_pass(struct exchange *x, struct flow *f, bool *many);

/* flow_run(), as often as limits allow more. The scratch begins with `head` bytes. */
enum flow_result exchange_run_allowed(struct exchange *x, struct flow *f, struct buffer *in,
                                      size_t head);
static inline enum flow_result exchange_run_flow(struct exchange *x, struct flow *f,
                                                 struct buffer *in, size_t head)
{
    return f->allowed ? exchange_run_allowed(x, f, in, head)
                      : flow_run(f, in, exchange_scratch(x, head));
}

/* Bytes that came from the client, from the server. */
void exchange_count_received(struct exchange *x, uint64_t n);
void exchange_count_heard(struct exchange *x, uint64_t n);

/* Its body is longer than its listener allows. */
enum outcome exchange_too_large(struct exchange *x);

/* The request as it goes to the server, or the question about it while it asks, into the scratch.
 * Returns its length, 0 when it does not fit. */
size_t exchange_write_request(struct exchange *x);

/* Is a response on its way whose end the client sees by the end of the connection? Then only a
 * reset tells a part of it from the whole. */
bool exchange_ends_by_close(const struct exchange *x);

/* Is the body of a length that nobody has said? Then it goes to the server in chunks, unless its
 * end can be told. */
static inline bool exchange_sends_chunks(const struct exchange *x)
{
    return (x->info.framing == FRAMING_CHUNKED || x->info.framing == FRAMING_CLOSE) &&
           !conn_is_stream(&x->link->conn);
}

/* Where the end of a body is told, by a length that was said or not: behind the last byte of a
 * stream there may still be trailers, for another stream to tell. The codec sees to the length. */
static inline enum http_framing exchange_framing(enum http_framing framing, const struct conn *from,
                                                 const struct conn *to)
{
    return framing == FRAMING_LENGTH && conn_is_stream(from) && conn_is_stream(to) ? FRAMING_CLOSE
                                                                                   : framing;
}

/* Is it sent to the server as an extended CONNECT, behind which the stream goes on? */
static inline bool exchange_connects(const struct exchange *x)
{
    return x->info.websocket && conn_is_stream(&x->link->conn) && stream_connects(&x->link->conn);
}

/* The server's connection is done with: back into its pool where that can be. */
void exchange_release_link(struct exchange *x);

/* Closes the connection to the server, if there is one. */
void exchange_drop_link(struct exchange *x);

/* The server has begun to answer. */
void exchange_heard_server(struct exchange *x);

/* What is known of the connection; of the request too, whose target is normalised where it stands.
 */
void session_find_local(struct session *s); /* one system call, the first time */
void session_local_facts(struct session *s, const struct table *t, struct facts *f);
void session_facts(struct session *s, const struct table *t, struct facts *f);
enum uri_result exchange_fill_facts(struct exchange *x);

/* x->client, which is `src`: whom trusted proxies of x->listener speak for. */
void exchange_find_client(struct exchange *x);

/* What a decision may know of anything: its connection, chance, the clusters. */
void exchange_fill_connection(struct exchange *x);

/* Is this one of the listener's trusted proxies? */
bool listener_trusts(const struct table_listener *l, const struct address *a);

/* What the table decided, as the next step. */
enum outcome exchange_follow(struct exchange *x);

/* Change `i` of a verdict as an edit. False when it is none of the request's or the response's
 * headers. */
bool exchange_header_edit(const struct table *t, const struct verdict *v, uint32_t i, bool response,
                          struct http_edit *out);

/* What rules make of a response with this status: `head` is the server's, or NULL where it is an
 * answer of ours. The values are good until the worker decides about anything else. */
#define RESPONSE_EDITS_MAX (2 * TABLE_EFFECTS_MAX + CORS_EDITS_MAX)
size_t exchange_response_edits(struct exchange *x, const struct http_head *head, uint16_t status,
                               struct http_edit out[RESPONSE_EDITS_MAX]);

/* encode.c: may this response be sent in another coding, and is it? Adds to `edit`, behind the
 * rules' `n` edits, which have been applied, what its head then says, and applies that too; returns
 * how many. x->coding is set when the body is to be compressed, *coded when the head is one of such
 * a body. */
#define ENCODE_EDITS_MAX  4
#define ENCODE_ETAG_BYTES 256
size_t exchange_encode(struct exchange *x, struct http_edit *edit, size_t n,
                       char etag[ENCODE_ETAG_BYTES], bool *coded);
void exchange_drop_coding(struct exchange *x);

/* Fills the access record from what is known now; hands it to the log. */
void exchange_record(const struct exchange *x, struct access_record *out);
void exchange_log(struct exchange *x);

/* What the log would say of it now. */
void exchange_note(const struct exchange *x, struct access_record *out);

/* A tunnel's own waiting and end: it has no generation any more. */
void exchange_tunnel_settle(struct exchange *x);
enum outcome exchange_tunnel_late(struct exchange *x, bool drained);
void exchange_tunnel_done(struct exchange *x);

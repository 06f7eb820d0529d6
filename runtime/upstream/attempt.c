#include "runtime/upstream/attempt.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "runtime/base/clock.h"
#include "runtime/http/h1_body.h"
#include "runtime/net/dial.h"
#include "runtime/net/proxy_socket.h"
#include "runtime/tls/transport.h"
#include "runtime/upstream/grpc_health.h"
#include "runtime/upstream/h2_ask.h"
#include "runtime/upstream/talk.h"

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

int attempt_status(struct slice answer)
{
    static const char shape[] = "HTTP/1.D NDDE"; /* digit, not zero, end */
    int status = 0;
    for (size_t i = 0; i < sizeof(shape) - 1; i++) {
        if (i == answer.len)
            return 0;
        const char c = answer.at[i];
        bool fits = false;
        switch (shape[i]) {
        case 'D': fits = is_digit(c); break;
        case 'N': fits = is_digit(c) && c != '0'; break;
        case 'E': fits = c == ' ' || c == '\r' || c == '\n'; break;
        default: fits = c == shape[i];
        }
        if (!fits)
            return -1;
        if (i >= 9 && i < 12)
            status = status * 10 + (c - '0');
    }
    return status;
}

void attempt_stop(struct attempt *a)
{
    timer_stop(&a->deadline);
    a->under_way = false;
    conn_close(&a->conn);
    h2_ask_free(a->ask);
    a->ask = NULL;
    free(a->talk);
    a->talk = NULL;
}

/* `keep`: the connection stays, for the next one. */
static void finish(struct attempt *a, enum attempt_end how, bool keep, const char *reason)
{
    if (keep) {
        timer_stop(&a->deadline);
        a->under_way = false;
    } else {
        attempt_stop(a);
    }
    a->over(a->of, how, reason); /* last: it may begin the next, or free this one */
}

PRINTF_LIKE(3, 4)
static void end(struct attempt *a, enum attempt_end how, const char *fmt, ...)
{
    char reason[ATTEMPT_REASON_MAX];
    va_list args;
    va_start(args, fmt);
    vsnprintf(reason, sizeof(reason), fmt, args);
    va_end(args);
    finish(a, how, false, reason);
}

/* Out of descriptors, memory or ports: our trouble, not the server's. */
static bool is_ours(int error)
{
    return error == EMFILE || error == ENFILE || error == ENOMEM || error == ENOBUFS ||
           error == EADDRNOTAVAIL;
}

static void end_with_errno(struct attempt *a, int error)
{
    char text[ATTEMPT_REASON_MAX];
    const char *known = strerrordesc_np(error);
    snprintf(text, sizeof(text), "%s", known ? known : "unknown error");
    text[0] = ascii_lower(text[0]);
    end(a, is_ours(error) ? ATTEMPT_NOT_MADE : ATTEMPT_FAILURE, "%s", text);
}

/* As much of it as a line has room for. */
#define QUOTE_MAX 28
static void quote(struct slice s, char out[QUOTE_MAX + 8])
{
    struct text t = {0};
    text_add_bytes(&t, s);
    if (t.len <= QUOTE_MAX)
        snprintf(out, QUOTE_MAX + 8, "%s", t.at);
    else
        snprintf(out, QUOTE_MAX + 8, "%.*s…\"", QUOTE_MAX, t.at);
    text_done(&t);
}

/* What was expected did not come; and what came instead. */
static void fail_talk(struct attempt *a, const char *why)
{
    char wanted[QUOTE_MAX + 8], heard[QUOTE_MAX + 8];
    quote(a->plan->step[a->talk->at].bytes, wanted);
    quote((struct slice){a->talk->text, a->talk->heard}, heard);
    if (a->talk->heard > 0)
        end(a, ATTEMPT_FAILURE, "no %s %s, but %s", wanted, why, heard);
    else
        end(a, ATTEMPT_FAILURE, "no %s %s", wanted, why);
}

static void timed_out(void *of)
{
    struct attempt *a = of;
    const int64_t ns = a->plan->timeout_ns;
    char within[40];
    if (ns % NS_PER_S == 0)
        snprintf(within, sizeof(within), "within %llds", (long long)(ns / NS_PER_S));
    else
        snprintf(within, sizeof(within), "within %lldms", (long long)(ns / NS_PER_MS));
    if (a->talk && talk_turn(a->talk, a->plan->step, a->plan->n_steps) == TALK_HEAR)
        fail_talk(a, within);
    else
        end(a, ATTEMPT_FAILURE, "no %s %s", a->connected ? "answer" : "connection", within);
}

/* A server that fails is not asked on the same connection again: it may be another by then. */
static void judge_status(struct attempt *a, int status, bool reusable)
{
    char reason[ATTEMPT_REASON_MAX];
    snprintf(reason, sizeof(reason), "status %d", status);
    const bool good = status >= a->plan->status_first && status <= a->plan->status_last;
    finish(a, good ? ATTEMPT_SUCCESS : ATTEMPT_FAILURE, good && reusable, reason);
}

/* What is read at once; an answer that is longer ends its connection. */
#define ANSWER_BYTES 4096

/* Is this a whole answer, and nothing behind it, after which the connection goes on? at[len] may be
 * written. */
static bool is_reusable(const struct attempt_plan *plan, char *at, size_t len)
{
    struct http_head head;
    struct http_response_info info;
    at[len] = '\0';
    const int used = plan->keep_alive ? h1_response_parse(&head, at, len) : 0;
    if (used <= 0 || http_response_understand(&head, plan->head, &info) != 0 || !info.keep_alive ||
        info.interim || info.switches)
        return false;
    struct h1_body body;
    struct h1_decoded decoded;
    h1_body_init(&body, info.framing, info.content_length);
    const size_t rest = len - (size_t)used;
    return h1_body_decode(&body, at + used, rest, &decoded) == 0 && decoded.done &&
           decoded.used == rest;
}

/* Judges what has come, the last `n` bytes of it at `at`; returns whether that was enough. Nothing
 * is waited for but the status: only an answer that came at once leaves its connection. */
static bool judge(struct attempt *a, char *at, size_t n)
{
    const bool first = a->received == 0;
    const size_t room = sizeof(a->answer) - a->received;
    memcpy(a->answer + a->received, at, n < room ? n : room);
    a->received += n < room ? n : room;
    const int status = attempt_status((struct slice){a->answer, a->received});
    if (status == 0)
        return false;
    if (status < 0)
        end(a, ATTEMPT_FAILURE, "not an HTTP/1 response");
    else
        judge_status(a, status, first && is_reusable(a->plan, at, n));
    return true;
}

static void dial(struct attempt *a);

/* A connection that was kept may have been closed by the server meanwhile, with good reason. */
static bool was_left(const struct attempt *a, ssize_t n)
{
    return a->again && a->received == 0 && (n == 0 || n == -ECONNRESET || n == -EPIPE);
}

static void read_answer(struct attempt *a)
{
    for (;;) {
        ASSERT(a->received < sizeof(a->answer)); /* a status line is judged long before */
        char room[ANSWER_BYTES + 1];
        const ssize_t n = conn_read(&a->conn, room, ANSWER_BYTES);
        if (n == -EAGAIN) {
            conn_want(&a->conn, WATCH_READ);
            return;
        }
        if (was_left(a, n)) {
            conn_close(&a->conn);
            dial(a);
            return;
        }
        if (n < 0) {
            end_with_errno(a, (int)-n);
            return;
        }
        if (n == 0) {
            end(a, ATTEMPT_FAILURE, "closed without an answer");
            return;
        }
        if (judge(a, room, (size_t)n))
            return;
    }
}

/* --- in HTTP/2 ------------------------------------------------------------------------------- */

/* A call that the server refuses is answered in the head alone. */
static void judge_grpc(struct attempt *a)
{
    enum { OK = 0, NOT_FOUND = 5, UNIMPLEMENTED = 12 };
    const struct slice trailer = h2_ask_trailer(a->ask);
    const int status = grpc_health_status(trailer.len > 0 ? trailer : h2_ask_head(a->ask));
    if (status < 0) {
        end(a, ATTEMPT_FAILURE, "not a gRPC answer");
        return;
    }
    if (status != OK) {
        end(a, ATTEMPT_FAILURE, "grpc-status %d%s", status,
            status == NOT_FOUND       ? ": no such service"
            : status == UNIMPLEMENTED ? ": no health service there"
                                      : "");
        return;
    }
    switch (grpc_health_read(h2_ask_body(a->ask))) {
    case GRPC_HEALTH_SERVING: end(a, ATTEMPT_SUCCESS, "serving"); return;
    case GRPC_HEALTH_NOT_SERVING: end(a, ATTEMPT_FAILURE, "not serving"); return;
    case GRPC_HEALTH_UNKNOWN: end(a, ATTEMPT_FAILURE, "it does not know whether it serves"); return;
    case GRPC_HEALTH_SERVICE_UNKNOWN: end(a, ATTEMPT_FAILURE, "no such service"); return;
    case GRPC_HEALTH_BAD: end(a, ATTEMPT_FAILURE, "not an answer to a health check"); return;
    }
}

static void judge_h2(struct attempt *a)
{
    const int status = attempt_status(h2_ask_head(a->ask));
    if (status <= 0)
        end(a, ATTEMPT_FAILURE, "not an HTTP/2 response");
    else if (a->plan->kind == HEALTH_HTTP)
        judge_status(a, status, false);
    else if (status == 200)
        judge_grpc(a);
    else
        end(a, ATTEMPT_FAILURE, "status %d", status);
}

static void fail_h2(struct attempt *a, int error)
{
    if (error == -EPROTO)
        end(a, ATTEMPT_FAILURE, "not an HTTP/2 response");
    else if (error == -ENODATA)
        end(a, ATTEMPT_FAILURE, "closed without an answer");
    else
        end_with_errno(a, -error);
}

/* What came, and what is to be said to it: settings are acknowledged. */
static void talk_h2(struct attempt *a)
{
    const int answered = h2_ask_read(a->ask, &a->conn);
    if (answered > 0) {
        judge_h2(a);
        return;
    }
    const int sent = answered == 0 ? h2_ask_send(a->ask, &a->conn) : answered;
    /* It may have answered before it closed: what it said is read first. */
    if (answered == 0 && (sent == -EPIPE || sent == -ECONNRESET)) {
        const int last = h2_ask_read(a->ask, &a->conn);
        if (last > 0)
            judge_h2(a);
        else
            fail_h2(a, last == 0 ? -ENODATA : last);
    } else if (sent != 0 && sent != -EAGAIN) {
        fail_h2(a, sent);
    } else {
        conn_want(&a->conn, WATCH_READ | (sent == -EAGAIN ? WATCH_WRITE : 0));
    }
}

static void begin_h2(struct attempt *a)
{
    const struct attempt_plan *plan = a->plan;
    a->ask = h2_ask_new(text_slice(&plan->request), text_slice(&plan->body), plan->tls != NULL,
                        plan->kind == HEALTH_GRPC);
    if (a->ask)
        talk_h2(a);
    else
        end_with_errno(a, ENOMEM);
}

/* --- steps ----------------------------------------------------------------------------------- */

/* Both return false when the attempt is over, or waits. */
static bool say(struct attempt *a)
{
    const struct slice rest = talk_rest(a->talk, a->plan->step);
    const struct iovec part = {(char *)(uintptr_t)rest.at, rest.len};
    const ssize_t n = conn_write(&a->conn, &part, 1);
    if (n == -EAGAIN)
        conn_want(&a->conn, WATCH_WRITE);
    else if (n < 0)
        end_with_errno(a, (int)-n);
    else
        talk_sent(a->talk, a->plan->step, (size_t)n);
    return n >= 0;
}

static bool hear(struct attempt *a)
{
    size_t room;
    char *at = talk_room(a->talk, &room);
    const ssize_t n = conn_read(&a->conn, at, room);
    if (n == -EAGAIN)
        conn_want(&a->conn, WATCH_READ);
    else if (n < 0)
        end_with_errno(a, (int)-n);
    else if (n == 0)
        fail_talk(a, "before it closed");
    else
        talk_heard(a->talk, (size_t)n);
    return n > 0;
}

static void talk(struct attempt *a)
{
    for (bool goes_on = true; goes_on;) {
        switch (talk_turn(a->talk, a->plan->step, a->plan->n_steps)) {
        case TALK_SEND: goes_on = say(a); break;
        case TALK_HEAR: goes_on = hear(a); break;
        case TALK_TOO_MUCH: fail_talk(a, "in 4096 bytes"); return;
        case TALK_OVER: end(a, ATTEMPT_SUCCESS, "all was said and heard"); return;
        }
    }
}

static void begin_talk(struct attempt *a)
{
    a->shaken = true;
    a->talk = MUST_NEW(struct talk);
    talk_begin(a->talk);
    talk(a);
}

/* --- its course ------------------------------------------------------------------------------ */

static void send_request(struct attempt *a)
{
    const struct slice rest = slice_from(text_slice(&a->plan->request), a->sent);
    const struct iovec part = {(char *)(uintptr_t)rest.at, rest.len};
    const ssize_t n = conn_write(&a->conn, &part, 1);
    /* A server may answer before it has read all, and close: what it said counts, so read on. */
    const bool refused = n == -EPIPE || n == -ECONNRESET;
    if (n < 0 && n != -EAGAIN && !refused) {
        end_with_errno(a, (int)-n);
        return;
    }
    a->sent += n > 0 ? (size_t)n : 0;
    const bool done = refused || (n > 0 && (size_t)n == rest.len);
    conn_want(&a->conn, done ? WATCH_READ : WATCH_WRITE);
}

/* The handshake, of those that have one; then the request. */
static void shake_hands(struct attempt *a)
{
    const int rc = conn_handshake(&a->conn);
    if (rc == -EAGAIN) {
        conn_want(&a->conn, WATCH_READ);
        return;
    }
    if (rc != 0) {
        const char *why = tls_why(&a->conn);
        end(a, ATTEMPT_FAILURE, "TLS: %s", why ? why : "the connection broke");
        return;
    }
    a->shaken = true;
    const struct tls_peer *peer = tls_peer(&a->conn);
    if (a->plan->h2 && peer && !slice_eq(peer->protocol, SLICE("h2")))
        end(a, ATTEMPT_FAILURE, "TLS: the server did not agree to speak HTTP/2 (ALPN h2)");
    else if (a->plan->n_steps > 0)
        begin_talk(a);
    else if (a->plan->kind == HEALTH_TLS)
        end(a, ATTEMPT_SUCCESS, "handshake done");
    else if (a->plan->h2)
        begin_h2(a);
    else
        send_request(a);
}

static void connected(struct attempt *a)
{
    const int rc = dial_result(a->conn.fd);
    if (rc != 0) {
        end_with_errno(a, -rc);
        return;
    }
    a->connected = true;
    const enum proxy_version version = a->plan->proxy_protocol;
    const int sent = version ? proxy_socket_write(a->conn.fd, version, NULL, NULL) : 0;
    if (sent != 0)
        end_with_errno(a, -sent);
    else if (a->plan->kind == HEALTH_TCP && a->plan->n_steps > 0)
        begin_talk(a);
    else if (a->plan->kind == HEALTH_TCP)
        end(a, ATTEMPT_SUCCESS, "connected");
    else
        shake_hands(a);
}

static void ready(void *of, unsigned what)
{
    struct attempt *a = of;
    if (!a->under_way)
        conn_close(&a->conn); /* a server has nothing to say before it is asked */
    else if (!a->connected)
        connected(a);
    else if (!a->shaken)
        shake_hands(a);
    else if (a->ask)
        talk_h2(a);
    else if (a->talk)
        talk(a);
    else if ((what & WATCH_WRITE) && a->sent < a->plan->request.len)
        send_request(a);
    else
        read_answer(a);
}

void attempt_init(struct attempt *a, struct loop *loop, struct wire *wire, attempt_over *over,
                  void *of)
{
    *a = (struct attempt){.over = over, .of = of, .conn = {.fd = -1}, .wire = wire};
    timer_init(&a->deadline, loop, timed_out, a);
}

static void dial(struct attempt *a)
{
    const struct attempt_plan *plan = a->plan;
    a->again = a->connected = a->shaken = false;
    a->sent = a->received = 0;

    const int fd = dial_begin(&a->to);
    if (fd < 0) {
        end_with_errno(a, -fd);
        return;
    }
    if (!plan->tls) {
        conn_open(&a->conn, &transport_plain, a->deadline.loop, fd, ready, a);
    } else if (!tls_connect(&a->conn, a->wire, plan->tls, text_slice(&plan->name), NULL,
                            a->deadline.loop, fd, ready, a)) {
        close(fd);
        end(a, ATTEMPT_FAILURE, "TLS: there is no name to verify");
        return;
    }
    conn_want(&a->conn, WATCH_WRITE);
}

void attempt_begin(struct attempt *a, const struct sockaddr_of *to, const struct attempt_plan *plan)
{
    ASSERT(!attempt_is_under_way(a));
    ASSERT(plan->kind != HEALTH_NONE);
    a->plan = plan;
    a->to = *to;
    a->under_way = true;
    a->again = a->conn.fd != -1;
    a->sent = a->received = 0;
    timer_set(&a->deadline, plan->timeout_ns);
    if (a->again)
        send_request(a);
    else
        dial(a);
}

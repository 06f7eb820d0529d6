#include "runtime/upstream/attempt.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "runtime/base/clock.h"
#include "runtime/net/dial.h"

struct attempt_plan attempt_plan_new(const struct table_health *check, struct slice host)
{
    struct attempt_plan plan = {
        .kind = check->kind,
        .timeout_ns = check->timeout_ns,
        .status_first = check->status_first,
        .status_last = check->status_last,
    };
    if (check->kind == HEALTH_HTTP)
        text_addf(&plan.request,
                  SLICE_FMT " " SLICE_FMT " HTTP/1.1\r\n"
                            "Host: " SLICE_FMT "\r\n"
                            "User-Agent: lbc-health\r\n"
                            "Accept: */*\r\n"
                            "Connection: close\r\n\r\n",
                  SLICE_ARG(check->method), SLICE_ARG(check->path),
                  SLICE_ARG(check->host.len > 0 ? check->host : host));
    return plan;
}

bool attempt_plan_eq(const struct attempt_plan *a, const struct attempt_plan *b)
{
    return a->kind == b->kind && a->timeout_ns == b->timeout_ns &&
           a->status_first == b->status_first && a->status_last == b->status_last &&
           slice_eq(text_slice(&a->request), text_slice(&b->request));
}

void attempt_plan_done(struct attempt_plan *plan)
{
    text_done(&plan->request);
}

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
    if (a->fd == -1)
        return;
    watch_done(&a->watch);
    close(a->fd);
    a->fd = -1;
}

PRINTF_LIKE(3, 4)
static void end(struct attempt *a, enum attempt_end how, const char *fmt, ...)
{
    char reason[ATTEMPT_REASON_MAX];
    va_list args;
    va_start(args, fmt);
    vsnprintf(reason, sizeof(reason), fmt, args);
    va_end(args);

    attempt_stop(a);
    a->over(a->of, how, reason); /* last: it may begin the next, or free this one */
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

static void timed_out(void *of)
{
    struct attempt *a = of;
    const int64_t ns = a->plan->timeout_ns;
    const char *what = a->connected ? "answer" : "connection";
    if (ns % NS_PER_S == 0)
        end(a, ATTEMPT_FAILURE, "no %s within %llds", what, (long long)(ns / NS_PER_S));
    else
        end(a, ATTEMPT_FAILURE, "no %s within %lldms", what, (long long)(ns / NS_PER_MS));
}

/* Judges what has arrived so far; returns whether that was enough. */
static bool judge(struct attempt *a)
{
    const int status = attempt_status((struct slice){a->answer, a->received});
    if (status == 0)
        return false;
    if (status < 0)
        end(a, ATTEMPT_FAILURE, "not an HTTP/1 response");
    else if (status >= a->plan->status_first && status <= a->plan->status_last)
        end(a, ATTEMPT_SUCCESS, "status %d", status);
    else
        end(a, ATTEMPT_FAILURE, "status %d", status);
    return true;
}

static void read_answer(struct attempt *a)
{
    for (;;) {
        ASSERT(a->received < sizeof(a->answer)); /* a status line is judged long before */
        const ssize_t n = recv(a->fd, a->answer + a->received, sizeof(a->answer) - a->received, 0);
        if (n == -1 && errno == EINTR)
            continue;
        if (n == -1 && errno == EAGAIN)
            return;
        if (n == -1) {
            end_with_errno(a, errno);
            return;
        }
        if (n == 0) {
            end(a, ATTEMPT_FAILURE, "closed without an answer");
            return;
        }
        a->received += (size_t)n;
        if (judge(a))
            return;
    }
}

static void send_request(struct attempt *a)
{
    const struct slice rest = slice_from(text_slice(&a->plan->request), a->sent);
    ssize_t n;
    do
        n = send(a->fd, rest.at, rest.len, MSG_NOSIGNAL);
    while (n == -1 && errno == EINTR);
    if (n == -1 && errno == EAGAIN)
        return;
    /* A server may answer before it has read all, and close: what it said counts, so read on. */
    const bool refused = n == -1 && (errno == EPIPE || errno == ECONNRESET);
    if (n == -1 && !refused) {
        end_with_errno(a, errno);
        return;
    }
    a->sent += refused ? 0 : (size_t)n;
    if (refused || (size_t)n == rest.len)
        watch_want(&a->watch, WATCH_READ);
}

static void connected(struct attempt *a)
{
    const int rc = dial_result(a->fd);
    if (rc != 0) {
        end_with_errno(a, -rc);
        return;
    }
    a->connected = true;
    if (a->plan->kind == HEALTH_TCP)
        end(a, ATTEMPT_SUCCESS, "connected");
    else
        send_request(a);
}

static void ready(void *of, unsigned what)
{
    struct attempt *a = of;
    if (!a->connected)
        connected(a);
    else if (what & WATCH_WRITE)
        send_request(a);
    else
        read_answer(a);
}

void attempt_init(struct attempt *a, struct loop *loop, attempt_over *over, void *of)
{
    *a = (struct attempt){.over = over, .of = of, .fd = -1};
    timer_init(&a->deadline, loop, timed_out, a);
}

void attempt_begin(struct attempt *a, const struct sockaddr_of *to, const struct attempt_plan *plan)
{
    ASSERT(!attempt_is_under_way(a));
    ASSERT(plan->kind != HEALTH_NONE);
    a->plan = plan;
    a->connected = false;
    a->sent = a->received = 0;

    const int fd = dial_begin(to);
    if (fd < 0) {
        end_with_errno(a, -fd);
        return;
    }
    a->fd = fd;
    watch_init(&a->watch, a->deadline.loop, fd, ready, a);
    watch_want(&a->watch, WATCH_WRITE);
    timer_set(&a->deadline, plan->timeout_ns);
}

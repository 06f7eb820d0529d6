#include "runtime/upstream/h2_ask.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/clock.h"
#include "runtime/base/text.h"
#include "runtime/http/h2_session.h"

/* A longer head is no answer to a health check; of a body, nobody asks for more. */
#define HEAD_BYTES_MAX ((size_t)8 * 1024)
#define BODY_BYTES_MAX ((size_t)256)
#define OUT_BYTES      ((size_t)4 * 1024)
#define IN_BYTES       ((size_t)4 * 1024)

struct h2_ask {
    uint32_t magic;
#define H2_ASK_MAGIC 0x2a5c0d11u
    struct h2_session *session; /* owned */
    struct h2_stream stream;
    struct text request; /* head and body; owned */
    size_t head_bytes, written;
    bool whole, headed, ended, was_reset;
    size_t head_len, trailer_len, body_len, unconsumed;
    size_t out_start, out_end;
    char text[2 * HEAD_BYTES_MAX]; /* the head, and the trailers behind it */
    char body[BODY_BYTES_MAX];
    char out[OUT_BYTES];
};

static struct h2_ask *ask_of(struct h2_stream *st)
{
    struct h2_ask *a = CONTAINER_OF(st, struct h2_ask, stream);
    CHECK_OBJ(a, H2_ASK_MAGIC);
    return a;
}

/* --- the codec's calls ----------------------------------------------------------------------- */

static char *room(struct h2_stream *st, size_t *bytes)
{
    struct h2_ask *a = ask_of(st);
    *bytes = sizeof(a->text) - a->head_len;
    return a->text + a->head_len;
}

/* An interim one gives way to the next. */
static void head(struct h2_stream *st, size_t len)
{
    struct h2_ask *a = ask_of(st);
    const bool interim = len > 9 && a->text[9] == '1'; /* behind "HTTP/1.1 " */
    a->headed = !interim;
    a->head_len = interim ? 0 : len;
}

static bool data(struct h2_stream *st, const char *at, size_t len)
{
    struct h2_ask *a = ask_of(st);
    const size_t left = sizeof(a->body) - a->body_len;
    memcpy(a->body + a->body_len, at, len < left ? len : left);
    a->body_len += len < left ? len : left;
    a->unconsumed += len;
    return true;
}

static void end(struct h2_stream *st, size_t trailer_len)
{
    struct h2_ask *a = ask_of(st);
    a->trailer_len = trailer_len;
    a->ended = true;
}

static void reset(struct h2_stream *st, uint32_t code)
{
    (void)code;
    ask_of(st)->was_reset = true;
}

static void writable(struct h2_stream *st)
{
    (void)st; /* each send tries */
}

static char *out(void *of, size_t at_least, size_t *bytes)
{
    struct h2_ask *a = of;
    *bytes = sizeof(a->out) - a->out_end;
    return *bytes >= at_least ? a->out + a->out_end : NULL;
}

static void wrote(void *of, size_t n)
{
    struct h2_ask *a = of;
    a->out_end += n;
}

static void glitch(void *of, enum h2_glitch which)
{
    (void)of;
    (void)which; /* its budget ends the connection */
}

/* --- a question and its answer --------------------------------------------------------------- */

struct h2_ask *h2_ask_new(struct slice head_text, struct slice body, bool secure, bool whole)
{
    static const struct h2_calls calls = {.room = room,
                                          .head = head,
                                          .data = data,
                                          .end = end,
                                          .reset = reset,
                                          .writable = writable,
                                          .out = out,
                                          .wrote = wrote,
                                          .glitch = glitch};
    const struct h2_limits limits = {.streams_max = 1,
                                     .stream_window = 65535,
                                     .connection_window = 65535,
                                     .head_bytes_max = HEAD_BYTES_MAX,
                                     .glitches_burst = 1000,
                                     .glitches_per_s = 100,
                                     .secure = secure};
    struct h2_ask *a = calloc(1, sizeof(*a));
    if (!a)
        return NULL;
    a->magic = H2_ASK_MAGIC;
    a->whole = whole;
    a->head_bytes = head_text.len;
    text_add(&a->request, head_text);
    text_add(&a->request, body);
    a->session = h2_session_client(&limits, &calls, a);
    if (a->session)
        return a;
    h2_ask_free(a);
    return NULL;
}

void h2_ask_free(struct h2_ask *a)
{
    if (!a)
        return;
    CHECK_OBJ(a, H2_ASK_MAGIC);
    h2_session_free(a->session);
    text_done(&a->request);
    a->magic = 0;
    free(a);
}

/* As much of the request as windows and room allow. */
static void write_request(struct h2_ask *a)
{
    const bool headless = a->written == 0;
    if (a->stream.sent_end || a->stream.is_gone)
        return;
    struct iovec part[2] = {{a->request.at, a->head_bytes}};
    const size_t from = headless ? a->head_bytes : a->written;
    part[1] = (struct iovec){a->request.at + from, a->request.len - from};
    const bool bodiless = part[1].iov_len == 0;
    const ssize_t n = h2_session_write(a->session, &a->stream, headless ? part : part + 1,
                                       1 + (headless && !bodiless), true, SLICE_NONE);
    if (n > 0)
        a->written += (size_t)n;
}

int h2_ask_send(struct h2_ask *a, struct conn *c)
{
    for (;;) {
        write_request(a);
        const bool all = h2_session_pump(a->session);
        while (a->out_start < a->out_end) {
            const struct iovec part = {a->out + a->out_start, a->out_end - a->out_start};
            const ssize_t n = conn_write(c, &part, 1);
            if (n < 0)
                return (int)n;
            a->out_start += (size_t)n;
        }
        a->out_start = a->out_end = 0;
        if (all)
            return 0;
    }
}

static int judge(const struct h2_ask *a)
{
    if (a->headed && (a->ended || !a->whole))
        return 1;
    if (a->was_reset)
        return -ECONNRESET;
    return a->ended || h2_session_is_over(a->session) ? -EPROTO : 0;
}

int h2_ask_read(struct h2_ask *a, struct conn *c)
{
    char in[IN_BYTES];
    for (;;) {
        const ssize_t n = conn_read(c, in, sizeof(in));
        if (n == -EAGAIN)
            return 0;
        if (n <= 0)
            return n == 0 ? -ENODATA : (int)n;
        const bool goes_on = h2_session_receive(a->session, in, (size_t)n, clock_now_ns());
        h2_session_consumed(a->session, &a->stream, a->unconsumed);
        a->unconsumed = 0;
        h2_session_pump(a->session); /* it is over when its own end has been said */
        const int answered = judge(a);
        if (answered != 0 || !goes_on)
            return answered != 0 ? answered : -EPROTO;
    }
}

struct slice h2_ask_head(const struct h2_ask *a)
{
    return (struct slice){a->text, a->head_len};
}

struct slice h2_ask_trailer(const struct h2_ask *a)
{
    return (struct slice){a->text + a->head_len, a->trailer_len};
}

struct slice h2_ask_body(const struct h2_ask *a)
{
    return (struct slice){a->body, a->body_len};
}

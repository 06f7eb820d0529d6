#include "compiler/lsp/serve.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

#include "compiler/lsp/frame.h"
#include "compiler/lsp/server.h"

/* Messages that were read and not answered yet: enough to find out what was cancelled. */
#define WAITING_MAX 256u
/* So long without a message is a pause in typing. */
#define PAUSE_MS   400
#define READ_BYTES ((size_t)64 * 1024)

struct waiting {
    struct json *message; /* NULL: it was none */
    bool cancelled;
};

struct stream {
    int in;
    bool ended;
    bool garbage; /* was said; until the next message */
    struct text bytes;
    size_t used; /* of `bytes` */
    size_t skip; /* bytes to come that belong to a message that was refused */
    struct waiting waiting[WAITING_MAX];
    uint32_t first, n;
};

static struct waiting *nth(struct stream *st, uint32_t i)
{
    return &st->waiting[(st->first + i) % WAITING_MAX];
}

/* Marks the request that this message cancels, where it is one of those that wait. */
static void cancel(struct stream *st, const struct json *message)
{
    if (!slice_eq(json_string(json_get(message, "method")), SLICE("$/cancelRequest")))
        return;
    const struct json *id = json_get(json_get(message, "params"), "id");
    for (uint32_t i = 0; i < st->n; i++) {
        struct waiting *w = nth(st, i);
        if (json_get(w->message, "method") && json_same_id(json_get(w->message, "id"), id))
            w->cancelled = true;
    }
}

static void enqueue(struct stream *st, struct slice body)
{
    struct json *message = json_parse(body);
    cancel(st, message);
    *nth(st, st->n) = (struct waiting){.message = message};
    st->n++;
}

/* Takes what is complete out of the bytes. */
static void take_frames(struct stream *st, struct server *s)
{
    while (st->n < WAITING_MAX) {
        const struct slice rest = slice_from(text_slice(&st->bytes), st->used);
        if (st->skip > 0) {
            const size_t now = st->skip < rest.len ? st->skip : rest.len;
            st->skip -= now;
            st->used += now;
            if (st->skip > 0)
                return;
            continue;
        }
        const struct frame f = frame_next(rest);
        switch (f.kind) {
        case FRAME_MORE: return;
        case FRAME_BODY:
            st->garbage = false;
            enqueue(st, f.body);
            break;
        case FRAME_GARBAGE:
            if (!st->garbage)
                server_fail(s, NULL, ERROR_PARSE, "a message begins with Content-Length");
            st->garbage = true;
            break;
        case FRAME_TOO_LARGE:
            server_fail(s, NULL, ERROR_INVALID_REQUEST, "this message is larger than 32 MiB");
            st->skip = f.skip;
            break;
        }
        st->used += f.used;
    }
}

static bool can_read(int in, int timeout_ms)
{
    struct pollfd p = {.fd = in, .events = POLLIN};
    return poll(&p, 1, timeout_ms) > 0;
}

static void read_some(struct stream *st)
{
    char piece[READ_BYTES];
    const ssize_t n = read(st->in, piece, sizeof(piece));
    if (n < 0 && errno == EINTR)
        return;
    if (n <= 0) {
        st->ended = true;
        return;
    }
    /* What was used goes when it is most of it, so that a byte is moved about once. */
    if (st->used > 0 && st->used * 2 >= st->bytes.len) {
        struct text rest = {0};
        text_add(&rest, slice_from(text_slice(&st->bytes), st->used));
        text_done(&st->bytes);
        st->bytes = rest;
        st->used = 0;
    }
    text_add(&st->bytes, (struct slice){piece, (size_t)n});
}

static void answer_first(struct stream *st, struct server *s)
{
    struct waiting w = *nth(st, 0);
    st->first = (st->first + 1) % WAITING_MAX;
    st->n--;
    if (w.cancelled)
        server_fail(s, json_get(w.message, "id"), ERROR_CANCELLED, "cancelled");
    else
        server_take(s, w.message);
    json_free(w.message);
}

/* Reads all that is there, answers one message, and so on. */
static void converse(struct stream *st, struct server *s)
{
    while (s->state != SERVER_GONE && !s->lost) {
        take_frames(st, s);
        if (st->n < WAITING_MAX && !st->ended && can_read(st->in, 0)) {
            read_some(st);
        } else if (st->n > 0) {
            answer_first(st, s);
        } else if (st->ended) {
            return;
        } else {
            server_idle(s);
            const bool owes = server_owes_proofs(s);
            if (!can_read(st->in, owes ? PAUSE_MS : -1) && owes)
                server_prove(s);
        }
    }
}

int lsp_serve(int in, int out)
{
    struct stream st = {.in = in};
    struct server s = {.out = out, .exit_code = 1};
    converse(&st, &s);
    for (uint32_t i = 0; i < st.n; i++)
        json_free(nth(&st, i)->message);
    text_done(&st.bytes);
    server_done(&s);
    return s.exit_code;
}

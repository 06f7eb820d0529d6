#include "runtime/mux/stream.h"

#include <errno.h>

#include "runtime/http/message.h"

static struct stream *stream_of(const struct conn *c)
{
    struct stream *st = c->state;
    CHECK_OBJ(st, STREAM_MAGIC);
    return st;
}

/* --- what is to be told ---------------------------------------------------------------------- */

static bool has_data(const struct stream *st)
{
    return st->n_boxes > 0 && buffer_len(&st->box[0]) > 0;
}

void stream_news(struct stream *st, unsigned what)
{
    st->news |= (uint8_t)what;
    if (!st->mux || !list_empty(&st->ready))
        return;
    list_add_last(&st->mux->ready, &st->ready);
    mux_touch(st->mux);
}

/* Tells the user, who may close the stream. What is not wanted is kept for when it is. */
void stream_deliver(struct stream *st)
{
    const unsigned wants = st->was_reset ? WATCH_READ | WATCH_WRITE : st->wants;
    const unsigned news = st->news & wants;
    st->news &= (uint8_t)~wants;
    if (!st->conn || news == 0)
        return;
    struct watch *w = &st->conn->watch;
    if (news & WATCH_WRITE && !(news & WATCH_READ)) {
        w->call(w->of, WATCH_WRITE);
        return;
    }
    if (news & WATCH_WRITE) /* then reading must not forget it */
        st->news |= WATCH_WRITE;
    if (st->news && st->mux)
        list_add_last(&st->mux->ready, &st->ready);
    w->call(w->of, WATCH_READ);
}

static void stream_want(struct conn *c, unsigned wants)
{
    struct stream *st = stream_of(c);
    st->wants = (uint8_t)wants;
    const bool unread = has_data(st) || (st->ended && !st->end_told) || st->was_reset;
    if (wants & WATCH_READ && unread)
        st->news |= WATCH_READ;
    if (st->news & wants)
        stream_news(st, 0);
}

/* --- what the peer sends --------------------------------------------------------------------- */

static struct buffer *add_box(struct stream *st)
{
    if (st->n_boxes == STREAM_BOXES)
        return NULL;
    struct buffer *b = &st->box[st->n_boxes];
    *b = (struct buffer){0};
    if (!buffer_take(b, st->owner->buffers)) {
        METRIC_ADD(st->owner->metrics->buffers_refused, 1);
        return NULL;
    }
    st->n_boxes++;
    return b;
}

char *stream_room(struct stream *st, size_t *room)
{
    struct buffer *b = st->n_boxes > 0 ? &st->box[st->n_boxes - 1] : NULL;
    if (!b || buffer_room(b) < HTTP_HEAD_BYTES_MAX)
        b = add_box(st);
    *room = b ? buffer_room(b) : 0;
    return b ? b->at + b->end : NULL;
}

void stream_head(struct stream *st, size_t len)
{
    st->box[st->n_boxes - 1].end += (uint32_t)len;
    st->head_left += (uint32_t)len;
    stream_news(st, WATCH_READ);
}

bool stream_data(struct stream *st, const char *at, size_t len)
{
    if (st->lingers) {
        h2_session_dropped(st->mux->h2, len);
        mux_touch(st->mux);
        return true;
    }
    while (len > 0) {
        struct buffer *b = st->n_boxes > 0 ? &st->box[st->n_boxes - 1] : NULL;
        if (!b || buffer_room(b) == 0)
            b = add_box(st);
        if (!b)
            return false;
        const size_t n = len < buffer_room(b) ? len : buffer_room(b);
        memcpy(b->at + b->end, at, n);
        b->end += (uint32_t)n;
        at += n;
        len -= n;
    }
    stream_news(st, WATCH_READ);
    return true;
}

void stream_end(struct stream *st, size_t trailer_len)
{
    if (trailer_len > 0) {
        const struct buffer *b = &st->box[st->n_boxes - 1];
        st->trailer = (struct slice){b->at + b->end, trailer_len};
    }
    st->ended = true;
    /* Where the head was all, there is nothing to tell a server of it. */
    if (!st->mux->is_client && st->head_left > 0 && st->n_boxes == 1 &&
        buffer_len(&st->box[0]) == st->head_left)
        st->end_told = true;
    stream_news(st, WATCH_READ);
}

void stream_reset(struct stream *st, uint32_t code)
{
    st->was_reset = true;
    st->code = code;
    st->refused = code == H2_REFUSED_STREAM;
    stream_news(st, WATCH_READ | WATCH_WRITE);
}

static void stream_free(struct stream *st, uint32_t code);

void stream_orphan(struct stream *st)
{
    list_remove(&st->link);
    list_remove(&st->ready);
    list_remove(&st->blocked);
    st->mux = NULL;
    if (!st->conn) {
        stream_free(st, H2_NO_ERROR); /* nobody has it yet */
        return;
    }
    if (st->was_reset)
        return;
    st->was_reset = true;
    st->code = H2_INTERNAL_ERROR;
}

/* --- transport ------------------------------------------------------------------------------- */

/* The first box when it is empty, unless the trailer section is in it. */
static void drop_box(struct stream *st)
{
    if (st->trailer.len > 0 && st->n_boxes == 1)
        return;
    buffer_give(&st->box[0], st->owner->buffers);
    st->n_boxes--;
    for (uint32_t i = 0; i < st->n_boxes; i++)
        st->box[i] = st->box[i + 1];
}

static ssize_t stream_read(struct conn *c, void *to, size_t room)
{
    struct stream *st = stream_of(c);
    size_t got = 0;
    while (got < room && has_data(st)) {
        struct buffer *b = &st->box[0];
        const size_t n = buffer_len(b) < room - got ? buffer_len(b) : room - got;
        memcpy((char *)to + got, b->at + b->start, n);
        got += n;
        b->start += (uint32_t)n;
        if (buffer_len(b) == 0)
            drop_box(st);
    }
    const size_t of_head = got < st->head_left ? got : st->head_left;
    st->head_left -= (uint32_t)of_head;
    if (got > of_head && st->mux) {
        h2_session_consumed(st->mux->h2, &st->h2, got - of_head);
        mux_touch(st->mux);
    }
    if (got > 0)
        return (ssize_t)got;
    if (st->ended) {
        st->end_told = true;
        return 0;
    }
    return st->was_reset || !st->mux ? -ECONNRESET : -EAGAIN;
}

static ssize_t write_parts(struct conn *c, const struct iovec *from, int n, bool last,
                           struct slice trailer)
{
    struct stream *st = stream_of(c);
    struct mux *m = st->mux;
    if (!m || m->dead || st->was_reset)
        return -EPIPE;
    if (!m->started)
        return -EAGAIN;
    const ssize_t taken = h2_session_write(m->h2, &st->h2, from, n, last, trailer);
    if (h2_session_is_blocked(m->h2) && list_empty(&st->blocked))
        list_add_last(&m->blocked, &st->blocked);
    mux_touch(m);
    return m->dead ? -EPIPE : taken;
}

static ssize_t stream_write(struct conn *c, const struct iovec *from, int n)
{
    return write_parts(c, from, n, false, SLICE_NONE);
}

static ssize_t stream_finish(struct conn *c, const struct iovec *from, int n, struct slice trailer)
{
    if (n == 0 && stream_of(c)->h2.sent_end)
        return 0;
    return write_parts(c, from, n, true, trailer);
}

static bool stream_is_broken(const struct conn *c)
{
    const struct stream *st = stream_of(c);
    return st->was_reset || !st->mux;
}

static bool stream_ended(const struct conn *c)
{
    const struct stream *st = stream_of(c);
    return st->ended && !has_data(st);
}

static struct slice stream_trailer(const struct conn *c)
{
    return stream_of(c)->trailer;
}

/* A window may be shut now; then it ends when the user closes. */
static void stream_shut(struct conn *c)
{
    const ssize_t n = stream_finish(c, NULL, 0, SLICE_NONE);
    (void)n;
}

static void throw_away_boxes(struct stream *st)
{
    size_t unread = 0;
    for (uint32_t i = 0; i < st->n_boxes; i++) {
        unread += buffer_len(&st->box[i]);
        buffer_give(&st->box[i], st->owner->buffers);
    }
    if (st->mux)
        h2_session_dropped(st->mux->h2, unread - st->head_left);
    st->n_boxes = 0;
    st->head_left = 0;
}

static void stream_free(struct stream *st, uint32_t code)
{
    throw_away_boxes(st);
    struct mux *m = st->mux;
    if (m) {
        h2_session_leave(m->h2, &st->h2, code);
        m->n_streams--;
        mux_touch(m);
    }
    list_remove(&st->link);
    list_remove(&st->ready);
    list_remove(&st->blocked);
    st->magic = 0;
    pool_give(&st->owner->streams, st);
}

/* The answer is complete and the client still sends. A reset right behind the answer makes some
 * clients forget what they have got, so it waits: until the client is told by the answer and stops,
 * or for a moment. What arrives meanwhile is thrown away; it opens the connection's window, so that
 * other streams do not wait for this one, and not the stream's, so that it is one window at most.
 */
static void linger(struct stream *st)
{
    throw_away_boxes(st);
    st->conn = NULL;
    st->lingers = true;
    list_remove(&st->ready);
    list_remove(&st->blocked);
    mux_linger(st->mux, &st->blocked);
}

void stream_linger_over(struct stream *st)
{
    stream_free(st, H2_NO_ERROR); /* RFC 9113 8.1: the rest is not needed */
}

void stream_linger_end(struct stream *st)
{
    if (st->ended || st->was_reset)
        stream_linger_over(st);
}

static void stream_close(struct conn *c, bool reset)
{
    struct stream *st = stream_of(c);
    const bool is_client = st->mux && st->mux->is_client;
    uint32_t code = is_client ? H2_CANCEL : H2_INTERNAL_ERROR;
    if (st->code != H2_NO_ERROR)
        code = st->code;
    else if (st->h2.sent_end && !reset && !is_client)
        code = H2_NO_ERROR;
    c->state = NULL;
    if (code == H2_NO_ERROR && st->mux && !st->ended && !st->was_reset)
        linger(st);
    else
        stream_free(st, code);
}

const struct transport transport_stream = {.read = stream_read,
                                           .write = stream_write,
                                           .want = stream_want,
                                           .is_broken = stream_is_broken,
                                           .shut = stream_shut,
                                           .close = stream_close,
                                           .finish = stream_finish,
                                           .ended = stream_ended,
                                           .trailer = stream_trailer};

/* --- its life -------------------------------------------------------------------------------- */

struct stream *stream_new(struct mux *m)
{
    struct stream *st = pool_take(&m->owner->streams);
    if (!st)
        return NULL;
    *st = (struct stream){.magic = STREAM_MAGIC, .owner = m->owner, .mux = m};
    list_init(&st->ready);
    list_init(&st->blocked);
    list_add_last(&m->stream, &st->link);
    m->n_streams++;
    return st;
}

void stream_attach(struct stream *st, struct conn *c, watch_ready *ready, void *of)
{
    c->transport = &transport_stream;
    c->fd = st->mux->conn->fd; /* for who asks where it is connected to */
    c->state = st;
    c->watch.loop = NULL;
    c->watch.call = ready;
    c->watch.of = of;
    st->conn = c;
}

void stream_refuse(struct stream *st)
{
    METRIC_ADD(st->owner->metrics->h2_streams_refused, 1);
    stream_free(st, H2_REFUSED_STREAM);
}

void stream_set_code(struct conn *c, uint32_t code)
{
    stream_of(c)->code = code;
}

uint32_t stream_code(const struct conn *c)
{
    const struct stream *st = stream_of(c);
    return st->was_reset ? st->code : H2_NO_ERROR;
}

int stream_reach(const struct conn *c)
{
    const struct stream *st = stream_of(c);
    if (st->was_reset || !st->mux)
        return st->error ? st->error : -ECONNREFUSED;
    return st->mux->started && (!st->awaits_settings || st->mux->settled) ? 0 : -EAGAIN;
}

const char *stream_why(const struct conn *c)
{
    return stream_of(c)->why;
}

void stream_await_settings(struct conn *c)
{
    stream_of(c)->awaits_settings = true;
}

bool stream_connects(const struct conn *c)
{
    const struct stream *st = stream_of(c);
    return st->mux && h2_session_connects(st->mux->h2);
}

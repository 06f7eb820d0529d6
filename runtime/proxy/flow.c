#include "runtime/proxy/flow.h"

#include <errno.h>

#include "runtime/http/h1_write.h"

static const struct slice END_OF_CHUNK = SLICE_INIT("\r\n");
static const struct slice END_OF_CHUNKS = SLICE_INIT("\r\n0\r\n\r\n");

void flow_init(struct flow *f, struct conn *to, enum http_framing framing, uint64_t length,
               bool chunked)
{
    *f = (struct flow){.to = to,
                       .chunked = chunked,
                       .ended = framing == FRAMING_NONE,
                       .body_bytes_max = UINT64_MAX};
    h1_body_init(&f->body, framing, length);
}

static bool nothing_to_write(const struct flow *f, size_t head)
{
    return head == 0 && !f->first.at && f->data_len == 0 && f->tail.len == 0;
}

/* What the socket did not take of the head must outlive the scratch. */
static enum flow_result keep_head(struct flow *f, struct slice rest, struct pool *buffers)
{
    if (!buffer_take(&f->first, buffers) || buffer_room(&f->first) < rest.len)
        return FLOW_NO_MEMORY;
    memcpy(f->first.at + f->first.end, rest.at, rest.len);
    f->first.end += (uint32_t)rest.len;
    return FLOW_BLOCKED;
}

static size_t take(size_t *sent, size_t len)
{
    const size_t n = *sent < len ? *sent : len;
    *sent -= n;
    return n;
}

/* Books what one write took, in the order of the bytes. */
static enum flow_result book(struct flow *f, struct slice head, size_t sent, struct pool *buffers)
{
    f->sent_bytes += sent;
    if (f->first.at) {
        buffer_used(&f->first, take(&sent, buffer_len(&f->first)));
        if (buffer_len(&f->first) == 0)
            buffer_give(&f->first, buffers);
    }
    const size_t of_head = take(&sent, head.len);
    if (of_head < head.len) {
        const enum flow_result r = keep_head(f, slice_from(head, of_head), buffers);
        if (r != FLOW_BLOCKED)
            return r;
    }
    const size_t of_data = take(&sent, f->data_len);
    f->data += of_data;
    f->data_len -= of_data;
    if (f->allowed)
        *f->allowed -= of_data;
    f->tail = slice_from(f->tail, take(&sent, f->tail.len));
    return nothing_to_write(f, 0) ? FLOW_HUNGRY : FLOW_BLOCKED;
}

/* What is written now is the last of a stream's message; trailers go by themselves. */
static bool ends_with_this(const struct flow *f)
{
    return f->ended && !f->goes_on && f->trailer.len == 0 && conn_is_stream(f->to);
}

static size_t bytes_of(const struct iovec *part, int n)
{
    size_t bytes = 0;
    for (int i = 0; i < n; i++)
        bytes += part[i].iov_len;
    return bytes;
}

/* Of the data, as much as is allowed. */
static size_t allowed_of(const struct flow *f)
{
    return f->allowed && *f->allowed < f->data_len ? (size_t)*f->allowed : f->data_len;
}

static enum flow_result write_once(struct flow *f, struct slice head, struct pool *buffers)
{
    const size_t data = allowed_of(f);
    const bool cut = data < f->data_len; /* and then nothing that comes behind it */
    struct iovec part[4];
    int n = 0;
    if (f->first.at)
        part[n++] = (struct iovec){f->first.at + f->first.start, buffer_len(&f->first)};
    if (head.len > 0)
        part[n++] = (struct iovec){(char *)(uintptr_t)head.at, head.len};
    if (data > 0)
        part[n++] = (struct iovec){f->data, data};
    if (f->tail.len > 0 && !cut)
        part[n++] = (struct iovec){(char *)(uintptr_t)f->tail.at, f->tail.len};
    if (n == 0)
        return FLOW_PACED;

    const bool last = !cut && ends_with_this(f);
    const ssize_t sent =
        last ? conn_finish(f->to, part, n, SLICE_NONE) : conn_write(f->to, part, n);
    if (sent < 0 && sent != -EAGAIN)
        return FLOW_BROKEN;
    const bool whole = (last || cut) && sent >= 0 && (size_t)sent == bytes_of(part, n);
    f->finished = last && whole;
    const enum flow_result r = book(f, head, sent > 0 ? (size_t)sent : 0, buffers);
    return cut && whole ? FLOW_PACED : r;
}

/* The framing of the piece just decoded: what goes before it (into the scratch) and behind it. */
static void frame_chunk(struct flow *f, struct flow_scratch *scratch)
{
    if (f->data_len > 0) {
        ASSERT(scratch->room - scratch->head >= H1_CHUNK_HEAD_MAX);
        scratch->head += h1_write_chunk_head(scratch->at + scratch->head, f->data_len);
        f->tail = f->ended && f->trailer.len == 0 ? END_OF_CHUNKS : END_OF_CHUNK;
        f->last_chunk_due = f->ended && f->trailer.len > 0;
    } else {
        f->last_chunk_due = f->ended;
    }
}

/* Does the source end, and the body with it, with what has just been taken? */
static bool ends_with_source(const struct flow *f, const struct buffer *in)
{
    return f->source && buffer_len(in) == 0 && conn_ended(f->source) && h1_body_may_end(&f->body);
}

/* FLOW_HUNGRY: nothing comes of what there is. */
static enum flow_result decode(struct flow *f, struct buffer *in, struct h1_decoded *d)
{
    if (h1_body_decode(&f->body, in->at + in->start, buffer_len(in), d) != 0)
        return FLOW_MALFORMED;
    if (f->body.total > f->body_bytes_max)
        return FLOW_TOO_LARGE; /* and the end of it is not written either */
    buffer_used(in, d->used);
    const bool by_source = !d->done && ends_with_source(f, in);
    f->trailer = d->done ? d->trailer : by_source ? conn_trailer(f->source) : SLICE_NONE;
    d->done |= by_source;
    return d->used == 0 && d->data_len == 0 && !d->done ? FLOW_HUNGRY : FLOW_DONE;
}

static enum flow_result pass_on(struct flow *f, struct buffer *in, struct flow_scratch *scratch)
{
    struct h1_decoded d;
    const enum flow_result r = decode(f, in, &d);
    if (r != FLOW_DONE && r != FLOW_HUNGRY)
        return r;
    f->data = d.data;
    f->data_len = d.data_len;
    f->ended = d.done;
    if (f->chunked)
        frame_chunk(f, scratch);
    return r;
}

/* More of the body for the compressor, when it has none. FLOW_HUNGRY: there is none now. */
static enum flow_result take_raw(struct flow *f, struct buffer *in)
{
    struct flow_coding *c = f->coding;
    if (c->raw.len > 0 || c->source_ended)
        return FLOW_DONE;
    struct h1_decoded d;
    const enum flow_result r = buffer_len(in) > 0 ? decode(f, in, &d) : FLOW_HUNGRY;
    if (r != FLOW_DONE)
        return r;
    c->raw = (struct slice){d.data, d.data_len};
    c->source_ended = d.done;
    c->in_bytes += d.data_len;
    return FLOW_DONE;
}

/* What the compressor is to do next; FLOW_HUNGRY: nothing. */
static enum flow_result next_step(struct flow *f, struct buffer *in)
{
    struct flow_coding *c = f->coding;
    if (c->busy)
        return FLOW_DONE;
    const enum flow_result r = take_raw(f, in);
    if (r != FLOW_DONE && r != FLOW_HUNGRY)
        return r;
    const bool last = r == FLOW_HUNGRY || buffer_len(in) == 0; /* of what is here */
    if (c->source_ended)
        c->step = COMPRESS_END;
    else if (c->push && last && (c->raw.len > 0 || c->dirty))
        c->step = COMPRESS_FLUSH;
    else
        c->step = COMPRESS_MORE;
    return c->step == COMPRESS_MORE && c->raw.len == 0 ? FLOW_HUNGRY : FLOW_DONE;
}

/* One step of the compressor, into its block. */
static enum flow_result compress(struct flow *f, struct pool *buffers)
{
    struct flow_coding *c = f->coding;
    if (!buffer_take(&c->out, buffers))
        return FLOW_NO_MEMORY;
    bool done;
    const ssize_t n = compressor_run(c->by, &c->raw, c->step, c->out.at, BUFFER_BYTES, &done);
    if (n < 0)
        return FLOW_NO_MEMORY;
    c->busy = !done;
    c->dirty = c->step == COMPRESS_MORE;
    c->out_bytes += (uint64_t)n;
    f->data = c->out.at;
    f->data_len = (size_t)n;
    f->ended = done && c->step == COMPRESS_END;
    return FLOW_DONE;
}

/* The next piece of the other body. */
static enum flow_result encode(struct flow *f, struct buffer *in, struct flow_scratch *scratch)
{
    do {
        enum flow_result r = next_step(f, in);
        if (r == FLOW_HUNGRY)
            buffer_give(&f->coding->out, scratch->buffers);
        if (r == FLOW_DONE)
            r = compress(f, scratch->buffers);
        if (r != FLOW_DONE)
            return r;
    } while (f->data_len == 0 && !f->ended);
    if (f->chunked)
        frame_chunk(f, scratch);
    return FLOW_DONE;
}

static enum flow_result write_last_chunk(struct flow *f, struct flow_scratch *scratch)
{
    struct http_head trailer;
    const bool any = f->trailer.len > 0;
    if (any && h1_trailer_parse(&trailer, f->trailer.at, f->trailer.len) <= 0)
        return FLOW_MALFORMED;
    const size_t room = scratch->room - scratch->head;
    const size_t len =
        h1_write_last_chunk(scratch->at + scratch->head, room, any ? &trailer : NULL);
    if (len > room)
        return FLOW_NO_MEMORY;
    scratch->head += len;
    f->last_chunk_due = false;
    return FLOW_DONE;
}

/* Makes the next piece to write, where there is none. FLOW_DONE: go on. */
static enum flow_result prepare(struct flow *f, struct buffer *in, struct flow_scratch *scratch)
{
    if (f->first.at || f->data_len > 0 || f->tail.len > 0)
        return FLOW_DONE;
    enum flow_result r = FLOW_DONE;
    if (!f->ended && f->coding)
        r = encode(f, in, scratch);
    else if (!f->ended && buffer_len(in) > 0)
        r = pass_on(f, in, scratch);
    if (r != FLOW_DONE)
        return r;
    return f->last_chunk_due && f->data_len == 0 ? write_last_chunk(f, scratch) : FLOW_DONE;
}

/* All is written; a stream is told so, with the trailers that may be passed on. */
static enum flow_result finish(struct flow *f, struct flow_scratch *scratch)
{
    if (f->finished || f->goes_on || !conn_is_stream(f->to))
        return FLOW_DONE;
    struct slice lines = SLICE_NONE;
    if (f->trailer.len > 0) {
        const enum flow_result r = write_last_chunk(f, scratch);
        if (r != FLOW_DONE)
            return r;
        lines = slice_from((struct slice){scratch->at, scratch->head}, strlen("0\r\n"));
        scratch->head = 0;
    }
    if (slice_eq(lines, SLICE("\r\n")))
        lines = SLICE_NONE; /* nothing of it may be passed on */
    const ssize_t sent = conn_finish(f->to, NULL, 0, lines);
    if (sent == -EAGAIN)
        return FLOW_BLOCKED;
    f->finished = sent == 0;
    return sent == 0 ? FLOW_DONE : FLOW_BROKEN;
}

enum flow_result flow_run(struct flow *f, struct buffer *in, struct flow_scratch scratch)
{
    for (;;) {
        const enum flow_result r = prepare(f, in, &scratch);
        const bool stuck = r == FLOW_HUNGRY;
        if (r != FLOW_DONE && !stuck)
            return r;
        if (!nothing_to_write(f, scratch.head)) {
            const struct slice head = {scratch.at, scratch.head};
            scratch.head = 0;
            const enum flow_result w = write_once(f, head, scratch.buffers);
            if (w != FLOW_HUNGRY)
                return w;
        } else if (f->ended && !f->last_chunk_due) {
            return finish(f, &scratch);
        } else if (!f->last_chunk_due && (stuck || buffer_len(in) == 0)) {
            return FLOW_HUNGRY;
        }
    }
}

bool flow_passes(const struct flow *f, const struct conn *from)
{
    return conn_passes(from, f->to) && !f->chunked && !f->coding && nothing_to_write(f, 0) &&
           h1_body_unframed(&f->body) > 0;
}

enum flow_result flow_pass(struct flow *f, struct conn *from, struct flow_scratch scratch,
                           size_t *n, bool *more)
{
    bool whole;
    const uint64_t there = h1_body_unframed(&f->body);
    const uint64_t most = f->allowed && *f->allowed < there ? *f->allowed : there;
    *n = 0;
    if (most == 0)
        return FLOW_PACED;
    const ssize_t moved = conn_pass(from, f->to, scratch.at, scratch.room, most, &whole, more);
    *n = moved > 0 ? (size_t)moved : 0;
    if (moved < 0)
        return moved == -EAGAIN ? FLOW_BLOCKED : FLOW_BROKEN;
    h1_body_passed(&f->body, *n);
    if (f->allowed)
        *f->allowed -= *n;
    f->ended = h1_body_is_done(&f->body);
    f->sent_bytes += *n;
    return whole ? FLOW_HUNGRY : FLOW_BLOCKED;
}

bool flow_source_closed(struct flow *f, struct slice trailer)
{
    if (!h1_body_may_end(&f->body))
        return false;
    if (f->coding) { /* the end of the other body is still to be made */
        if (!f->coding->source_ended)
            f->trailer = trailer;
        f->coding->source_ended = true;
        return true;
    }
    if (!f->ended) {
        f->last_chunk_due = f->chunked;
        f->trailer = trailer;
    }
    f->ended = true;
    return true;
}

enum flow_result flow_write(struct flow *f, struct flow_scratch scratch)
{
    if (nothing_to_write(f, scratch.head))
        return FLOW_DONE;
    const struct slice head = {scratch.at, scratch.head};
    const enum flow_result r = write_once(f, head, scratch.buffers);
    return r == FLOW_HUNGRY ? FLOW_DONE : r;
}

void flow_done(struct flow *f, struct pool *buffers)
{
    buffer_give(&f->first, buffers);
    if (f->coding)
        buffer_give(&f->coding->out, buffers);
}

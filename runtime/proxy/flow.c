#include "runtime/proxy/flow.h"

#include <errno.h>

#include "runtime/http/h1_write.h"

static const struct slice END_OF_CHUNK = SLICE_INIT("\r\n");
static const struct slice END_OF_CHUNKS = SLICE_INIT("\r\n0\r\n\r\n");

void flow_init(struct flow *f, struct conn *to, enum http_framing framing, uint64_t length,
               bool chunked)
{
    *f = (struct flow){.to = to, .chunked = chunked, .ended = framing == FRAMING_NONE};
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
    f->tail = slice_from(f->tail, take(&sent, f->tail.len));
    return nothing_to_write(f, 0) ? FLOW_HUNGRY : FLOW_BLOCKED;
}

static enum flow_result write_once(struct flow *f, struct slice head, struct pool *buffers)
{
    struct iovec part[4];
    int n = 0;
    if (f->first.at)
        part[n++] = (struct iovec){f->first.at + f->first.start, buffer_len(&f->first)};
    if (head.len > 0)
        part[n++] = (struct iovec){(char *)(uintptr_t)head.at, head.len};
    if (f->data_len > 0)
        part[n++] = (struct iovec){f->data, f->data_len};
    if (f->tail.len > 0)
        part[n++] = (struct iovec){(char *)(uintptr_t)f->tail.at, f->tail.len};

    const ssize_t sent = conn_write(f->to, part, n);
    if (sent < 0 && sent != -EAGAIN)
        return FLOW_BROKEN;
    return book(f, head, sent > 0 ? (size_t)sent : 0, buffers);
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

static enum flow_result decode(struct flow *f, struct buffer *in, struct flow_scratch *scratch)
{
    struct h1_decoded d;
    if (h1_body_decode(&f->body, in->at + in->start, buffer_len(in), &d) != 0)
        return FLOW_MALFORMED;
    const bool stuck = d.used == 0 && d.data_len == 0 && !d.done;
    buffer_used(in, d.used);
    f->data = d.data;
    f->data_len = d.data_len;
    f->ended = d.done;
    f->trailer = d.done ? d.trailer : SLICE_NONE;
    if (f->chunked)
        frame_chunk(f, scratch);
    return stuck ? FLOW_HUNGRY : FLOW_DONE;
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
    if (!f->ended && buffer_len(in) > 0) {
        const enum flow_result r = decode(f, in, scratch);
        if (r != FLOW_DONE)
            return r;
    }
    return f->last_chunk_due && f->data_len == 0 ? write_last_chunk(f, scratch) : FLOW_DONE;
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
            return FLOW_DONE;
        } else if (!f->last_chunk_due && (stuck || buffer_len(in) == 0)) {
            return FLOW_HUNGRY;
        }
    }
}

bool flow_source_closed(struct flow *f)
{
    if (!h1_body_may_end(&f->body))
        return false;
    if (!f->ended && f->chunked)
        f->last_chunk_due = true;
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
}

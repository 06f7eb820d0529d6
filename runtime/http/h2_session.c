#include "runtime/http/h2_session.h"

#include <errno.h>
#include <nghttp2/nghttp2.h>
#include <pthread.h>

#include "runtime/http/h2_head.h"
#include "runtime/http/message.h"

#define FRAME_HEAD_BYTES ((size_t)9)

/* Not worth a frame of its own while more room may come. */
#define DATA_BYTES_MIN ((size_t)1024)

/* Less than that in a frame, for want of a window, is work for little. Peers that give back each
 * frame's room by itself make such frames too, but many are large: so many bytes pay for one. */
#define DRIBBLE_BYTES ((size_t)256)
#define DRIBBLE_PRICE ((uint64_t)1024)

/* Decoded, as the header compression makes it of few bytes: beyond this nobody is served. */
#define HEAD_DECODED_MAX (4 * (size_t)HTTP_HEAD_BYTES_MAX)

/* Acknowledgements that wait while the peer reads nothing, and frames of every other kind, beside
 * those that its streams may have. */
#define ACKS_WAITING_MAX   64
#define FRAMES_WAITING_MAX 256

/* What a DATA frame of ours may bring: updates of two windows, and a PING. */
#define ANSWERS_OF_DATA 3

/* A message that was whole gives so much of the budget back. */
#define MESSAGE_WORTH 1

#define CONTINUATIONS_MAX      8
#define CONTINUATION_BYTES_MIN 1024

enum pseudo { METHOD, SCHEME, AUTHORITY, PATH, PROTOCOL, STATUS, PSEUDOS };

/* The head or trailer section that is being received; there is one at a time. */
struct incoming {
    struct h2_stream *stream; /* NULL: of nobody, and only decoded */
    struct h2_text text;
    nghttp2_rcbuf *pseudo[PSEUDOS]; /* held */
    size_t decoded_bytes;
    bool open, begun, malformed;
};

struct h2_session {
    nghttp2_session *library;
    const struct h2_calls *calls;
    void *of;
    struct incoming in;
    int64_t now_ns, refilled_ns;
    uint32_t glitches_left, glitches_burst, glitches_per_s;
    enum h2_glitch calmed_by;
    uint32_t answers_due;    /* that our DATA may bring */
    uint64_t sent_bytes;     /* of DATA, that have paid for no frame of few bytes yet */
    uint32_t resets_of_ours; /* under way, and asked for by the owner */
    uint32_t head_bytes_max, streams_max;
    uint32_t n_opened; /* client: requests that are under way */
    uint8_t key_len;
    char websocket_key[32];
    bool is_client, secure, blocked, broken, calmed, failed, settled;
    bool dribbles; /* the DATA being sent is a few bytes, for the peer's window has no more */
};

/* --- the budget ------------------------------------------------------------------------------ */

static const uint32_t GLITCH_COST[] = {
#define GLITCH(id, cost, what) cost,
    H2_GLITCHES(GLITCH)
#undef GLITCH
};

const char *h2_glitch_text(enum h2_glitch which)
{
    static const char *const text[] = {
#define GLITCH(id, cost, what) what,
        H2_GLITCHES(GLITCH)
#undef GLITCH
    };
    ASSERT(which < H2_GLITCH_COUNT);
    return text[which];
}

static void calm(struct h2_session *s, enum h2_glitch why)
{
    if (s->calmed)
        return;
    s->calmed = true;
    s->calmed_by = why;
    nghttp2_session_terminate_session(s->library, NGHTTP2_ENHANCE_YOUR_CALM);
}

static void refill(struct h2_session *s)
{
    const int64_t passed_ns = s->now_ns - s->refilled_ns;
    const int64_t each_ns = 1000000000 / s->glitches_per_s;
    if (passed_ns < each_ns)
        return;
    const int64_t more = passed_ns / each_ns;
    const uint32_t room = s->glitches_burst - s->glitches_left;
    s->glitches_left += more < room ? (uint32_t)more : room;
    s->refilled_ns = s->now_ns;
}

static void glitch(struct h2_session *s, enum h2_glitch which)
{
    s->calls->glitch(s->of, which);
    refill(s);
    if (s->glitches_left < GLITCH_COST[which]) {
        s->glitches_left = 0;
        calm(s, which);
        return;
    }
    s->glitches_left -= GLITCH_COST[which];
}

/* Is it what our DATA may bring? It is, so often. */
static bool was_due(struct h2_session *s)
{
    if (s->answers_due == 0)
        return false;
    s->answers_due--;
    return true;
}

/* What the peer provokes and does not read. Streams have a few frames each. */
static void look_at_queue(struct h2_session *s)
{
    const size_t most = FRAMES_WAITING_MAX + 4 * (size_t)s->streams_max;
    if (!s->calmed && nghttp2_session_get_outbound_queue_size(s->library) > most)
        glitch(s, H2_GLITCH_UNREAD);
}

/* --- heads ----------------------------------------------------------------------------------- */

static struct slice text_of(nghttp2_rcbuf *b)
{
    if (!b)
        return SLICE_NONE;
    const nghttp2_vec v = nghttp2_rcbuf_get_buf(b);
    return (struct slice){(const char *)v.base, v.len};
}

static void incoming_done(struct incoming *in)
{
    for (int i = 0; i < PSEUDOS; i++)
        if (in->pseudo[i])
            nghttp2_rcbuf_decref(in->pseudo[i]);
    *in = (struct incoming){0};
}

static struct h2_stream *stream_of(struct h2_session *s, int32_t id)
{
    return nghttp2_session_get_stream_user_data(s->library, id);
}

static void reset_stream(struct h2_session *s, int32_t id, uint32_t code)
{
    nghttp2_submit_rst_stream(s->library, NGHTTP2_FLAG_NONE, id, code);
}

static int on_begin_headers(nghttp2_session *library, const nghttp2_frame *frame, void *of)
{
    struct h2_session *s = of;
    const int32_t id = frame->hd.stream_id;
    const bool request = frame->headers.cat == NGHTTP2_HCAT_REQUEST;
    incoming_done(&s->in);
    s->in.open = true;
    struct h2_stream *st = request ? s->calls->open(s->of, id) : stream_of(s, id);
    if (st && request) {
        st->id = id;
        nghttp2_session_set_stream_user_data(library, id, st);
    }
    s->in.stream = st;
    if (st)
        s->in.text.at = s->calls->room(st, &s->in.text.room);
    if (s->in.text.room > s->head_bytes_max)
        s->in.text.room = s->head_bytes_max;
    if (!s->in.text.at && (st || request)) {
        s->in.stream = NULL;
        reset_stream(s, id, request ? NGHTTP2_REFUSED_STREAM : NGHTTP2_INTERNAL_ERROR);
    }
    return 0;
}

static enum pseudo pseudo_of(struct slice name)
{
    static const struct slice names[PSEUDOS] = {
        [METHOD] = SLICE_INIT(":method"),       [SCHEME] = SLICE_INIT(":scheme"),
        [AUTHORITY] = SLICE_INIT(":authority"), [PATH] = SLICE_INIT(":path"),
        [PROTOCOL] = SLICE_INIT(":protocol"),   [STATUS] = SLICE_INIT(":status"),
    };
    for (int i = 0; i < PSEUDOS; i++)
        if (slice_eq(name, names[i]))
            return (enum pseudo)i;
    return PSEUDOS;
}

/* The first line, when all that belongs to it is known. */
static void begin_text(struct h2_session *s)
{
    struct incoming *in = &s->in;
    in->begun = true;
    if (in->pseudo[STATUS]) {
        const struct slice status = text_of(in->pseudo[STATUS]);
        const bool switches = in->stream->is_connect && status.at[0] == '2';
        h2_text_response(&in->text, status, switches);
    } else if (in->pseudo[METHOD]) {
        const struct h2_request_line line = {.method = text_of(in->pseudo[METHOD]),
                                             .scheme = text_of(in->pseudo[SCHEME]),
                                             .authority = text_of(in->pseudo[AUTHORITY]),
                                             .path = text_of(in->pseudo[PATH]),
                                             .protocol = text_of(in->pseudo[PROTOCOL])};
        const struct slice key = {s->websocket_key, s->key_len};
        in->malformed = !h2_text_request(&in->text, &line, key);
    }
}

static int on_header(nghttp2_session *library, const nghttp2_frame *frame, nghttp2_rcbuf *name,
                     nghttp2_rcbuf *value, uint8_t flags, void *of)
{
    (void)library;
    (void)frame;
    (void)flags;
    struct h2_session *s = of;
    struct incoming *in = &s->in;
    const struct slice n = text_of(name), v = text_of(value);
    in->decoded_bytes += n.len + v.len + 32; /* as RFC 9113 6.5.2 counts */
    if (in->decoded_bytes > HEAD_DECODED_MAX) {
        glitch(s, H2_GLITCH_BOMBS);
        return NGHTTP2_ERR_CALLBACK_FAILURE;
    }
    if (!in->stream)
        return 0;
    if (n.len > 0 && n.at[0] == ':') {
        const enum pseudo p = pseudo_of(n);
        if (p == PSEUDOS || in->pseudo[p]) {
            in->malformed = true; /* the library has refused it before us */
            return 0;
        }
        nghttp2_rcbuf_incref(value);
        in->pseudo[p] = value;
        return 0;
    }
    if (!in->begun)
        begin_text(s);
    if (!in->malformed)
        h2_text_field(&in->text, n, v);
    return 0;
}

static void head_complete(struct h2_session *s, const nghttp2_frame *frame)
{
    struct incoming *in = &s->in;
    struct h2_stream *st = in->stream;
    in->open = false;
    if (!st || st->is_gone)
        return;
    const bool trailer = !in->pseudo[STATUS] && !in->pseudo[METHOD];
    const bool ends = frame->hd.flags & NGHTTP2_FLAG_END_STREAM;
    if (!in->begun)
        begin_text(s);
    const size_t len = in->malformed ? 0 : h2_text_end(&in->text);
    const bool whole = in->text.len <= in->text.room;
    if (in->malformed || (trailer && (!ends || !whole))) {
        reset_stream(s, st->id, NGHTTP2_PROTOCOL_ERROR);
        return;
    }
    st->got_end = ends;
    if (!trailer)
        s->calls->head(st, len);
    if (ends)
        s->calls->end(st, trailer ? len : 0);
}

/* --- frames ---------------------------------------------------------------------------------- */

static int on_begin_frame(nghttp2_session *library, const nghttp2_frame_hd *hd, void *of)
{
    (void)library;
    struct h2_session *s = of;
    const bool ack = hd->flags & NGHTTP2_FLAG_ACK;
    switch (hd->type) {
    case NGHTTP2_HEADERS: break;
    case NGHTTP2_DATA:
        if (hd->length == 0 && !(hd->flags & NGHTTP2_FLAG_END_STREAM))
            glitch(s, H2_GLITCH_EMPTY);
        break;
    case NGHTTP2_SETTINGS:
        if (!ack)
            glitch(s, H2_GLITCH_CONTROL);
        break;
    case NGHTTP2_PING: /* those who measure how much fits on the way send one with what they get */
        if (!ack && !was_due(s))
            glitch(s, H2_GLITCH_CONTROL);
        break;
    case NGHTTP2_RST_STREAM: glitch(s, H2_GLITCH_RESETS); break;
    case NGHTTP2_CONTINUATION: /* a large head has some that are full, and a rest */
        if (!(hd->flags & NGHTTP2_FLAG_END_HEADERS) && hd->length < CONTINUATION_BYTES_MIN)
            glitch(s, H2_GLITCH_CONTINUED);
        break;
    case NGHTTP2_WINDOW_UPDATE:
        if (!was_due(s))
            glitch(s, H2_GLITCH_UPDATES);
        break;
    default: glitch(s, H2_GLITCH_PRIORITY); break;
    }
    /* The library does not look at these any more; RFC 9113 6.3 does. */
    const bool priority = hd->type == NGHTTP2_PRIORITY && !s->calmed;
    if (priority && (hd->stream_id == 0 || hd->length != 5)) {
        nghttp2_session_terminate_session(
            s->library, hd->stream_id == 0 ? NGHTTP2_PROTOCOL_ERROR : NGHTTP2_FRAME_SIZE_ERROR);
        s->failed = true;
    }
    look_at_queue(s);
    return s->calmed || s->failed ? NGHTTP2_ERR_CALLBACK_FAILURE : 0;
}

/* Padding alone is no data either, nor what asks for more of it. */
static void look_at_padding(struct h2_session *s, const nghttp2_frame_hd *hd, size_t padding)
{
    if (hd->length > 0 && hd->length == padding && !(hd->flags & NGHTTP2_FLAG_END_STREAM))
        glitch(s, H2_GLITCH_EMPTY);
}

static int on_frame_recv(nghttp2_session *library, const nghttp2_frame *frame, void *of)
{
    (void)library;
    struct h2_session *s = of;
    if (frame->hd.type == NGHTTP2_HEADERS) {
        head_complete(s, frame);
        incoming_done(&s->in);
    } else if (frame->hd.type == NGHTTP2_DATA) {
        struct h2_stream *st = stream_of(s, frame->hd.stream_id);
        look_at_padding(s, &frame->hd, frame->data.padlen);
        if (st && !st->is_gone && frame->hd.flags & NGHTTP2_FLAG_END_STREAM) {
            st->got_end = true;
            s->calls->end(st, 0);
        }
    } else if (frame->hd.type == NGHTTP2_SETTINGS && !(frame->hd.flags & NGHTTP2_FLAG_ACK)) {
        s->settled = true;
    }
    return 0;
}

static int on_data(nghttp2_session *library, uint8_t flags, int32_t id, const uint8_t *at,
                   size_t len, void *of)
{
    (void)flags;
    struct h2_session *s = of;
    struct h2_stream *st = stream_of(s, id);
    if (!st || st->is_gone) {
        nghttp2_session_consume(library, id, len);
        return 0;
    }
    if (!s->calls->data(st, (const char *)at, len)) {
        nghttp2_session_consume(library, id, len);
        reset_stream(s, id, NGHTTP2_INTERNAL_ERROR);
    }
    return 0;
}

/* Whatever code it was closed with: a peer may give that of a good end at any time. */
static bool is_whole(const struct h2_session *s, int32_t id)
{
    return (s->is_client ? nghttp2_session_get_stream_remote_close(s->library, id)
                         : nghttp2_session_get_stream_local_close(s->library, id)) == 1;
}

static int on_close(nghttp2_session *library, int32_t id, uint32_t code, void *of)
{
    (void)library;
    struct h2_session *s = of;
    struct h2_stream *st = stream_of(s, id);
    if (s->n_opened > 0)
        s->n_opened--;
    if (s->in.stream == st)
        s->in.stream = NULL;
    if (code == NGHTTP2_NO_ERROR && is_whole(s, id) && s->glitches_left < s->glitches_burst)
        s->glitches_left += MESSAGE_WORTH;
    if (!st || st->is_gone)
        return 0;
    st->is_gone = true;
    if (!st->sent_end || !st->got_end)
        s->calls->reset(st, code);
    return 0;
}

/* Resets that the owner did not ask for are answers to what the peer did. */
static int on_sent(nghttp2_session *library, const nghttp2_frame *frame, void *of)
{
    (void)library;
    struct h2_session *s = of;
    if (frame->hd.type != NGHTTP2_RST_STREAM)
        return 0;
    if (s->resets_of_ours > 0)
        s->resets_of_ours--;
    else
        glitch(s, H2_GLITCH_PROVOKED);
    return 0;
}

/* --- writing --------------------------------------------------------------------------------- */

static ssize_t send_bytes(nghttp2_session *library, const uint8_t *at, size_t len, int flags,
                          void *of)
{
    (void)library;
    (void)flags;
    struct h2_session *s = of;
    size_t room;
    char *to = s->calls->out(s->of, 1, &room);
    if (!to) {
        s->blocked = true;
        return NGHTTP2_ERR_WOULDBLOCK;
    }
    const size_t n = len < room ? len : room;
    memcpy(to, at, n);
    s->calls->wrote(s->of, n);
    return (ssize_t)n;
}

static size_t bytes_left(const struct h2_stream *st)
{
    size_t left = 0;
    for (int i = 0; i < st->n_from; i++)
        left += st->from[i].iov_len;
    return left - st->skip;
}

static int submit_trailer(struct h2_session *s, struct h2_stream *st);

/* The library asks how much a stream has to say now. */
static ssize_t how_much(nghttp2_session *library, int32_t id, uint8_t *buf, size_t length,
                        uint32_t *flags, nghttp2_data_source *source, void *of)
{
    (void)library;
    (void)buf;
    (void)source;
    struct h2_session *s = of;
    struct h2_stream *st = stream_of(s, id);
    if (!st)
        return NGHTTP2_ERR_DEFERRED; /* its reset is on the way */
    if (!st->writing) {
        s->calls->writable(st);
        return NGHTTP2_ERR_DEFERRED;
    }
    const size_t left = bytes_left(st);
    if (left == 0 && !st->last)
        return NGHTTP2_ERR_DEFERRED;

    size_t room;
    const size_t enough = FRAME_HEAD_BYTES + (left < DATA_BYTES_MIN ? left : DATA_BYTES_MIN);
    if (!s->calls->out(s->of, enough, &room)) {
        s->blocked = true;
        return NGHTTP2_ERR_DEFERRED;
    }
    size_t n = left < length ? left : length;
    if (n > room - FRAME_HEAD_BYTES)
        n = room - FRAME_HEAD_BYTES;
    s->dribbles = n == length && n < left && n < DRIBBLE_BYTES;
    *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
    if (st->last && n == left) {
        *flags |= NGHTTP2_DATA_FLAG_EOF;
        if (st->trailer.len > 0) {
            *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
            if (submit_trailer(s, st) != 0)
                return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
        }
        st->sent_end = true;
    }
    return (ssize_t)n;
}

static void note_size(struct h2_session *s, size_t bytes)
{
    s->sent_bytes += bytes;
    if (!s->dribbles)
        return;
    if (s->sent_bytes < DRIBBLE_PRICE)
        glitch(s, H2_GLITCH_UPDATES);
    else
        s->sent_bytes -= DRIBBLE_PRICE;
}

/* As much as how_much() said: the one copy that a body makes. */
static int send_data(nghttp2_session *library, nghttp2_frame *frame, const uint8_t *head,
                     size_t length, nghttp2_data_source *source, void *of)
{
    (void)library;
    (void)source;
    struct h2_session *s = of;
    struct h2_stream *st = stream_of(s, frame->hd.stream_id);
    size_t room;
    char *to = s->calls->out(s->of, FRAME_HEAD_BYTES + length, &room);
    ASSERT(st && to && frame->data.padlen == 0);
    memcpy(to, head, FRAME_HEAD_BYTES);
    to += FRAME_HEAD_BYTES;
    for (size_t left = length; left > 0;) {
        ASSERT(st->n_from > 0);
        const size_t there = st->from->iov_len - st->skip;
        const size_t n = left < there ? left : there;
        memcpy(to, (const char *)st->from->iov_base + st->skip, n);
        to += n;
        left -= n;
        st->skip += n;
        if (st->skip == st->from->iov_len) {
            st->from++;
            st->n_from--;
            st->skip = 0;
        }
    }
    s->calls->wrote(s->of, FRAME_HEAD_BYTES + length);
    s->answers_due += ANSWERS_OF_DATA;
    note_size(s, length);
    return 0;
}

/* The fields as the library wants them. `copied` when they are not sent at once. */
static size_t to_library(const struct h2_fields *f, nghttp2_nv *out, bool copied)
{
    const uint8_t flags =
        copied ? NGHTTP2_NV_FLAG_NONE
               : (uint8_t)(NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE);
    for (size_t i = 0; i < f->n; i++) {
        const struct h2_field *from = &f->at[i];
        out[i] = (nghttp2_nv){.name = (uint8_t *)(uintptr_t)from->name.at,
                              .namelen = from->name.len,
                              .value = (uint8_t *)(uintptr_t)from->value.at,
                              .valuelen = from->value.len,
                              .flags = flags};
    }
    return f->n;
}

static int submit_trailer(struct h2_session *s, struct h2_stream *st)
{
    struct h2_fields f;
    nghttp2_nv nv[H2_FIELDS_MAX];
    if (!h2_fields_trailer(&f, st->trailer))
        return -EMSGSIZE;
    return nghttp2_submit_trailer(s->library, st->id, nv, to_library(&f, nv, true));
}

static int submit_response(struct h2_session *s, struct h2_stream *st, const struct h2_fields *f,
                           bool ends)
{
    nghttp2_nv nv[H2_FIELDS_MAX];
    /* The queue is empty, so the pump that follows sends it before these texts go. */
    const size_t n = to_library(f, nv, false);
    if (f->status < 200 && f->status != 101)
        return nghttp2_submit_headers(s->library, NGHTTP2_FLAG_NONE, st->id, NULL, nv, n, NULL);
    const nghttp2_data_provider body = {.read_callback = how_much};
    st->head_sent = true;
    st->sent_end = ends;
    return nghttp2_submit_response(s->library, st->id, nv, n, ends ? NULL : &body);
}

static int submit_request(struct h2_session *s, struct h2_stream *st, const struct h2_fields *f,
                          bool ends)
{
    nghttp2_nv nv[H2_FIELDS_MAX];
    const size_t n = to_library(f, nv, true);
    const nghttp2_data_provider body = {.read_callback = how_much};
    const int32_t id = nghttp2_submit_request(s->library, NULL, nv, n, ends ? NULL : &body, st);
    if (id < 0)
        return id;
    s->n_opened++;
    st->id = id;
    st->head_sent = true;
    st->sent_end = ends;
    st->is_connect = f->n > 1 && slice_eq(f->at[1].name, SLICE(":protocol"));
    return 0;
}

/* The head at the front of what is to be written. 0, or the error of h2_session_write(). */
static int write_head(struct h2_session *s, struct h2_stream *st)
{
    struct h2_fields f;
    const struct slice text = {st->from->iov_base, st->from->iov_len};
    const size_t used =
        s->is_client ? h2_fields_request(&f, text, s->secure ? SLICE("https") : SLICE("http"))
                     : h2_fields_response(&f, text);
    if (used == 0)
        return -EMSGSIZE;
    st->skip = used;
    if (st->skip == st->from->iov_len) {
        st->from++;
        st->n_from--;
        st->skip = 0;
    }
    const bool ends = st->last && bytes_left(st) == 0 && st->trailer.len == 0;
    const int rc =
        s->is_client ? submit_request(s, st, &f, ends) : submit_response(s, st, &f, ends);
    return rc == 0 ? 0 : -EPIPE;
}

static int write_heads(struct h2_session *s, struct h2_stream *st)
{
    while (!st->head_sent && st->n_from > 0) {
        const int rc = write_head(s, st);
        if (rc != 0)
            return rc;
        if (!h2_session_pump(s))
            break; /* the library has it, and sends it when there is room */
    }
    return 0;
}

ssize_t h2_session_write(struct h2_session *s, struct h2_stream *st, const struct iovec *from,
                         int n, bool last, struct slice trailer)
{
    if (st->is_gone || st->sent_end || s->broken)
        return -EPIPE;
    if (!h2_session_pump(s))
        return -EAGAIN;
    if (st->is_gone)
        return -EPIPE;
    if (s->is_client && st->id == 0 && s->n_opened >= h2_session_streams_max(s)) {
        /* It was promised a place before the server said how many there are. */
        st->is_gone = true;
        s->calls->reset(st, NGHTTP2_REFUSED_STREAM);
        return -EPIPE;
    }
    st->from = from;
    st->n_from = n;
    st->skip = 0;
    st->last = last;
    st->trailer = trailer;
    const size_t all = bytes_left(st);
    st->writing = true;
    const bool resumed = st->head_sent;
    const int rc = write_heads(s, st);
    /* Behind its head a body went as far as there was room: whether there was enough is known, and
     * another pump would forget it. */
    if (rc == 0 && resumed && !st->is_gone) {
        nghttp2_session_resume_data(s->library, st->id);
        h2_session_pump(s);
    }
    const size_t taken = all - bytes_left(st);
    st->writing = false;
    st->from = NULL;
    st->n_from = 0;
    st->skip = 0;
    st->trailer = SLICE_NONE;
    if (rc != 0)
        return rc;
    return taken > 0 || (last && st->sent_end) ? (ssize_t)taken : -EAGAIN;
}

bool h2_session_pump(struct h2_session *s)
{
    s->blocked = false;
    if (!s->broken && nghttp2_session_send(s->library) != 0)
        s->broken = true;
    return !s->blocked;
}

bool h2_session_is_blocked(const struct h2_session *s)
{
    return s->blocked;
}

/* --- life ------------------------------------------------------------------------------------ */

/* Frames of unknown types are asked for only to be counted. */
static int leave_out(nghttp2_session *library, void **payload, const nghttp2_frame_hd *hd, void *of)
{
    (void)library;
    (void)payload;
    (void)hd;
    (void)of;
    return NGHTTP2_ERR_CANCEL;
}

static nghttp2_session_callbacks *callbacks;
static nghttp2_option *options;

/* What is the same for all sessions is made once, and stays. */
static void make_shared(void)
{
    if (nghttp2_session_callbacks_new(&callbacks) != 0 || nghttp2_option_new(&options) != 0)
        die_out_of_memory(1, sizeof(void *));
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback2(callbacks, on_header);
    nghttp2_session_callbacks_set_on_begin_frame_callback(callbacks, on_begin_frame);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame_recv);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_close);
    nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, on_sent);
    nghttp2_session_callbacks_set_send_callback(callbacks, send_bytes);
    nghttp2_session_callbacks_set_send_data_callback(callbacks, send_data);
    nghttp2_session_callbacks_set_unpack_extension_callback(callbacks, leave_out);
    for (unsigned type = NGHTTP2_CONTINUATION + 1; type <= UINT8_MAX; type++)
        nghttp2_option_set_user_recv_extension_type(options, (uint8_t)type);
    nghttp2_option_set_no_auto_window_update(options, 1);
    nghttp2_option_set_no_closed_streams(options, 1);
    nghttp2_option_set_max_outbound_ack(options, ACKS_WAITING_MAX);
    nghttp2_option_set_max_continuations(options, CONTINUATIONS_MAX);
    nghttp2_option_set_max_send_header_block_length(options, (size_t)3 * HTTP_HEAD_BYTES_MAX);
}

static int submit_settings(struct h2_session *s, const struct h2_limits *l)
{
    nghttp2_settings_entry e[6];
    size_t n = 0;
    e[n++] = (nghttp2_settings_entry){NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, l->stream_window};
    e[n++] = (nghttp2_settings_entry){NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, l->head_bytes_max};
    if (s->is_client) {
        e[n++] = (nghttp2_settings_entry){NGHTTP2_SETTINGS_ENABLE_PUSH, 0};
    } else {
        e[n++] = (nghttp2_settings_entry){NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, l->streams_max};
        e[n++] = (nghttp2_settings_entry){NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1};
        if (l->extended_connect)
            e[n++] = (nghttp2_settings_entry){NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, 1};
    }
    const int rc = nghttp2_submit_settings(s->library, NGHTTP2_FLAG_NONE, e, n);
    return rc ? rc
              : nghttp2_session_set_local_window_size(s->library, NGHTTP2_FLAG_NONE, 0,
                                                      (int32_t)l->connection_window);
}

static struct h2_session *session_new(const struct h2_limits *l, const struct h2_calls *calls,
                                      void *of, bool is_client)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, make_shared);
    struct h2_session *s = calloc(1, sizeof(*s));
    if (!s)
        return NULL;
    s->calls = calls;
    s->of = of;
    s->is_client = is_client;
    s->secure = l->secure;
    s->glitches_left = s->glitches_burst = l->glitches_burst;
    s->glitches_per_s = l->glitches_per_s;
    s->head_bytes_max = l->head_bytes_max;
    s->streams_max = l->streams_max;
    ASSERT(l->websocket_key.len <= sizeof(s->websocket_key) && l->glitches_per_s > 0);
    s->key_len = (uint8_t)l->websocket_key.len;
    if (s->key_len > 0)
        memcpy(s->websocket_key, l->websocket_key.at, s->key_len);
    const int rc = is_client ? nghttp2_session_client_new2(&s->library, callbacks, s, options)
                             : nghttp2_session_server_new2(&s->library, callbacks, s, options);
    if (rc == 0 && submit_settings(s, l) == 0)
        return s;
    h2_session_free(s);
    return NULL;
}

struct h2_session *h2_session_server(const struct h2_limits *l, const struct h2_calls *calls,
                                     void *of)
{
    return session_new(l, calls, of, false);
}

struct h2_session *h2_session_client(const struct h2_limits *l, const struct h2_calls *calls,
                                     void *of)
{
    return session_new(l, calls, of, true);
}

void h2_session_free(struct h2_session *s)
{
    if (!s)
        return;
    incoming_done(&s->in);
    nghttp2_session_del(s->library);
    free(s);
}

bool h2_session_receive(struct h2_session *s, const char *at, size_t len, int64_t now_ns)
{
    s->now_ns = now_ns;
    if (s->broken || s->calmed || s->failed)
        return false;
    const ssize_t rc = nghttp2_session_mem_recv(s->library, (const uint8_t *)at, len);
    if (rc >= 0)
        return true;
    if (rc == NGHTTP2_ERR_TOO_MANY_CONTINUATIONS)
        glitch(s, H2_GLITCH_BOMBS);
    else if (rc == NGHTTP2_ERR_FLOODED)
        glitch(s, H2_GLITCH_UNREAD);
    else if (!s->calmed && !s->failed)
        nghttp2_session_terminate_session(s->library, NGHTTP2_PROTOCOL_ERROR);
    return false;
}

bool h2_session_is_over(const struct h2_session *s)
{
    return s->broken ||
           (!nghttp2_session_want_read(s->library) && !nghttp2_session_want_write(s->library));
}

bool h2_session_is_settled(const struct h2_session *s)
{
    return s->settled;
}

bool h2_session_is_in_head(const struct h2_session *s)
{
    return s->in.open;
}

bool h2_session_is_calmed(const struct h2_session *s)
{
    return s->calmed;
}

enum h2_glitch h2_session_calmed_by(const struct h2_session *s)
{
    ASSERT(s->calmed);
    return s->calmed_by;
}

bool h2_session_may_open(const struct h2_session *s)
{
    return !s->broken && nghttp2_session_check_request_allowed(s->library);
}

uint32_t h2_session_streams_max(const struct h2_session *s)
{
    const uint32_t theirs =
        nghttp2_session_get_remote_settings(s->library, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
    return theirs < s->streams_max ? theirs : s->streams_max;
}

bool h2_session_connects(const struct h2_session *s)
{
    return nghttp2_session_get_remote_settings(s->library,
                                               NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL) == 1;
}

void h2_session_consumed(struct h2_session *s, const struct h2_stream *st, size_t len)
{
    if (len > 0)
        nghttp2_session_consume(s->library, st->id, len);
}

void h2_session_dropped(struct h2_session *s, size_t len)
{
    if (len > 0)
        nghttp2_session_consume_connection(s->library, len);
}

void h2_session_leave(struct h2_session *s, struct h2_stream *st, uint32_t code)
{
    if (s->in.stream == st)
        s->in.stream = NULL;
    if (st->is_gone || st->id == 0)
        return;
    nghttp2_session_set_stream_user_data(s->library, st->id, NULL);
    st->is_gone = true;
    if (st->sent_end && st->got_end)
        return;
    s->resets_of_ours++;
    reset_stream(s, st->id, code);
}

void h2_session_announce_end(struct h2_session *s)
{
    nghttp2_submit_shutdown_notice(s->library);
}

void h2_session_end(struct h2_session *s)
{
    const int32_t last = nghttp2_session_get_last_proc_stream_id(s->library);
    nghttp2_submit_goaway(s->library, NGHTTP2_FLAG_NONE, last, NGHTTP2_NO_ERROR, NULL, 0);
}

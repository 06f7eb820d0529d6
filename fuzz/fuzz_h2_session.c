/* Frames of a client, as they are and then once more byte by byte. What is
 * written stays within its room, heads always end, and nothing that is called back is left behind.
 */
#include "runtime/http/h1_head.h"
#include "runtime/http/h2_session.h"
#include "runtime/http/message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define STREAMS 64

static struct one {
    struct h2_stream h2;
    char text[HTTP_HEAD_BYTES_MAX + 1];
} streams[STREAMS];
static unsigned n_streams;
static char out[64 * 1024];

static struct h2_stream *opens(void *of, int32_t id)
{
    (void)of;
    ASSERT(id > 0);
    return n_streams < STREAMS ? &streams[n_streams++].h2 : NULL;
}

static char *room(struct h2_stream *st, size_t *bytes)
{
    *bytes = HTTP_HEAD_BYTES_MAX;
    return ((struct one *)st)->text;
}

/* It is a head of HTTP/1, or one that is refused; a whole one uses all that was written. */
static void head(struct h2_stream *st, size_t len)
{
    struct http_head h;
    struct one *o = (struct one *)st;
    ASSERT(len <= HTTP_HEAD_BYTES_MAX);
    o->text[len] = '\0';
    const int used = h1_request_parse(&h, o->text, len);
    ASSERT(used <= 0 || (size_t)used == len);
}

static bool data_of(struct h2_stream *st, const char *at, size_t len)
{
    ASSERT(!st->got_end && at && len > 0);
    return true;
}

static void end(struct h2_stream *st, size_t trailer_len)
{
    ASSERT(st->got_end && trailer_len <= HTTP_HEAD_BYTES_MAX);
}

static void reset(struct h2_stream *st, uint32_t code)
{
    (void)code;
    ASSERT(st->is_gone);
}

static void writable(struct h2_stream *st)
{
    ASSERT(!st->is_gone);
}

static char *output(void *of, size_t at_least, size_t *bytes)
{
    (void)of;
    *bytes = sizeof(out);
    ASSERT(at_least <= sizeof(out));
    return out;
}

static void wrote(void *of, size_t n)
{
    (void)of;
    ASSERT(n <= sizeof(out));
}

static void glitch(void *of, enum h2_glitch which)
{
    (void)of;
    ASSERT(which < H2_GLITCH_COUNT);
}

static void run(const uint8_t *data, size_t size, size_t piece)
{
    static const struct h2_calls calls = {opens, room,     head,   data_of, end,
                                          reset, writable, output, wrote,   glitch};
    static const struct h2_limits limits = {.streams_max = 10,
                                            .stream_window = 65535,
                                            .connection_window = 1 << 20,
                                            .head_bytes_max = HTTP_HEAD_BYTES_MAX,
                                            .glitches_burst = 100,
                                            .glitches_per_s = 10,
                                            .extended_connect = true,
                                            .websocket_key =
                                                SLICE_INIT("AAAAAAAAAAAAAAAAAAAAAA==")};
    memset(streams, 0, sizeof(streams[0]) * n_streams);
    n_streams = 0;
    struct h2_session *s = h2_session_server(&limits, &calls, NULL);
    bool more = h2_session_receive(s, H2_PREFACE.at, H2_PREFACE.len, 1);
    for (size_t at = 0; at < size && more; at += piece) {
        const size_t n = size - at < piece ? size - at : piece;
        more = h2_session_receive(s, (const char *)data + at, n, (int64_t)at + 2);
        h2_session_pump(s);
    }
    for (unsigned i = 0; i < n_streams; i++) {
        static const char text[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
        char copy[sizeof(text)];
        memcpy(copy, text, sizeof(text));
        const struct iovec part = {copy, sizeof(text) - 1};
        const ssize_t n = h2_session_write(s, &streams[i].h2, &part, 1, true, SLICE_NONE);
        ASSERT(n <= (ssize_t)sizeof(text) - 1);
        h2_session_leave(s, &streams[i].h2, H2_NO_ERROR);
    }
    h2_session_pump(s);
    h2_session_free(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    run(data, size, size ? size : 1);
    if (size < 512)
        run(data, size, 1);
    return 0;
}

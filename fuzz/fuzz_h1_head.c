/* The first byte says which kind of head the others are. Byte by byte says what the whole says;
 * what is understood and written again is understood as the same. */
#include "runtime/base/check.h"
#include "runtime/http/h1_head.h"
#include "runtime/http/h1_write.h"
#include "runtime/http/semantics.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int (*const parse[])(struct http_head *, const char *,
                            size_t) = {h1_request_parse, h1_response_parse, h1_trailer_parse};

/* From a copy, so that one byte too far is seen. */
static int parse_exactly(struct http_head *out, unsigned kind, const char *at, size_t len)
{
    char *copy = must_calloc(len + 1, 1);
    memcpy(copy, at, len);
    const int used = parse[kind](out, copy, len);
    ASSERT(used <= (int)len);
    free(copy);
    return used;
}

/* Writes the understood head; 0 when it is refused. `info` is what has to survive. */
static size_t rewrite(struct http_head *h, unsigned kind, uint64_t info[3], char *out, size_t room)
{
    struct http_request_info q;
    struct http_response_info a;
    if (kind == 0) {
        if (http_request_understand(h, &q) < 0)
            return 0;
        memcpy(info, (uint64_t[]){q.framing, q.content_length, q.upgrade}, 3 * sizeof(*info));
        const struct h1_request_out o = {.head = h,
                                         .target = q.path,
                                         .upgrade = q.upgrade,
                                         .host = q.authority.len > 0 ? q.authority : SLICE("h"),
                                         .chunked = q.framing == FRAMING_CHUNKED};
        return h1_write_request(out, room, &o);
    }
    if (kind == 2)
        return h1_write_last_chunk(out, room, h);
    if (http_response_understand(h, false, &a) < 0)
        return 0;
    memcpy(info, (uint64_t[]){a.framing, a.content_length, a.switches}, 3 * sizeof(*info));
    const struct h1_response_out o = {
        .head = h, .chunked = a.framing == FRAMING_CHUNKED, .close = true};
    return h1_write_response(out, room, &o);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char once[1 << 18], twice[1 << 18];
    if (size == 0 || size > HTTP_HEAD_BYTES_MAX + 64)
        return 0;
    const unsigned kind = *data % 3;
    const char *at = (const char *)data + 1;
    const int whole = parse_exactly(&(struct http_head){0}, kind, at, --size);
    int slow = 0;
    for (size_t len = 0; len <= size && slow == 0 && size < 2048; len++)
        slow = parse_exactly(&(struct http_head){0}, kind, at, len);
    ASSERT(slow == whole || size >= 2048);

    struct http_head h;
    uint64_t info[3] = {0}, again[3] = {0};
    char *in = must_calloc(size + 1, 1);
    memcpy(in, at, size);
    size_t len =
        parse[kind](&h, in, size) > 0 ? rewrite(&h, kind, info, once, sizeof(once) - 1) : 0;
    free(in);
    if (len == 0)
        return 0;
    once[len] = '\0';
    const size_t skip =
        kind == 2 ? sizeof("0\r\n") - 1 : 0; /* the last chunk before the trailers */
    ASSERT(parse[kind](&h, once + skip, len - skip) == (int)(len - skip));
    ASSERT(rewrite(&h, kind, again, twice, sizeof(twice)) == len);
    ASSERT(memcmp(once, twice, len) == 0 && memcmp(info, again, sizeof(info)) == 0);
    return 0;
}

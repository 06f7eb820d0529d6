/* However the bytes of a chunked body are split, they decode to the same; and written again as
 * chunks they do too. The first byte says how large the pieces are. */
#include "runtime/base/check.h"
#include "runtime/http/h1_body.h"
#include "runtime/http/h1_write.h"

#define BYTES_MAX ((size_t)1 << 16)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Decodes to `out`, at most `step` bytes more each time. Whether the body ended; or an h1_error. */
static int decode(const char *in, size_t size, size_t step, char *out, size_t *out_len)
{
    struct h1_body b;
    struct h1_decoded d = {0};
    size_t used = 0;
    *out_len = 0;
    h1_body_init(&b, FRAMING_CHUNKED, 0);
    for (size_t given = 0; given < size && !d.done;) {
        given = size - given < step ? size : given + step;
        char *piece = must_calloc(given - used, 1); /* exactly so large, and ours to write to */
        memcpy(piece, in + used, given - used);
        const int e = h1_body_decode(&b, piece, given - used, &d);
        if (e == 0 && d.data_len > 0)
            memcpy(out + *out_len, d.data, d.data_len);
        free(piece);
        if (e < 0)
            return e;
        *out_len += d.data_len;
        used += d.used;
        ASSERT(d.data_len <= d.used && b.total == *out_len && d.done == h1_body_may_end(&b));
    }
    return d.done;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char whole[BYTES_MAX], pieces[BYTES_MAX], again[2 * BYTES_MAX];
    size_t whole_len, pieces_len, n = 0;
    if (size < 2 || size > BYTES_MAX)
        return 0;
    const size_t step = 1 + data[0] % 16;
    const int r = decode((const char *)data + 1, size - 1, size, whole, &whole_len);
    ASSERT(decode((const char *)data + 1, size - 1, step, pieces, &pieces_len) == r);
    if (r < 0)
        return 0;
    ASSERT(pieces_len == whole_len && memcmp(pieces, whole, whole_len) == 0);

    for (size_t at = 0; at < whole_len && whole_len < 4096; at += step) {
        const size_t len = whole_len - at < step ? whole_len - at : step;
        n += h1_write_chunk_head(again + n, len);
        memcpy(again + n, whole + at, len);
        memcpy(again + n + len, "\r\n", 2);
        n += len + 2;
    }
    n += h1_write_last_chunk(again + n, sizeof(again) - n, NULL);
    ASSERT(decode(again, n, 7, pieces, &pieces_len) == 1 || whole_len >= 4096);
    ASSERT(whole_len >= 4096 || (pieces_len == whole_len && memcmp(pieces, whole, whole_len) == 0));
    return 0;
}

/* Byte by byte says what the whole says; what is read and written again is read as the same. */
#include <stdint.h>
#include <string.h>

#include "runtime/net/proxy_header.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int read_exactly(const uint8_t *data, size_t len, struct proxy_header *out)
{
    char *copy = must_calloc(len ? len : 1, 1);
    memcpy(copy, data, len);
    const int used = proxy_header_read((struct slice){copy, len}, out);
    ASSERT(used <= (int)len);
    free(copy);
    return used;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct proxy_header whole = {0}, slow = {0}, again;
    if (size > 2 * PROXY_HEADER_BYTES_MAX)
        return 0;
    const int used = read_exactly(data, size, &whole);
    int piece = 0;
    for (size_t len = 0; len <= size && piece == 0; len++) {
        piece = read_exactly(data, len, &slow);
        ASSERT(piece <= 0 || (size_t)piece == len);
    }
    ASSERT(piece == used);
    ASSERT(used != 0 || size < PROXY_HEADER_BYTES_MAX);
    if (used <= 0 || !whole.named || whole.src.port == 0 || whole.dst.port == 0)
        return 0;
    for (enum proxy_version v = PROXY_V1; v <= PROXY_V2; v++) {
        char out[PROXY_WRITTEN_BYTES_MAX];
        const size_t len = proxy_header_write(v, &whole.src, &whole.dst, out);
        ASSERT(proxy_header_read((struct slice){out, len}, &again) == (int)len);
        ASSERT(endpoint_eq(&whole.src, &again.src) && endpoint_eq(&whole.dst, &again.dst));
    }
    return 0;
}

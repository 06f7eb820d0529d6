/* Byte by byte says what the whole says, and never more than the bound is asked for. */
#include <stdint.h>
#include <string.h>

#include "runtime/net/client_hello.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int read_exactly(const uint8_t *data, size_t len, struct client_hello *out)
{
    char *copy = must_calloc(len ? len : 1, 1);
    memcpy(copy, data, len);
    const int is = client_hello_read((struct slice){copy, len}, out);
    free(copy);
    return is;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct client_hello whole = {.name_len = 0}, slow = {.name_len = 0};
    if (size > 2 * CLIENT_HELLO_BYTES_MAX)
        return 0;
    const int is = read_exactly(data, size, &whole);
    ASSERT(is != 0 || size < CLIENT_HELLO_BYTES_MAX);
    ASSERT(is != 1 || whole.name_len <= CLIENT_HELLO_NAME_MAX);
    if (size > 2048)
        return 0;
    int piece = 0;
    for (size_t len = 0; len <= size && piece == 0; len++)
        piece = read_exactly(data, len, &slow);
    ASSERT(piece == is);
    ASSERT(is != 1 ||
           (whole.name_len == slow.name_len && memcmp(whole.name, slow.name, whole.name_len) == 0));
    return 0;
}

/* Of any bytes: credentials that are read stand within their bounds, have no control characters and
 * no colon in the user, and nothing else is spelt as they are. */
#include <stdint.h>
#include <string.h>

#include "compiler/table/credentials.h"
#include "runtime/base/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void encode(struct slice from, char *out)
{
    static const char DIGIT[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < from.len; i += 3) {
        uint32_t bits = 0;
        for (size_t k = 0; k < 3; k++)
            bits = bits << 8 | (i + k < from.len ? (unsigned char)from.at[i + k] : 0u);
        for (int k = 3; k >= 0; k--, bits >>= 6)
            out[k] = i + (size_t)k > from.len ? '=' : DIGIT[bits & 63];
        out += 4;
    }
    *out = '\0';
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *exact = must_calloc(size, 1);
    memcpy(exact, data, size);
    const struct slice line = {exact, size};
    struct credentials c;
    if (credentials_parse(line, &c)) {
        char again[CREDENTIALS_BYTES_MAX / 3 * 4 + 8];
        const struct slice all = {c.text, c.user.len + 1 + c.password.len};
        ASSERT(c.user.len > 0 && !memchr(c.user.at, ':', c.user.len));
        ASSERT(all.len <= sizeof(c.text) && c.password.at + c.password.len == all.at + all.len);
        for (size_t i = 0; i < all.len; i++)
            ASSERT((unsigned char)all.at[i] >= ' ' && all.at[i] != 0x7f);
        encode(all, again);
        ASSERT(slice_eq(slice_trim(slice_from(line, strlen("basic "))), slice_of(again)));
    }
    credentials_wipe(&c);
    free(exact);
    return 0;
}

#include "runtime/base/base64.h"

bool base64_decode(struct slice digits, const char *last_two, char *out, size_t room, size_t *len)
{
    unsigned bits = 0, held = 0;
    size_t n = 0;
    if (digits.len % 4 == 1 || digits.len / 4 * 3 + digits.len % 4 * 3 / 4 > room)
        return false;
    for (size_t i = 0; i < digits.len; i++) {
        const int six = base64_digit(digits.at[i], last_two[0], last_two[1]);
        if (six < 0)
            return false;
        bits = (bits << 6 | (unsigned)six) & 0xffff;
        held += 6;
        if (held < 8)
            continue;
        held -= 8;
        out[n++] = (char)(bits >> held & 0xff);
    }
    *len = n;
    return (bits & ((1u << held) - 1)) == 0;
}

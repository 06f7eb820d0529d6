#include "runtime/base/utf8.h"

#include <stdint.h>

static bool continues(unsigned char c)
{
    return (c & 0xc0) == 0x80;
}

size_t utf8_next(struct slice s)
{
    if (s.len == 0)
        return 0;
    const unsigned char *c = (const unsigned char *)s.at;
    if (c[0] < 0x80)
        return 1;

    const size_t bytes = c[0] >= 0xf0 ? 4 : c[0] >= 0xe0 ? 3 : 2;
    if (c[0] < 0xc2 || c[0] > 0xf4 || s.len < bytes)
        return 0;
    for (size_t i = 1; i < bytes; i++)
        if (!continues(c[i]))
            return 0;

    const bool overlong = (c[0] == 0xe0 && c[1] < 0xa0) || (c[0] == 0xf0 && c[1] < 0x90);
    const bool surrogate = c[0] == 0xed && c[1] >= 0xa0;
    const bool too_large = c[0] == 0xf4 && c[1] >= 0x90;
    return overlong || surrogate || too_large ? 0 : bytes;
}

bool utf8_is_control(struct slice s)
{
    const unsigned char *c = (const unsigned char *)s.at;
    return s.len > 0 &&
           (c[0] < 0x20 || c[0] == 0x7f || (utf8_next(s) == 2 && c[0] == 0xc2 && c[1] < 0xa0));
}

size_t utf8_valid_bytes(struct slice s)
{
    size_t at = 0;
    while (at < s.len) {
        const bool ascii = (unsigned char)s.at[at] < 0x80; /* as most of it is */
        const size_t bytes = ascii ? 1 : utf8_next(slice_from(s, at));
        if (bytes == 0)
            break;
        at += bytes;
    }
    return at;
}

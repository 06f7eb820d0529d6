#include "runtime/base/base64.h"

/* clang-format off */
const int8_t BASE64_WORTH[128] = {
    -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
    -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
    -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
    52, 53, 54, 55, 56, 57, 58, 59, 60, 61, -1, -1, -1, -1, -1, -1,
    -1,  0,  1,  2,  3,  4,  5,  6,  7,  8,  9, 10, 11, 12, 13, 14,
    15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, -1, -1, -1, -1, -1,
    -1, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40,
    41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, -1, -1, -1, -1, -1,
};
/* clang-format on */

bool base64_decode(struct slice digits, const char *last_two, char *out, size_t room, size_t *len)
{
    const size_t whole = digits.len / 4, left = digits.len % 4;
    const size_t bytes = whole * 3 + left * 3 / 4;
    if (left == 1 || bytes > room)
        return false;
    for (size_t i = 0; i < digits.len; i += 4) {
        const size_t here = digits.len - i < 4 ? left : 4;
        int bits = 0, wrong = 0;
        for (size_t k = 0; k < 4; k++) {
            const int six = k < here ? base64_digit(digits.at[i + k], last_two[0], last_two[1]) : 0;
            bits = bits << 6 | (six & 63);
            wrong |= six;
        }
        /* Behind its last byte a group of two digits has 4 bits more, one of three 2. */
        if (wrong < 0 || (here == 2 && (bits & 0xffff)) || (here == 3 && (bits & 0xff)))
            return false;
        for (size_t k = 0; k + 1 < here; k++)
            *out++ = (char)(bits >> (16 - 8 * k) & 0xff);
    }
    *len = bytes;
    return true;
}

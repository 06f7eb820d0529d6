/* base64 - digits to bytes (RFC 4648 4, 5). */
#pragma once

#include <stdbool.h>

#include "runtime/base/check.h"
#include "runtime/base/slice.h"

/* The two digits behind the letters and the numbers differ by alphabet. */
#define BASE64_PLAIN "+/"
#define BASE64_URL   "-_"

/* 0..63, or -1. */
static inline int base64_digit(char c, char for_62, char for_63)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == for_62 ? 62 : c == for_63 ? 63 : -1;
}

/* Without padding, and with no bit set behind the last byte, so that bytes have one spelling. False
 * where it is not that, or more than there is room for. */
MUST_CHECK bool base64_decode(struct slice digits, const char *last_two, char *out, size_t room,
                              size_t *len);

/* base64 - digits to bytes (RFC 4648 4, 5). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "runtime/base/check.h"
#include "runtime/base/slice.h"

/* The two digits behind the letters and the numbers differ by alphabet. */
#define BASE64_PLAIN "+/"
#define BASE64_URL   "-_"

/* Of letters and numbers; -1: none. */
extern const int8_t BASE64_WORTH[128];

/* 0..63, or -1. */
static inline int base64_digit(char c, char for_62, char for_63)
{
    const unsigned char at = (unsigned char)c;
    const int worth = at < 128 ? BASE64_WORTH[at] : -1;
    return worth >= 0 ? worth : c == for_62 ? 62 : c == for_63 ? 63 : -1;
}

/* Without padding, and with no bit set behind the last byte, so that bytes have one spelling. False
 * where it is not that, or more than there is room for. */
MUST_CHECK bool base64_decode(struct slice digits, const char *last_two, char *out, size_t room,
                              size_t *len);

/* number - digits to numbers, strictly: no sign, no blanks, no locale, no overflow. */
#pragma once

#include <stdint.h>

#include "runtime/base/check.h"
#include "runtime/base/slice.h"

/* One or more decimal digits and nothing else, at most `max`; false otherwise. */
MUST_CHECK static inline bool number_parse(struct slice s, uint64_t max, uint64_t *out)
{
    uint64_t value = 0;
    for (size_t i = 0; i < s.len; i++) {
        const unsigned digit = (unsigned)(s.at[i] - '0');
        if (digit > 9 || __builtin_mul_overflow(value, UINT64_C(10), &value) ||
            __builtin_add_overflow(value, digit, &value))
            return false;
    }
    if (s.len == 0 || value > max)
        return false;
    *out = value;
    return true;
}

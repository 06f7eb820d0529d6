/* backoff - how long until somebody who does not answer is asked again. Pure. */
#pragma once

#include <stdint.h>

#include "runtime/base/clock.h"

#define BACKOFF_LEAST_NS (100 * NS_PER_MS)
#define BACKOFF_MOST_NS  (5 * NS_PER_S)

/* After `tries` in a row that failed: anywhere in the upper half of a time that doubles, so that
 * several processes which lost the same server don't come back at once. `random` is any number. */
static inline int64_t backoff_ns(uint32_t tries, uint64_t random)
{
    int64_t most_ns = 2 * BACKOFF_LEAST_NS;
    for (; tries > 1 && most_ns < BACKOFF_MOST_NS; tries--)
        most_ns *= 2;
    most_ns = most_ns < BACKOFF_MOST_NS ? most_ns : BACKOFF_MOST_NS;
    return most_ns / 2 + (int64_t)(random % (uint64_t)(most_ns / 2 + 1));
}

#include "runtime/limit/bandwidth.h"

#include "runtime/base/check.h"
#include "runtime/base/clock.h"

/* Of a second. */
#define PIECES_PER_S     50u
#define PIECES_PER_S_MIN 4u

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

uint64_t bandwidth_piece(struct table_bandwidth b)
{
    const uint64_t small = least(BANDWIDTH_PIECE_MIN, b.bytes_per_s / PIECES_PER_S_MIN);
    const uint64_t by_rate = least(b.bytes_per_s / PIECES_PER_S, BANDWIDTH_PIECE_MAX);
    const uint64_t piece = least(by_rate > small ? by_rate : small, b.burst);
    return piece > 0 ? piece : 1;
}

/* How long bytes take at the rate, in whole ns and a part. TABLE_BANDWIDTH_MAX bytes at a byte in a
 * second are 2^70 ns: they are never sent, but a burst may be said so. */
static int64_t time_of(struct table_bandwidth b, uint64_t bytes, bool up)
{
    const uint64_t whole = bytes / b.bytes_per_s, rest = bytes % b.bytes_per_s;
    if (whole >= (uint64_t)(INT64_MAX / 4 / NS_PER_S))
        return INT64_MAX / 4;
    /* `rest` is below 2^40, and a second is 2^30 ns: that does not go at once. */
    const uint64_t us = rest * 1000000 / b.bytes_per_s;
    const uint64_t left = (rest * 1000000 % b.bytes_per_s) * 1000;
    const uint64_t ns = left / b.bytes_per_s + (up && left % b.bytes_per_s > 0);
    return (int64_t)(whole * (uint64_t)NS_PER_S + us * 1000 + ns);
}

int64_t bandwidth_take(struct table_bandwidth b, int64_t state_ns, int64_t now_ns, uint64_t bytes,
                       int64_t *after)
{
    ASSERT(b.bytes_per_s > 0 && b.burst > 0);
    *after = (state_ns > now_ns ? state_ns : now_ns) + time_of(b, bytes, true);
    const int64_t turn_ns = *after - time_of(b, b.burst, false);
    return turn_ns > now_ns ? turn_ns : now_ns;
}

int64_t bandwidth_give(struct table_bandwidth b, int64_t state_ns, uint64_t bytes)
{
    return state_ns - time_of(b, bytes, false);
}

uint64_t bandwidth_left(struct table_bandwidth b, int64_t state_ns, int64_t now_ns)
{
    const int64_t spent_ns = state_ns > now_ns ? state_ns - now_ns : 0;
    const int64_t room_ns = time_of(b, b.burst, false) - spent_ns;
    if (room_ns <= 0)
        return 0;
    const uint64_t s = (uint64_t)(room_ns / NS_PER_S), us = (uint64_t)(room_ns % NS_PER_S) / 1000;
    return s * b.bytes_per_s + us * b.bytes_per_s / 1000000;
}

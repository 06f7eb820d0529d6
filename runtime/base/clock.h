/* clock - time in nanoseconds. Monotonic unless the name says wall. */
#pragma once

#include <stdint.h>
#include <time.h>

#define NS_PER_S  INT64_C(1000000000)
#define NS_PER_MS INT64_C(1000000)
#define NS_PER_US INT64_C(1000)

static inline int64_t clock_read(clockid_t id)
{
    struct timespec t;
    clock_gettime(id, &t);
    return (int64_t)t.tv_sec * NS_PER_S + t.tv_nsec;
}

static inline int64_t clock_now_ns(void)
{
    return clock_read(CLOCK_MONOTONIC);
}

/* Since 1970, UTC; may jump. Only for what people read. */
static inline int64_t clock_wall_ns(void)
{
    return clock_read(CLOCK_REALTIME);
}

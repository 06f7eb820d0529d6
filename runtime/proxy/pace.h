/*
 * pace - does a peer move the bytes that it alone is waited for at some rate?
 *
 * What counts is time in which the peer could have gone on and nobody else could: it has room to
 * send, or bytes to take. Windows of such time are looked at one after the other; the first has to
 * be over before anything is said. Pure: the moment is a parameter. A zeroed one has not begun.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct pace {
    int64_t since_ns;  /* when the waiting began that is not counted yet; 0: nobody waits */
    int64_t waited_ns; /* in this window */
    uint64_t moved;    /* when it began */
};

/* From now on the peer is waited for, or is not. */
static inline void pace_wait(struct pace *p, bool waits, int64_t now_ns)
{
    p->since_ns = waits ? now_ns : 0;
}

/* `moved`: all bytes so far. True once a window has passed with less than bytes_per_s in it. */
static inline bool pace_is_slow(struct pace *p, uint64_t moved, uint32_t bytes_per_s,
                                int64_t window_ns, int64_t now_ns)
{
    if (p->since_ns == 0)
        return false;
    p->waited_ns += now_ns - p->since_ns;
    p->since_ns = now_ns;
    if (p->waited_ns < window_ns)
        return false;
    const bool slow = moved - p->moved < (uint64_t)(p->waited_ns / 1000000) * bytes_per_s / 1000;
    p->waited_ns = 0;
    p->moved = moved;
    return slow;
}

/*
 * response_time - how long a server takes to answer, as one worker has seen it: a peak EWMA.
 *
 * A longer time counts at once and in full, a shorter one by and by: the mean has forgotten
 * all but 1/e of what was before RESPONSE_TIME_DECAY_NS (Finagle's "Peak EWMA", 2014). As it also
 * fades while nothing is sent there, a server that was slow is tried again. All fade alike, so
 * what is kept is the logarithm of what the time would be had it not faded since the clock began:
 * two servers can be compared without looking at the clock.
 *
 * Pure; zeroed at first.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define RESPONSE_TIME_DECAY_NS (INT64_C(10) * 1000000000)

struct response_time {
    double log;    /* ln(ns) + at / decay */
    double ns;     /* the mean when it was noted last */
    int64_t at_ns; /* when that was; 0: never */
};

/* One answer more. `took_ns` may be anything; `now_ns` is above 0 and does not go back. */
void response_time_note(struct response_time *t, int64_t took_ns, int64_t now_ns);

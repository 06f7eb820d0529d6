/*
 * judge - is one of two worse than the other: more of its responses are errors, or they take
 * longer? Pure: counts and the time go in.
 *
 * What has served well for a day and breaks is to be noticed as soon as what is broken from the
 * first request on. So it is asked of all since it began, which finds what is rare, and of the last
 * minute, which finds what is new.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "runtime/base/clock.h"
#include "runtime/metrics/histogram.h"
#include "runtime/metrics/statuses.h"

/* How many responses there were, and those of them that were 5xx. */
struct responses {
    int64_t all, failed;
};

/* Are there enough of them, and too many of those 5xx, as it was before? */
bool responses_fail(struct responses is, struct responses was);

/* Did it take so many times as long, of enough responses? Factor 0: no matter. */
bool responses_are_slow(const struct histogram_sum *is, const struct histogram_sum *was,
                        uint32_t factor);

/* What has been counted of both, since some moment. */
struct judged_side {
    struct statuses_sum statuses;
    struct histogram_sum took;
};
struct judged {
    struct judged_side new, old;
};

struct judged_side judged_since(const struct judged_side *now, const struct judged_side *before);

#define JUDGE_SAMPLE_NS (5 * NS_PER_S)
#define JUDGE_SAMPLES   13u /* a minute, and the one under way */

struct judge {
    struct judged began;
    struct judged sample[JUDGE_SAMPLES]; /* the last ones */
    uint32_t n_samples;                  /* so far */
    int64_t sampled_ns;
};

/* Anew: `now` is what has been counted so far, and says nothing. */
void judge_begin(struct judge *j, const struct judged *now, int64_t now_ns);

/* Why the new one is worse, a sentence's end; NULL: it is not. `slower` as above. To be asked
 * often: it takes its samples itself. */
const char *judge_look(struct judge *j, const struct judged *now, uint32_t slower, int64_t now_ns);

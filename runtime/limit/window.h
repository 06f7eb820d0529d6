/*
 * window - so many in an hour or a day, of one key, in one number.
 *
 * Time is cut into windows of `width_ns`. What is kept is how many there were in the window of now
 * and in the one before, which counts for the part of it that lies within `width_ns` from now: with
 * a quarter of this window gone, three quarters of what was in the last one. One more is admitted
 * while the two together are below `most`. Pure: the moment is a parameter. Any thread.
 *
 * No window has more than `most`. Of any other time of `width_ns` the estimate knows nothing but
 * that what came before came evenly: it is wrong by what came unevenly, at most by the larger part
 * of the last window, and 2 * `most` may come in it at the very worst (all of one window in its
 * last moment, all of the next one in its). Evenly spread, at most `most` + 1 do.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct window {
    uint64_t most;    /* 1 to WINDOW_MOST_MAX */
    int64_t width_ns; /* 1 ms to WINDOW_WIDTH_NS_MAX */
};

/* What two counts and the number of a window leave room for in 64 bits. */
#define WINDOW_MOST_MAX     ((UINT64_C(1) << 24) - 1)
#define WINDOW_WIDTH_NS_MAX (INT64_C(100000) * 1000000000)

/* Is there room for one more? Then *after is what to keep; 0 is where a key begins. A moment that
 * lies a little before those that were counted is one of the same window. */
bool window_take(struct window w, int64_t state, int64_t now_ns, int64_t *after);

/* Takes back one that was counted at `taken_ns`, whatever has been counted since. */
int64_t window_give(struct window w, int64_t state, int64_t taken_ns);

/* How long until there is room for one more, in ns, at most a width unless `most`
 * has been more; 0 when there is now.
 */
int64_t window_wait_ns(struct window w, int64_t state, int64_t now_ns);

/* What is kept, to be told to others. */
struct window_counts {
    int64_t number; /* of the window, since 1970 where the clock is UTC */
    int64_t before, now;
};

/* As it is at `now_ns`. */
struct window_counts window_counts(struct window w, int64_t state, int64_t now_ns);

/* The larger counts of both, window by window, with `more` in the one of `others`. Those that lie a
 * window ahead (another clock may be) or one behind are taken for what they are; others say
 * nothing. */
int64_t window_learn(struct window w, int64_t state, const struct window_counts *others,
                     uint32_t more, int64_t now_ns);

/* From when on it is as if it had never been asked for; 0 when it is now. */
int64_t window_until_ns(struct window w, int64_t state, int64_t now_ns);

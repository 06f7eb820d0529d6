/*
 * rate - one rate of a limit, of one key, by whichever algorithm the table says: gcra or window.
 *
 * What is kept is a number; 0 is where a key begins. Moments are of any clock that no window of the
 * rate begins on but at its multiples. Pure; any thread.
 */
#pragma once

#include "compiler/table/table.h"

/* Is there room for one more? Then *after is what to keep. */
bool rate_take(const struct table_rate *r, int64_t state, int64_t now_ns, int64_t *after);

/* Takes back one that was counted at `taken_ns`, whatever has been counted since. */
int64_t rate_give(const struct table_rate *r, int64_t state, int64_t taken_ns);

/* How long until there is room for one more, in ns; 0 when there is now. */
int64_t rate_wait_ns(const struct table_rate *r, int64_t state, int64_t now_ns);

/*
 * What a key's rate has come to, in words that another process understands, whose clock is not
 * quite ours. Rates by the second and minute: how long from now until all is spent, in us; may be
 * below 0. Windows: the number of one, how many there were in the one before, and in it.
 */
struct rate_view {
    int64_t at, before, now;
};

/* Without the last `less` requests of it. */
struct rate_view rate_view(const struct table_rate *r, int64_t state, uint32_t less,
                           int64_t now_ns);

/* The state that knows of both what `state` does and what the view of `now_ns` says, with `more`
 * requests that it has not heard of. Never less than `state`. */
int64_t rate_learn(const struct table_rate *r, int64_t state, const struct rate_view *v,
                   uint32_t more, int64_t now_ns);

/* The width of its windows, or 0; and from when on what it has kept is as good as nothing. */
int64_t rate_width_ns(const struct table_rate *r);
int64_t rate_until_ns(int64_t width_ns, int64_t state, int64_t now_ns);

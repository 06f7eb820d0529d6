/*
 * throttle - somebody's part in a limit that counts bytes: the place of its key, while it has it.
 *
 * Each request under way has one for each such limit that it meets. The place is held, so that no
 * other key gets it and all that move bytes of a key go by one number; and where there is no place,
 * or each request has the bandwidth for itself, the number is here.
 */
#pragma once

#include "runtime/limit/limiter.h"

/* To the client, and from it. */
enum throttle_way { THROTTLE_DOWN, THROTTLE_UP, THROTTLE_WAYS };

struct throttle {
    struct throttle *next; /* the owner's */
    struct limiter *limiter;
    struct limiter_counts *counts; /* the worker's */
    struct table_bandwidth rate[THROTTLE_WAYS];
    _Atomic int64_t *held; /* NULL: the numbers are its own */
    _Atomic int64_t own[THROTTLE_WAYS];
};

/* Takes part by the key `hash`, which began with the limiter's seed, and pins the limiter. By the
 * rates that `spec` has now, until throttle_end(). Stays in place meanwhile. */
void throttle_begin(struct throttle *t, struct limiter *l, const struct table_limit *spec,
                    uint64_t hash, uint32_t worker, int64_t now_ns);

/* Any thread. */
void throttle_end(struct throttle *t);

/* How much is moved at a time that way; UINT64_MAX where nothing is limited. */
uint64_t throttle_piece(const struct throttle *t, enum throttle_way way);

/* When may so many bytes go? They are counted as gone; those that do not go, after all, are given
 * back. `now_ns` where that way is not limited. */
int64_t throttle_take(struct throttle *t, enum throttle_way way, uint64_t bytes, int64_t now_ns);
void throttle_give(struct throttle *t, enum throttle_way way, uint64_t bytes);

/*
 * gcra - the generic cell rate algorithm: one rate, of one key, in one number.
 *
 * What is kept is the *theoretical arrival time*: the moment at which all that was admitted would
 * have been spent at the rate. Each request moves it one step on; one that would move it further
 * than `room_ns` ahead of now is refused. Pure: the moment is a parameter. Any thread.
 *
 * Within any time of W there are at most burst + W / step requests. A step is rounded up to whole
 * nanoseconds, so there are never more than the rate says, and fewer by less than rate / 10^9 of
 * them: none at 100/s, 0.1 % at 1,000,000/s.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct gcra {
    int64_t step_ns; /* above 0 */
    int64_t room_ns; /* the burst's steps together; at least a step */
};

/* `count` requests in `period_ns`, `burst` of them at once; all above 0. A burst that would take
 * longer than GCRA_ROOM_NS_MAX to come back is as long as that. */
#define GCRA_ROOM_NS_MAX (INT64_MAX / 4)
struct gcra gcra_of(uint64_t count, int64_t period_ns, uint64_t burst);

/* Is there room for one more? Then *after is what to keep; 0 is where a key begins. */
static inline bool gcra_take(struct gcra g, int64_t tat_ns, int64_t now_ns, int64_t *after)
{
    *after = (tat_ns > now_ns ? tat_ns : now_ns) + g.step_ns;
    return *after - now_ns <= g.room_ns;
}

/* How long until there is room for one more, in ns; 0 when there is now. */
int64_t gcra_wait_ns(struct gcra g, int64_t tat_ns, int64_t now_ns);

/* How many would be admitted now, one after the other. */
uint64_t gcra_left(struct gcra g, int64_t tat_ns, int64_t now_ns);

#include "runtime/limit/rate.h"

#include "runtime/base/clock.h"
#include "runtime/limit/gcra.h"
#include "runtime/limit/window.h"

_Static_assert(TABLE_WINDOW_MAX == WINDOW_MOST_MAX, "what the table allows can be counted");

static struct gcra gcra_from(const struct table_rate *r)
{
    return (struct gcra){.step_ns = r->step_ns, .room_ns = r->room_ns};
}

static struct window window_from(const struct table_rate *r)
{
    return (struct window){.most = r->count, .width_ns = r->period_ns};
}

bool rate_take(const struct table_rate *r, int64_t state, int64_t now_ns, int64_t *after)
{
    return r->windows ? window_take(window_from(r), state, now_ns, after)
                      : gcra_take(gcra_from(r), state, now_ns, after);
}

int64_t rate_give(const struct table_rate *r, int64_t state, int64_t taken_ns)
{
    return r->windows ? window_give(window_from(r), state, taken_ns) : state - r->step_ns;
}

int64_t rate_wait_ns(const struct table_rate *r, int64_t state, int64_t now_ns)
{
    return r->windows ? window_wait_ns(window_from(r), state, now_ns)
                      : gcra_wait_ns(gcra_from(r), state, now_ns);
}

/* No view counts further ahead, or back. */
#define AHEAD_US_MAX (GCRA_ROOM_NS_MAX / NS_PER_US)

struct rate_view rate_view(const struct table_rate *r, int64_t state, uint32_t less, int64_t now_ns)
{
    if (r->windows) {
        const struct window_counts c = window_counts(window_from(r), state, now_ns);
        return (struct rate_view){c.number, c.before, c.now > less ? c.now - less : 0};
    }
    int64_t ahead_us = 0;
    if (state > now_ns) /* else there is nothing left of it */
        ahead_us = (state - now_ns) / NS_PER_US - less * (r->step_ns / NS_PER_US);
    return (struct rate_view){.at = ahead_us > 0 ? ahead_us : 0};
}

static int64_t learn_moment(const struct table_rate *r, int64_t state, const struct rate_view *v,
                            uint32_t more, int64_t now_ns)
{
    if (v->at <= 0 || v->at > AHEAD_US_MAX)
        return state;
    const int64_t room = INT64_MAX / 4 / r->step_ns, steps = more < room ? more : room;
    const int64_t with_others = now_ns + v->at * NS_PER_US + steps * r->step_ns;
    return with_others > state ? with_others : state;
}

int64_t rate_learn(const struct table_rate *r, int64_t state, const struct rate_view *v,
                   uint32_t more, int64_t now_ns)
{
    if (!r->windows)
        return learn_moment(r, state, v, more, now_ns);
    const struct window_counts others = {v->at, v->before, v->now};
    return window_learn(window_from(r), state, &others, more, now_ns);
}

int64_t rate_width_ns(const struct table_rate *r)
{
    return r->windows ? r->period_ns : 0;
}

int64_t rate_until_ns(int64_t width_ns, int64_t state, int64_t now_ns)
{
    return width_ns > 0 ? window_until_ns((struct window){1, width_ns}, state, now_ns) : state;
}

#include "runtime/limit/rate.h"

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

int64_t rate_width_ns(const struct table_rate *r)
{
    return r->windows ? r->period_ns : 0;
}

int64_t rate_until_ns(int64_t width_ns, int64_t state, int64_t now_ns)
{
    return width_ns > 0 ? window_until_ns((struct window){1, width_ns}, state, now_ns) : state;
}

#include "runtime/limit/gcra.h"

#include "runtime/base/check.h"

struct gcra gcra_of(uint64_t count, int64_t period_ns, uint64_t burst)
{
    ASSERT(count > 0 && period_ns > 0 && burst > 0);
    const uint64_t period = (uint64_t)period_ns;
    const uint64_t step = period / count + (period % count > 0);
    const uint64_t most = (uint64_t)GCRA_ROOM_NS_MAX / step;
    return (struct gcra){.step_ns = (int64_t)step,
                         .room_ns = (int64_t)((burst < most ? burst : most) * step)};
}

int64_t gcra_wait_ns(struct gcra g, int64_t tat_ns, int64_t now_ns)
{
    int64_t after;
    return gcra_take(g, tat_ns, now_ns, &after) ? 0 : after - now_ns - g.room_ns;
}

uint64_t gcra_left(struct gcra g, int64_t tat_ns, int64_t now_ns)
{
    const int64_t spent = tat_ns > now_ns ? tat_ns - now_ns : 0;
    return spent >= g.room_ns ? 0 : (uint64_t)((g.room_ns - spent) / g.step_ns);
}

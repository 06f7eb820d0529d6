#include "runtime/upstream/health.h"

#include "runtime/base/check.h"

/* Counts one more result against the state; whether that makes enough of them. */
static bool enough(struct health *h, uint32_t needed)
{
    return ++h->run >= needed;
}

static bool become(struct health *h, enum health_state state)
{
    *h = (struct health){.state = state};
    return true;
}

bool health_result(struct health *h, bool success, uint32_t rise, uint32_t fall)
{
    ASSERT(rise >= 1 && fall >= 1);

    switch (h->state) {
    case HEALTH_UNKNOWN:
        if (success)
            return become(h, HEALTH_UP);
        return enough(h, fall) && become(h, HEALTH_DOWN);
    case HEALTH_UP:
        if (!success)
            return enough(h, fall) && become(h, HEALTH_DOWN);
        break;
    case HEALTH_DOWN:
        if (success)
            return enough(h, rise) && become(h, HEALTH_UP);
        break;
    }
    h->run = 0;
    return false;
}

const char *health_name(enum health_state state)
{
    switch (state) {
    case HEALTH_UNKNOWN: return "unknown";
    case HEALTH_UP: return "up";
    case HEALTH_DOWN: return "down";
    }
    ASSERT(!"every state has a name");
    return "";
}

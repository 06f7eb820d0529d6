#include "runtime/proxy/overload.h"

#include "runtime/base/check.h"
#include "runtime/base/clock.h"

/* What one turn may say of the loop: it may have been stopped, and not busy. */
#define LATE_MOST_NS (2 * NS_PER_S)

static uint32_t part(uint64_t n, uint64_t of)
{
    return (uint32_t)(100 * (double)n / (double)of);
}

struct overload overload_next(struct overload now, const struct overload_measures *m)
{
    uint32_t most = part(m->descriptors, m->descriptors_max);
    enum overload_cause cause = OVERLOAD_DESCRIPTORS;
    const uint32_t buffers = part(m->buffers, m->buffers_max);
    const uint32_t loop = part((uint64_t)m->late_ns, (uint64_t)NS_PER_S);
    if (buffers > most) {
        most = buffers;
        cause = OVERLOAD_BUFFERS;
    }
    if (loop > most) {
        most = loop;
        cause = OVERLOAD_LOOP;
    }
    if (most >= now.percent) {
        now.percent = most;
        now.cause = cause;
    } else if (most + OVERLOAD_PLAY < now.percent) {
        now.percent = most + OVERLOAD_PLAY;
    }
    return now;
}

int64_t overload_lateness(int64_t so_far_ns, int64_t late_ns)
{
    const int64_t late = late_ns < 0 ? 0 : late_ns < LATE_MOST_NS ? late_ns : LATE_MOST_NS;
    return (3 * so_far_ns + late) / 4;
}

const char *overload_cause_text(enum overload_cause cause)
{
    switch (cause) {
    case OVERLOAD_DESCRIPTORS: return "of its descriptors are in use";
    case OVERLOAD_BUFFERS: return "of its buffers are in use";
    case OVERLOAD_LOOP: return "of a second is what its loop is late";
    }
    ASSERT(!"every case above returns");
    return "";
}

/* What happened in the process, for those who ask: the events of the log. */
#include "runtime/control/control_priv.h"

_Static_assert(CONTROL_EVENTS_MAX == EVENTS_MAX, "what is kept is what is shown");

struct to_each {
    void (*each)(void *to, const struct control_event *e);
    void *to;
};

static void pass_on(void *of, const struct event *e)
{
    const struct to_each *all = of;
    const struct control_event shown = {.number = e->number,
                                        .wall_ns = e->wall_ns,
                                        .level = log_level_name(e->level),
                                        .kind = event_kind_name(e->kind),
                                        .about = e->about,
                                        .text = e->text};
    all->each(all->to, &shown);
}

uint64_t control_events(const struct control *c, uint32_t n,
                        void (*each)(void *to, const struct control_event *e), void *to)
{
    (void)c; /* the log is the process's, as the control thread is */
    struct to_each all = {each, to};
    events_each(n, pass_on, &all);
    const uint64_t total = events_total();
    return total > EVENTS_MAX ? total - EVENTS_MAX : 0;
}

/* Limits that are counted together with other processes: who is told, and what the log says. */
#include "runtime/base/clock.h"
#include "runtime/control/control_priv.h"
#include "runtime/log/log.h"

static const char *meanwhile(enum table_when_down when)
{
    switch (when) {
    case WHEN_DOWN_LOCAL: return "its limits are counted here alone";
    case WHEN_DOWN_ALLOW: return "its limits let everything through";
    case WHEN_DOWN_DENY: return "its limits refuse everything";
    }
    return "";
}

static void log_share(void *of, const struct share_view *s)
{
    (void)of;
    char at[ENDPOINT_TEXT_MAX];
    endpoint_format(&s->spec->address, at);
    if (s->up)
        log_line(LOG_INFO, "shared " SLICE_FMT ": %s answers, its limits are counted together",
                 SLICE_ARG(s->spec->name), at);
    else
        log_line(LOG_WARNING, "shared " SLICE_FMT ": %s: %s; %s", SLICE_ARG(s->spec->name), at,
                 s->why, meanwhile(s->spec->when_down));
}

struct shares *control_shares_new(struct control *c, uint64_t seed)
{
    return shares_new(c->loop, &c->own, seed, log_share, c);
}

void control_shares_set(struct control *c)
{
    const struct generation *g = c->newest;
    shares_set(c->shares, g->table, g->limiter, g->configuration->needs.secrets);
}

struct each_share {
    void (*call)(void *to, const struct control_share *s);
    void *to;
};

static void describe(void *to, const struct share_view *s)
{
    const struct each_share *each = to;
    struct control_share out = {.name = s->spec->name,
                                .up = s->up,
                                .for_ns = clock_now_ns() - s->since_ns,
                                .why = s->why,
                                .meanwhile = meanwhile(s->spec->when_down),
                                .limits = s->limits,
                                .pending = s->pending,
                                .round_trips = s->round_trips,
                                .errors = s->errors,
                                .told = s->told,
                                .untold = s->untold,
                                .took_ns = s->took_ns};
    endpoint_format(&s->spec->address, out.address);
    each->call(each->to, &out);
}

void control_shared(const struct control *c, void (*each)(void *to, const struct control_share *s),
                    void *to)
{
    struct each_share all = {each, to};
    shares_each(c->shares, describe, &all);
}

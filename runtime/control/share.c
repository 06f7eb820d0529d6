/* What is counted and remembered together with other processes: who is told, and what the log
 * says. */
#include "runtime/base/clock.h"
#include "runtime/control/control_priv.h"
#include "runtime/log/log.h"

/* What is done without it. Clients are remembered by each alone, whatever limits do. */
static const char *meanwhile(const struct share_view *s)
{
    if (s->limits == 0 && s->clusters > 0)
        return "each process remembers its clients alone";
    switch (s->spec->when_down) {
    case WHEN_DOWN_LOCAL: return "its limits are counted here alone";
    case WHEN_DOWN_ALLOW: return "its limits let everything through";
    case WHEN_DOWN_DENY: return "its limits refuse everything";
    }
    return "";
}

static const char *together(const struct share_view *s)
{
    if (s->clusters == 0)
        return "its limits are counted together";
    return s->limits == 0 ? "its clients are remembered together"
                          : "its limits are counted together, its clients remembered together";
}

static void log_share(void *of, const struct share_view *s)
{
    (void)of;
    char at[ENDPOINT_TEXT_MAX];
    endpoint_format(&s->spec->address, at);
    if (s->up)
        event_log(EVENT_SHARED, LOG_INFO, ABOUT(s->spec->name),
                  "shared " SLICE_FMT ": %s answers, %s", SLICE_ARG(s->spec->name), at,
                  together(s));
    else
        event_log(EVENT_SHARED, LOG_WARNING, ABOUT(s->spec->name),
                  "shared " SLICE_FMT ": %s: %s; %s", SLICE_ARG(s->spec->name), at, s->why,
                  meanwhile(s));
}

struct shares *control_shares_new(struct control *c, uint64_t seed)
{
    return shares_new(c->loop, &c->own, seed, log_share, c);
}

void control_shares_set(struct control *c)
{
    const struct generation *g = c->newest;
    const struct shares_of of = {.table = g->table,
                                 .limiter = g->limiter,
                                 .sticky = g->sticky,
                                 .cluster = g->cluster,
                                 .secrets = g->configuration->needs.secrets};
    shares_set(c->shares, &of);
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
                                .meanwhile = meanwhile(s),
                                .limits = s->limits,
                                .clusters = s->clusters,
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

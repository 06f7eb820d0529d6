/* What was served, and can be again. */
#include "runtime/control/control_priv.h"

static bool are_kept(const struct control *c, struct text *why)
{
    if (!c->config.revisions.of)
        text_adds(why, "no revisions are kept: \"lbc run --state FOLDER\" keeps them");
    return c->config.revisions.of != NULL;
}

bool control_revisions_each(const struct control *c,
                            void (*each)(void *to, const struct control_revision *r), void *to,
                            struct text *why)
{
    const struct control_revisions *r = &c->config.revisions;
    if (!are_kept(c, why))
        return false;
    r->each(r->of, each, to);
    return true;
}

bool control_revision_diff(const struct control *c, uint64_t number, struct text *out,
                           struct text *why)
{
    const struct control_revisions *r = &c->config.revisions;
    return are_kept(c, why) && r->diff(r->of, number, out, why);
}

/* Looks for one. */
struct wanted {
    uint64_t number;
    bool found, current;
};

static void look(void *to, const struct control_revision *r)
{
    struct wanted *w = to;
    if (r->number != w->number)
        return;
    w->found = true;
    w->current = r->current;
}

bool control_rollback(struct control *c, uint64_t number, const struct control_asker *asker)
{
    struct wanted w = {.number = number};
    struct reload r = {.what = {.revision = number}, .asker = *asker};
    if (!control_revisions_each(c, look, &w, asker->why))
        return false;
    if (w.found && !w.current)
        return control_begin_reload(c, &r);
    text_addf(asker->why,
              w.current ? "revision %llu is what is served"
                        : "there is no revision %llu; \"show history\" lists them",
              (unsigned long long)number);
    return false;
}

/* The commands that change something. */
#include "runtime/base/clock.h"
#include "runtime/base/number.h"
#include "runtime/control/control.h"
#include "stats/socket/command.h"

static void add_lines(struct text *out, struct slice report)
{
    text_add(out, report);
    if (report.len > 0 && report.at[report.len - 1] != '\n')
        text_addc(out, '\n');
}

enum command_end command_reload(struct command *c)
{
    if (control_reload(c->control, c->reloaded, c->reloaded_of))
        return COMMAND_LATER;
    struct control_info info;
    control_info(c->control, &info);
    text_adds(c->why, info.draining ? "the process is shutting down"
                                    : "a reload is under way already; ask again when it is done");
    return COMMAND_REFUSED;
}

enum command_end command_reload_answer(struct command *c, const struct control_reload *r)
{
    add_lines(c->out, r->report);
    if (!r->done) {
        text_addf(c->why, "nothing was changed, generation %llu stays",
                  (unsigned long long)r->generation);
        return COMMAND_REFUSED;
    }
    text_addf(c->out, "generation %llu, in %.1f ms\n", (unsigned long long)r->generation,
              (double)r->took_ns / (double)NS_PER_MS);
    return COMMAND_DONE;
}

static enum command_end set_admin(struct command *c, enum server_admin admin, const char *says)
{
    if (!control_set_admin(c->control, c->argument[0], admin, c->why))
        return COMMAND_REFUSED;
    text_addf(c->out, SLICE_FMT " %s\n", SLICE_ARG(c->argument[0]), says);
    return COMMAND_DONE;
}

enum command_end command_drain(struct command *c)
{
    return set_admin(c, SERVER_DRAIN, "drains: it gets nothing new");
}

enum command_end command_maintenance(struct command *c)
{
    return set_admin(c, SERVER_MAINTENANCE, "is in maintenance: it gets nothing new");
}

enum command_end command_set_weight(struct command *c)
{
    uint64_t weight;
    if (!number_parse(c->argument[1], CONTROL_WEIGHT_MAX, &weight) || weight == 0) {
        text_addf(c->why, "a weight is 1 to %u; \"drain\" sends the server nothing",
                  CONTROL_WEIGHT_MAX);
        return COMMAND_REFUSED;
    }
    if (!control_set_weight(c->control, c->argument[0], (uint32_t)weight, c->why))
        return COMMAND_REFUSED;
    text_addf(c->out, SLICE_FMT " has weight %u\n", SLICE_ARG(c->argument[0]), (unsigned)weight);
    return COMMAND_DONE;
}

enum command_end command_ready(struct command *c)
{
    return set_admin(c, SERVER_READY, "is ready: it gets its share");
}

enum command_end command_shutdown(struct command *c)
{
    control_shutdown(c->control);
    text_adds(c->out, "shutting down\n");
    return COMMAND_DONE;
}

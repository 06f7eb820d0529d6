/* What happened in the process of late. */
#include "runtime/base/number.h"
#include "runtime/control/control.h"
#include "runtime/log/stamp.h"
#include "stats/socket/columns.h"
#include "stats/socket/command.h"
#include "stats/socket/show_priv.h"

static void event_as_row(void *to, const struct control_event *e)
{
    struct columns *table = to;
    char when[STAMP_SIZE];
    stamp_format(e->wall_ns, when);
    columns_add(table, "%llu", (unsigned long long)e->number);
    columns_add(table, "%s", when);
    columns_add(table, "%s", e->level);
    columns_add(table, "%s", e->kind);
    columns_add(table, "%s", e->about[0] ? e->about : "-");
    columns_add(table, "%s", e->text);
}

static void event_as_json(void *to, const struct control_event *e)
{
    struct text *out = to;
    char when[STAMP_SIZE];
    stamp_format(e->wall_ns, when);
    show_separate(out);
    text_addf(out, "{\"number\":%llu,\"time\":\"%s\",\"level\":\"%s\",\"kind\":\"%s\",\"about\":",
              (unsigned long long)e->number, when, e->level, e->kind);
    text_add_json(out, slice_of(e->about));
    text_adds(out, ",\"text\":");
    text_add_json(out, slice_of(e->text));
    text_addc(out, '}');
}

static void as_json(struct command *c, uint32_t n)
{
    text_adds(c->out, "{\"events\":[");
    const uint64_t lost = control_events(c->control, n, event_as_json, c->out);
    text_addf(c->out, "],\"overwritten\":%llu}\n", (unsigned long long)lost);
}

static void as_text(struct command *c, uint32_t n)
{
    static const char *const title[] = {"number", "time", "level", "kind", "about", "what"};
    struct columns table = {.n = COUNT_OF(title), .to_the_right = 1};
    for (size_t i = 0; i < COUNT_OF(title); i++)
        columns_add(&table, "%s", title[i]);
    const uint64_t lost = control_events(c->control, n, event_as_row, &table);
    columns_finish(&table, c->out);
    if (lost > 0)
        text_addf(c->out, "%llu before those are not kept any more\n", (unsigned long long)lost);
}

enum command_end command_show_events(struct command *c)
{
    uint64_t n = CONTROL_EVENTS_MAX;
    if (c->argument[0].len > 0 &&
        (!number_parse(c->argument[0], CONTROL_EVENTS_MAX, &n) || n == 0)) {
        text_addf(c->why, "\"show events\" takes how many, from 1 to %u", CONTROL_EVENTS_MAX);
        return COMMAND_REFUSED;
    }
    if (c->json)
        as_json(c, (uint32_t)n);
    else
        as_text(c, (uint32_t)n);
    return COMMAND_DONE;
}

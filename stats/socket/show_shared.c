/* Who counts and remembers for several processes. */
#include "runtime/base/clock.h"
#include "runtime/control/control.h"
#include "stats/socket/columns.h"
#include "stats/socket/command.h"
#include "stats/socket/show_priv.h"

typedef unsigned long long ull;

static void share_as_row(void *to, const struct control_share *s)
{
    struct columns *table = to;
    columns_add(table, SLICE_FMT, SLICE_ARG(s->name));
    columns_add(table, "%s", s->address);
    columns_add(table, "%s", s->up ? "up" : "down");
    columns_add(table, "%.1f s", (double)s->for_ns / (double)NS_PER_S);
    columns_add(table, "%u", s->limits);
    columns_add(table, "%u", s->clusters);
    columns_add(table, "%llu", (ull)s->round_trips);
    columns_add(table, "%.1f ms", (double)s->took_ns / (double)NS_PER_MS);
    columns_add(table, "%llu", (ull)s->told);
    columns_add(table, "%u", s->pending);
    columns_add(table, "%llu", (ull)s->untold);
    columns_add(table, "%llu", (ull)s->errors);
    columns_add(table, "%s%s%s", s->why, s->up || !s->why[0] ? "" : "; ",
                s->up ? "" : s->meanwhile);
}

static void share_as_json(void *to, const struct control_share *s)
{
    struct text *out = to;
    show_separate(out);
    text_adds(out, "{\"shared\":");
    text_add_json(out, s->name);
    text_addf(out, ",\"address\":\"%s\",\"up\":%s,\"for_ms\":%lld,\"limits\":%u,\"clusters\":%u",
              s->address, s->up ? "true" : "false", (long long)(s->for_ns / NS_PER_MS), s->limits,
              s->clusters);
    text_addf(out, ",\"round_trips\":%llu,\"took_us\":%lld,\"told\":%llu,\"pending\":%u",
              (ull)s->round_trips, (long long)(s->took_ns / NS_PER_US), (ull)s->told, s->pending);
    text_addf(out, ",\"untold\":%llu,\"errors\":%llu", (ull)s->untold, (ull)s->errors);
    if (!s->up) {
        text_adds(out, ",\"why\":");
        text_add_json(out, slice_of(s->why));
        text_adds(out, ",\"meanwhile\":");
        text_add_json(out, slice_of(s->meanwhile));
    }
    text_addc(out, '}');
}

enum command_end command_show_shared(struct command *c)
{
    if (c->json) {
        text_addc(c->out, '[');
        control_shared(c->control, share_as_json, c->out);
        text_adds(c->out, "]\n");
        return COMMAND_DONE;
    }
    static const char *const title[] = {"shared",   "address", "state", "for",  "limits",
                                        "clusters", "trips",   "took",  "told", "pending",
                                        "untold",   "errors",  "why"};
    struct columns table = {.n = COUNT_OF(title), .to_the_right = 0xff8};
    for (size_t i = 0; i < COUNT_OF(title); i++)
        columns_add(&table, "%s", title[i]);
    control_shared(c->control, share_as_row, &table);
    columns_finish(&table, c->out);
    return COMMAND_DONE;
}

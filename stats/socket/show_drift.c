/* What is served and is in no file. */
#include "runtime/base/clock.h"
#include "runtime/control/control.h"
#include "stats/socket/columns.h"
#include "stats/socket/command.h"
#include "stats/socket/show_priv.h"

typedef unsigned long long ull; /* what %llu wants */

static void change_as_row(void *to, const struct control_change *g)
{
    struct columns *table = to;
    char age[DURATION_TEXT_MAX], left[DURATION_TEXT_MAX] = "-";
    duration_format(g->age_ns, age);
    if (g->left_ns >= 0)
        duration_format(g->left_ns, left);
    columns_add(table, "%llu", (ull)g->number);
    columns_add(table, "%s", age);
    columns_add(table, "%s", left);
    columns_add(table, SLICE_FMT, SLICE_ARG(g->who));
    columns_add(table, SLICE_FMT "%s", SLICE_ARG(g->sentence),
                g->fits ? "" : "  (fits nothing any more)");
    columns_add(table, SLICE_FMT, SLICE_ARG(g->why.len > 0 ? g->why : SLICE("-")));
}

static void change_as_json(void *to, const struct control_change *g)
{
    struct text *out = to;
    show_separate(out);
    text_addf(out, "{\"number\":%llu,\"sentence\":", (ull)g->number);
    text_add_json(out, g->sentence);
    text_adds(out, ",\"who\":");
    text_add_json(out, g->who);
    text_adds(out, ",\"why\":");
    text_add_json(out, g->why);
    text_addf(out, ",\"age_s\":%.3f", (double)g->age_ns / (double)NS_PER_S);
    if (g->left_ns >= 0)
        text_addf(out, ",\"left_s\":%.3f", (double)g->left_ns / (double)NS_PER_S);
    text_addf(out, ",\"server\":%s,\"fits\":%s}", g->server ? "true" : "false",
              g->fits ? "true" : "false");
}

enum command_end command_show_drift(struct command *c)
{
    if (c->json) {
        text_addc(c->out, '[');
        control_changes(c->control, change_as_json, c->out);
        text_adds(c->out, "]\n");
        return COMMAND_DONE;
    }
    static const char *const title[] = {"number", "age", "ends in", "by", "change", "why"};
    struct columns table = {.n = COUNT_OF(title), .to_the_right = 0x7};
    for (size_t i = 0; i < COUNT_OF(title); i++)
        columns_add(&table, "%s", title[i]);
    control_changes(c->control, change_as_row, &table);
    columns_finish(&table, c->out);
    return COMMAND_DONE;
}

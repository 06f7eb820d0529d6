/* Two configurations that serve at once. */
#include "runtime/base/clock.h"
#include "runtime/control/control.h"
#include "stats/socket/columns.h"
#include "stats/socket/command.h"
#include "stats/socket/show_priv.h"

typedef unsigned long long ull; /* what %llu wants */

#define PERCENT(part) ((part) / (CONTROL_CANARY_WHOLE / 100.0))

static void add_ms(struct columns *table, double ns)
{
    if (ns < 0)
        columns_add(table, "-");
    else
        columns_add(table, "%.1f ms", ns / (double)NS_PER_MS);
}

static void side_as_row(struct columns *table, const char *name,
                        const struct control_canary_side *s)
{
    columns_add(table, "%s", name);
    columns_add(table, "%llu", (ull)s->generation);
    columns_add(table, "%llu", (ull)statuses_count(&s->statuses));
    for (unsigned i = 2; i < STATUS_CLASSES; i++)
        columns_add(table, "%llu", (ull)s->statuses.of_class[i]);
    add_ms(table, s->mean_ns);
    add_ms(table, s->p99_ns);
}

static void as_text(const struct control_canary_view *v, struct text *out)
{
    static const char *const title[] = {"side", "generation", "responses", "2xx", "3xx",
                                        "4xx",  "5xx",        "mean",      "p99"};
    struct columns table = {.n = COUNT_OF(title), .to_the_right = 0x1fe};
    char since[DURATION_TEXT_MAX], left[DURATION_TEXT_MAX];
    duration_format(v->since_ns, since);
    text_addf(out, "%.10g%% of the clients, for %s", PERCENT(v->part), since);
    if (v->left_ns >= 0) {
        duration_format(v->left_ns, left);
        text_addf(out, "; it goes in %s", left);
    }
    text_addc(out, '\n');
    for (size_t i = 0; i < COUNT_OF(title); i++)
        columns_add(&table, "%s", title[i]);
    side_as_row(&table, "stable", &v->stable);
    side_as_row(&table, "canary", &v->canary);
    columns_finish(&table, out);
    text_addf(out, "%llu requests decided by both, %llu otherwise%s\n", (ull)v->compared,
              (ull)v->differ, v->differ > 0 ? ": \"show shadow\"" : "");
}

static void side_as_json(const char *name, const struct control_canary_side *s, struct text *out)
{
    text_addf(out, ",\"%s\":{\"generation\":%llu,\"responses\":%llu", name, (ull)s->generation,
              (ull)statuses_count(&s->statuses));
    show_statuses(out, "responses", &s->statuses);
    text_addf(out, ",\"unanswered\":%llu", (ull)s->statuses.of_class[0]);
    if (s->mean_ns >= 0)
        text_addf(out, ",\"mean_ms\":%.3f,\"p99_ms\":%.3f", s->mean_ns / (double)NS_PER_MS,
                  s->p99_ns / (double)NS_PER_MS);
    text_addc(out, '}');
}

static void as_json(const struct control_canary_view *v, struct text *out)
{
    text_addf(out, "{\"percent\":%.10g,\"since_s\":%.3f", PERCENT(v->part),
              (double)v->since_ns / (double)NS_PER_S);
    if (v->left_ns >= 0)
        text_addf(out, ",\"left_s\":%.3f", (double)v->left_ns / (double)NS_PER_S);
    side_as_json("stable", &v->stable, out);
    side_as_json("canary", &v->canary, out);
    text_addf(out, ",\"compared\":%llu,\"differ\":%llu}\n", (ull)v->compared, (ull)v->differ);
}

enum command_end command_show_canary(struct command *c)
{
    struct control_canary_view v;
    if (!control_canary_info(c->control, &v, c->why))
        return COMMAND_REFUSED;
    if (c->json)
        as_json(&v, c->out);
    else
        as_text(&v, c->out);
    return COMMAND_DONE;
}

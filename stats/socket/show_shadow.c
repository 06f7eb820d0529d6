/* What a candidate would have decided otherwise. */
#include "runtime/base/clock.h"
#include "runtime/control/control.h"
#include "stats/socket/columns.h"
#include "stats/socket/command.h"
#include "stats/socket/show_priv.h"

typedef unsigned long long ull; /* what %llu wants */

static void write_decision(char sign, const struct control_decision *d, struct text *out)
{
    text_addf(out, "  %c " SLICE_FMT "   (clause %u of route " SLICE_FMT, sign, SLICE_ARG(d->does),
              d->clause, SLICE_ARG(d->route));
    if (d->line > 0)
        text_addf(out, ", " SLICE_FMT ":%u", SLICE_ARG(d->file), d->line);
    text_adds(out, ")\n");
}

static void kind_as_text(void *to, const struct control_shadow_kind *k)
{
    struct text *out = to;
    text_addf(out, "\n%llu: %s\n", (ull)k->count, k->text);
    write_decision('-', &k->before, out);
    write_decision('+', &k->after, out);
    text_addf(out, "  %s\n", k->request);
}

static void decision_as_json(const char *name, const struct control_decision *d, struct text *out)
{
    text_addf(out, ",\"%s\":{\"route\":", name);
    text_add_json(out, d->route);
    text_addf(out, ",\"clause\":%u,\"file\":", d->clause);
    text_add_json(out, d->file);
    text_addf(out, ",\"line\":%u,\"does\":", d->line);
    text_add_json(out, d->does);
    text_addc(out, '}');
}

static void kind_as_json(void *to, const struct control_shadow_kind *k)
{
    struct text *out = to;
    show_separate(out);
    text_addf(out, "{\"what\":\"%s\",\"count\":%llu", k->what, (ull)k->count);
    decision_as_json("before", &k->before, out);
    decision_as_json("after", &k->after, out);
    text_adds(out, ",\"request\":");
    text_add_json(out, slice_of(k->request));
    text_addc(out, '}');
}

static void sums_as_text(const struct control_shadow *s, struct text *out)
{
    char since[DURATION_TEXT_MAX];
    duration_format(s->since_ns, since);
    text_addf(out, SLICE_FMT ", for %s, against generation %llu\n", SLICE_ARG(s->file), since,
              (ull)s->generation);
    text_addf(out, "%llu requests: %llu decided alike, %llu otherwise\n", (ull)s->compared,
              (ull)s->agreed, (ull)s->differ);
    for (uint32_t i = 0; i < s->n_by; i++)
        if (s->by[i].count > 0)
            text_addf(out, "  %-24s %llu\n", s->by[i].text, (ull)s->by[i].count);
    if (s->others > 0)
        text_addf(out, "  of them, for which there was no room below: %llu\n", (ull)s->others);
    if (s->unlistened > 0)
        text_addf(out, "%llu more came by listeners that it does not have\n", (ull)s->unlistened);
}

static void sums_as_json(const struct control_shadow *s, struct text *out)
{
    text_adds(out, "{\"file\":");
    text_add_json(out, s->file);
    text_addf(out,
              ",\"generation\":%llu,\"since_s\":%.3f,\"compared\":%llu,\"agreed\":%llu,"
              "\"differ\":%llu,\"unlistened\":%llu,\"others\":%llu,\"by\":",
              (ull)s->generation, (double)s->since_ns / (double)NS_PER_S, (ull)s->compared,
              (ull)s->agreed, (ull)s->differ, (ull)s->unlistened, (ull)s->others);
    for (uint32_t i = 0; i < s->n_by; i++)
        text_addf(out, "%s\"%s\":%llu", i ? "," : "{", s->by[i].word, (ull)s->by[i].count);
    text_adds(out, "},\"kinds\":");
}

enum command_end command_show_shadow(struct command *c)
{
    struct control_shadow sums;
    struct text kinds = {0};
    text_adds(&kinds, c->json ? "[" : "");
    const bool any =
        control_shadow_info(c->control, &sums, c->json ? kind_as_json : kind_as_text, &kinds);
    if (any && c->json)
        sums_as_json(&sums, c->out);
    else if (any)
        sums_as_text(&sums, c->out);
    else
        text_adds(c->why, "there is no shadow: \"shadow FILE\" begins one");
    if (any)
        text_add(c->out, text_slice(&kinds));
    if (any && c->json)
        text_adds(c->out, "]}\n");
    text_done(&kinds);
    return any ? COMMAND_DONE : COMMAND_REFUSED;
}

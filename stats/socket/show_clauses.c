/* Which rule does what: clauses, and how many requests each of them has decided, or changed and
 * left to others. */
#include "runtime/control/control.h"
#include "stats/socket/columns.h"
#include "stats/socket/command.h"
#include "stats/socket/show_priv.h"

static void clause_as_row(void *to, const struct control_clause *s)
{
    struct columns *table = to;
    columns_add(table, SLICE_FMT ":%u", SLICE_ARG(s->route), s->number);
    columns_add(table, SLICE_FMT ":%u", SLICE_ARG(s->file), s->line);
    const unsigned long long requests = statuses_count(&s->statuses) + s->continued;
    if (s->decides || s->changes)
        columns_add(table, "%llu", requests);
    else
        columns_add(table, "-");
    for (unsigned i = 0; !s->decides && i < STATUS_CLASSES + 1; i++)
        columns_add(table, "-");
    if (!s->decides)
        return;
    for (unsigned i = 1; i < STATUS_CLASSES; i++)
        columns_add(table, "%llu", (unsigned long long)s->statuses.of_class[i]);
    columns_add(table, "%llu", (unsigned long long)s->statuses.of_class[0]);
    char sent[BYTES_TEXT_MAX];
    bytes_format(s->sent_bytes, sent);
    columns_add(table, "%s", sent);
}

static void clause_as_json(void *to, const struct control_clause *s)
{
    struct text *out = to;
    show_separate(out);
    text_adds(out, "{\"route\":");
    text_add_json(out, s->route);
    text_addf(out, ",\"clause\":%u,\"file\":", s->number);
    text_add_json(out, s->file);
    text_addf(out, ",\"line\":%u,\"id\":\"%08x\",\"decides\":%s,\"changes\":%s", s->line,
              (uint32_t)s->text, s->decides ? "true" : "false", s->changes ? "true" : "false");
    text_addf(out, ",\"continued\":%llu,\"requests\":%llu", (unsigned long long)s->continued,
              (unsigned long long)statuses_count(&s->statuses));
    show_statuses(out, "requests", &s->statuses);
    text_addf(out, ",\"unanswered\":%llu,\"sent_bytes\":%llu}",
              (unsigned long long)s->statuses.of_class[0], (unsigned long long)s->sent_bytes);
}

enum command_end command_explain(struct command *c)
{
    return control_explain(c->control, c->argument[0], c->json, c->out, c->why) ? COMMAND_DONE
                                                                                : COMMAND_REFUSED;
}

enum command_end command_show_clauses(struct command *c)
{
    if (c->json) {
        text_addc(c->out, '[');
        control_clauses(c->control, clause_as_json, c->out);
        text_adds(c->out, "]\n");
        return COMMAND_DONE;
    }
    static const char *const title[] = {"clause", "written at", "requests", "1xx",        "2xx",
                                        "3xx",    "4xx",        "5xx",      "unanswered", "sent"};
    struct columns table = {.n = COUNT_OF(title), .to_the_right = 0x3fc};
    for (size_t i = 0; i < COUNT_OF(title); i++)
        columns_add(&table, "%s", title[i]);
    control_clauses(c->control, clause_as_row, &table);
    columns_finish(&table, c->out);
    return COMMAND_DONE;
}

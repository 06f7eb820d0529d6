/* Where clients connect. */
#include "runtime/control/control.h"
#include "stats/socket/columns.h"
#include "stats/socket/command.h"
#include "stats/socket/show_priv.h"

static const char *protocol_of(const struct control_listener *l, uint32_t bind)
{
    return l->tcp ? "tcp" : l->tls[bind] ? "https" : "http";
}

/* Columns that are the listener's, not the bind's. */
#define COUNTS 3u
static void add_counts(struct columns *table, const struct control_listener *l)
{
    show_use(table, (uint64_t)l->connections, l->max_connections);
    columns_add(table, "%llu", (unsigned long long)statuses_count(&l->statuses));
    columns_add(table, "%llu", (unsigned long long)l->statuses.of_class[5]);
}

/* A row for each bind; those behind the first one belong to the same listener. */
static void listener_as_rows(void *to, const struct control_listener *l)
{
    struct columns *table = to;
    for (uint32_t i = 0; i < l->n_binds; i++) {
        char at[ENDPOINT_TEXT_MAX];
        endpoint_format(&l->bind[i], at);
        columns_add(table, SLICE_FMT, SLICE_ARG(l->name));
        columns_add(table, "%s", at);
        columns_add(table, "%s", protocol_of(l, i));
        columns_add(table, SLICE_FMT, SLICE_ARG(l->route));
        if (i == 0)
            add_counts(table, l);
        for (uint32_t c = 0; i > 0 && c < COUNTS; c++)
            columns_add(table, "-");
    }
}

static void listener_as_json(void *to, const struct control_listener *l)
{
    struct text *out = to;
    show_separate(out);
    text_adds(out, "{\"listener\":");
    text_add_json(out, l->name);
    text_adds(out, ",\"route\":");
    text_add_json(out, l->route);
    text_addf(out, ",\"connections\":%lld,\"max_connections\":%u,\"accepted\":%llu",
              (long long)l->connections, l->max_connections, (unsigned long long)l->accepted);
    show_statuses(out, "requests", &l->statuses);
    text_addf(out, ",\"received_bytes\":%llu,\"sent_bytes\":%llu,\"binds\":[",
              (unsigned long long)l->received_bytes, (unsigned long long)l->sent_bytes);
    for (uint32_t i = 0; i < l->n_binds; i++) {
        char at[ENDPOINT_TEXT_MAX];
        endpoint_format(&l->bind[i], at);
        text_adds(out, i > 0 ? ",{\"endpoint\":" : "{\"endpoint\":");
        text_add_json(out, slice_of(at));
        text_addf(out, ",\"protocol\":\"%s\"}", protocol_of(l, i));
    }
    text_adds(out, "]}");
}

enum command_end command_show_listeners(struct command *c)
{
    if (c->json) {
        text_addc(c->out, '[');
        control_listeners(c->control, listener_as_json, c->out);
        text_adds(c->out, "]\n");
        return COMMAND_DONE;
    }
    static const char *const title[] = {"listener",    "endpoint", "protocol", "route",
                                        "connections", "requests", "5xx"};
    struct columns table = {.n = COUNT_OF(title), .to_the_right = 0x70};
    for (size_t i = 0; i < COUNT_OF(title); i++)
        columns_add(&table, "%s", title[i]);
    control_listeners(c->control, listener_as_rows, &table);
    columns_finish(&table, c->out);
    return COMMAND_DONE;
}

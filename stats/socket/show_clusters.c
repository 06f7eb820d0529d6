/* Clusters, and whom their clients are remembered at. */
#include "runtime/control/control.h"
#include "stats/socket/columns.h"
#include "stats/socket/command.h"
#include "stats/socket/show_priv.h"

typedef unsigned long long ull; /* what %llu wants */

/* Requests whose clients were to keep a server. */
static uint64_t all_of(const struct control_sticky *s)
{
    return s->kept + s->fresh + s->moved;
}

/* What no limit is set for is not counted. */
static void add_breaker(struct columns *table, const struct control_use *u)
{
    if (u->most > 0)
        show_use(table, u->now, u->most);
    else
        columns_add(table, "-");
}

static bool is_spent(const struct control_use *u)
{
    return u->most > 0 && u->now >= u->most;
}

static void cluster_as_row(void *to, const struct control_cluster *s)
{
    struct columns *table = to;
    columns_add(table, SLICE_FMT, SLICE_ARG(s->name));
    columns_add(table, "%s", s->balance);
    columns_add(table, "%u", s->servers);
    columns_add(table, "%u", s->usable);
    show_group(table, s->in_use, s->priority, s->backup);
    columns_add(table, "%lld", (long long)s->in_flight);
    show_use(table, s->waiting.now, s->waiting.most);
    add_breaker(table, &s->connections);
    add_breaker(table, &s->pending);
    add_breaker(table, &s->retrying);
    if (s->sticky.by)
        columns_add(table, "%llu/%llu", (ull)s->sticky.kept, (ull)all_of(&s->sticky));
    else
        columns_add(table, "-");
}

static void counts_as_json(struct text *out, const struct control_sticky *s)
{
    text_addf(out, "\"by\":\"%s\",\"kept\":%llu,\"new\":%llu,\"moved\":%llu", s->by, (ull)s->kept,
              (ull)s->fresh, (ull)s->moved);
    text_addf(out, ",\"evicted\":%llu,\"learned\":%llu,\"forged\":%llu,\"expired\":%llu",
              (ull)s->evicted, (ull)s->learned, (ull)s->forged, (ull)s->expired);
}

static void use_as_json(struct text *out, const char *name, const struct control_use *u)
{
    text_addf(out, ",\"%s\":%u,\"%s_max\":%u", name, u->now, name, u->most);
}

static void cluster_as_json(void *to, const struct control_cluster *s)
{
    struct text *out = to;
    show_separate(out);
    text_adds(out, "{\"cluster\":");
    text_add_json(out, s->name);
    text_addf(out, ",\"balance\":\"%s\",\"servers\":%u,\"usable\":%u,\"in_use\":%u", s->balance,
              s->servers, s->usable, s->in_use);
    text_addf(out, ",\"priority\":%u,\"backup\":%s,\"in_flight\":%lld", s->priority,
              s->backup ? "true" : "false", (long long)s->in_flight);
    use_as_json(out, "waiting", &s->waiting);
    text_adds(out, ",\"breaker\":{\"open\":");
    text_adds(out, is_spent(&s->connections) || is_spent(&s->pending) ? "true" : "false");
    use_as_json(out, "connections", &s->connections);
    use_as_json(out, "pending", &s->pending);
    use_as_json(out, "retries", &s->retrying);
    text_addc(out, '}');
    show_statuses(out, "requests", &s->statuses);
    text_addf(out, ",\"retried\":%llu,\"queued\":%llu", (ull)s->retries, (ull)s->queued);
    if (s->sticky.by) {
        text_adds(out, ",\"sticky\":{");
        counts_as_json(out, &s->sticky);
        text_addc(out, '}');
    }
    text_addc(out, '}');
}

enum command_end command_show_clusters(struct command *c)
{
    if (c->json) {
        text_addc(c->out, '[');
        control_clusters(c->control, cluster_as_json, c->out);
        text_adds(c->out, "]\n");
        return COMMAND_DONE;
    }
    static const char *const title[] = {"cluster", "balance", "servers", "usable",
                                        "in use",  "active",  "waiting", "connections",
                                        "pending", "retries", "kept"};
    struct columns table = {.n = COUNT_OF(title), .to_the_right = 0x7fc};
    for (size_t i = 0; i < COUNT_OF(title); i++)
        columns_add(&table, "%s", title[i]);
    control_clusters(c->control, cluster_as_row, &table);
    columns_finish(&table, c->out);
    return COMMAND_DONE;
}

static void sticky_as_row(void *to, const struct control_cluster *s)
{
    struct columns *table = to;
    const struct control_sticky *sticky = &s->sticky;
    if (!sticky->by)
        return;
    columns_add(table, SLICE_FMT, SLICE_ARG(s->name));
    columns_add(table, "%s", sticky->by);
    if (sticky->entries > 0)
        show_use(table, sticky->clients, sticky->entries);
    else
        columns_add(table, "-");
    const uint64_t count[] = {sticky->kept,    sticky->fresh,  sticky->moved,   sticky->evicted,
                              sticky->learned, sticky->forged, sticky->expired, sticky->heard};
    for (size_t i = 0; i < COUNT_OF(count); i++)
        columns_add(table, "%llu", (ull)count[i]);
    columns_add(table, SLICE_FMT, SLICE_ARG(sticky->shared.len > 0 ? sticky->shared : SLICE("-")));
}

static void sticky_as_json(void *to, const struct control_cluster *s)
{
    struct text *out = to;
    if (!s->sticky.by)
        return;
    show_separate(out);
    text_adds(out, "{\"cluster\":");
    text_add_json(out, s->name);
    text_addf(out, ",\"clients\":%llu,\"entries\":%u,", (ull)s->sticky.clients, s->sticky.entries);
    counts_as_json(out, &s->sticky);
    if (s->sticky.shared.len > 0) {
        text_addf(out, ",\"heard\":%llu,\"shared\":", (ull)s->sticky.heard);
        text_add_json(out, s->sticky.shared);
    }
    text_addc(out, '}');
}

enum command_end command_show_sticky(struct command *c)
{
    if (c->json) {
        text_addc(c->out, '[');
        control_stickies(c->control, sticky_as_json, c->out);
        text_adds(c->out, "]\n");
        return COMMAND_DONE;
    }
    static const char *const title[] = {"cluster", "by",      "clients", "kept",
                                        "new",     "moved",   "evicted", "learned",
                                        "forged",  "expired", "heard",   "shared"};
    struct columns table = {.n = COUNT_OF(title), .to_the_right = 0x7fc};
    for (size_t i = 0; i < COUNT_OF(title); i++)
        columns_add(&table, "%s", title[i]);
    control_stickies(c->control, sticky_as_row, &table);
    columns_finish(&table, c->out);
    return COMMAND_DONE;
}

/* What operators ask for: numbers, states, and changes of states. */
#include "runtime/base/clock.h"
#include "runtime/control/control_priv.h"
#include "runtime/log/log.h"

void control_info(const struct control *c, struct control_info *out)
{
    const struct table *t = c->newest->table;
    *out = (struct control_info){.version = c->config.version,
                                 .file = c->config.file,
                                 .generation = c->newest->id,
                                 .uptime_ns = clock_now_ns() - c->begun_ns,
                                 .workers = c->n_workers,
                                 .listeners = t->n_listeners,
                                 .clusters = t->n_clusters,
                                 .servers = t->n_servers,
                                 .draining = c->draining,
                                 .metrics = c->metrics};
    for (uint32_t i = 0; i < t->n_servers; i++)
        out->servers_usable += server_usable(c->newest->server[i]);
}

static uint32_t idle_links(const struct server *s)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < s->n_workers; i++)
        n += atomic_load_explicit(&s->worker[i]->n_idle, memory_order_relaxed);
    return n;
}

#define READ(field) atomic_load_explicit(&(field), memory_order_relaxed)

static void describe(const struct generation *g, uint32_t i, struct control_server *out)
{
    const struct table_server *spec = &g->table->server[i];
    const struct server *s = g->server[i];
    *out = (struct control_server){.cluster = g->table->cluster[spec->cluster].name,
                                   .name = spec->name,
                                   .health = (enum health_state)READ(s->health),
                                   .checked = READ(s->checked),
                                   .admin = (enum server_admin)READ(s->admin),
                                   .weight = spec->weight,
                                   .backup = spec->backup,
                                   .in_flight = READ(s->in_flight),
                                   .idle = idle_links(s),
                                   .requests = READ(s->requests),
                                   .connect_errors = READ(s->connect_errors),
                                   .response_errors = READ(s->response_errors),
                                   .responses_5xx = READ(s->responses_5xx)};
    endpoint_format(&spec->endpoint, out->endpoint);
}

#undef READ

void control_servers(const struct control *c,
                     void (*each)(void *to, const struct control_server *s), void *to)
{
    for (uint32_t i = 0; i < c->newest->table->n_servers; i++) {
        struct control_server s;
        describe(c->newest, i, &s);
        each(to, &s);
    }
}

void control_generations(const struct control *c,
                         void (*each)(void *to, const struct control_generation *g), void *to)
{
    const int64_t now_ns = clock_now_ns();
    for (const struct generation *g = c->newest; g; g = g->older) {
        const struct control_generation view = {.id = g->id,
                                                .current = g == c->newest,
                                                .age_ns = now_ns - g->made_ns,
                                                .pins = generation_pins(g),
                                                .bytes = g->table->arena.used_bytes};
        each(to, &view);
    }
}

static struct server *find_server(const struct control *c, struct slice name, struct text *why)
{
    const struct generation *g = c->newest;
    struct slice server = name, cluster;
    if (!slice_split(&server, '/', &cluster) || cluster.len == name.len) {
        text_addf(why, "a server is named CLUSTER/SERVER, not \"" SLICE_FMT "\"", SLICE_ARG(name));
        return NULL;
    }
    const uint32_t at = table_find_cluster(g->table, cluster);
    if (at == UINT32_MAX) {
        text_addf(why, "there is no cluster \"" SLICE_FMT "\"", SLICE_ARG(cluster));
        return NULL;
    }
    const uint32_t i = table_find_server(g->table, at, server);
    if (i == UINT32_MAX) {
        text_addf(why, "cluster \"" SLICE_FMT "\" has no server \"" SLICE_FMT "\"",
                  SLICE_ARG(cluster), SLICE_ARG(server));
        return NULL;
    }
    return g->server[i];
}

bool control_set_admin(struct control *c, struct slice server, enum server_admin admin,
                       struct text *why)
{
    struct server *s = find_server(c, server, why);
    if (!s)
        return false;
    atomic_store_explicit(&s->admin, admin, memory_order_relaxed);
    control_server_changed(c, s);
    log_line(LOG_INFO, "server %s/%s is set to %s", s->cluster_name, s->name,
             admin == SERVER_READY ? "ready" : "drain");
    return true;
}

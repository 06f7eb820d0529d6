/* Clusters, servers and listeners: copied, with nothing to decide. */
#include "compiler/lower/lower_priv.h"

static void lower_cluster(struct lowering *l, const struct program_cluster *from,
                          struct table_cluster *to, uint32_t first_server)
{
    *to = (struct table_cluster){.name = lower_string(l, from->name),
                                 .place = lower_place(l, from->span),
                                 .balance = from->balance,
                                 .first_server = first_server,
                                 .n_servers = from->n_servers,
                                 .health = from->health};
    to->health.method = lower_string(l, from->health.method);
    to->health.path = lower_string(l, from->health.path);
    to->health.host = lower_string(l, from->health.host);
    memcpy(to->timeout_ns, from->timeout_ns, sizeof(to->timeout_ns));
}

static void lower_clusters(struct lowering *l)
{
    const struct program *p = l->program;
    struct table *t = l->table;
    for (uint32_t i = 0; i < p->n_clusters; i++)
        t->n_servers += p->cluster[i].n_servers;
    struct table_cluster *cluster = ARENA_ARRAY(l->arena, struct table_cluster, p->n_clusters);
    struct table_server *server = ARENA_ARRAY(l->arena, struct table_server, t->n_servers);

    uint32_t n = 0;
    for (uint32_t i = 0; i < p->n_clusters; i++) {
        const struct program_cluster *from = &p->cluster[i];
        lower_cluster(l, from, &cluster[i], n);
        for (uint32_t k = 0; k < from->n_servers; k++)
            server[n++] = (struct table_server){.name = lower_string(l, from->server[k].name),
                                                .place = lower_place(l, from->server[k].span),
                                                .endpoint = from->server[k].endpoint,
                                                .cluster = i,
                                                .weight = from->server[k].weight,
                                                .backup = from->server[k].backup};
    }
    t->cluster = cluster;
    t->n_clusters = p->n_clusters;
    t->server = server;
}

static void lower_listeners(struct lowering *l)
{
    const struct program *p = l->program;
    struct table_listener *listener = ARENA_ARRAY(l->arena, struct table_listener, p->n_listeners);
    for (uint32_t i = 0; i < p->n_listeners; i++) {
        const struct program_listener *from = &p->listener[i];
        struct endpoint *bind = ARENA_ARRAY(l->arena, struct endpoint, from->n_binds);
        for (uint32_t k = 0; k < from->n_binds; k++)
            bind[k] = from->bind[k];
        listener[i] = (struct table_listener){.name = lower_string(l, from->name),
                                              .place = lower_place(l, from->span),
                                              .bind = bind,
                                              .n_binds = from->n_binds,
                                              .route = from->route,
                                              .max_connections = from->max_connections};
        memcpy(listener[i].timeout_ns, from->timeout_ns, sizeof(listener[i].timeout_ns));
    }
    l->table->listener = listener;
    l->table->n_listeners = p->n_listeners;
}

void lower_objects(struct lowering *l)
{
    lower_clusters(l);
    lower_listeners(l);
}

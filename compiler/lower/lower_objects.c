/* Clusters, servers and listeners: copied, with nothing to decide. */
#include "compiler/lower/lower_priv.h"

static void lower_headers(struct lowering *l, const struct table_health *from,
                          struct table_health *to)
{
    struct table_health_header *header =
        ARENA_ARRAY(l->arena, struct table_health_header, from->n_headers);
    for (uint32_t i = 0; i < from->n_headers; i++)
        header[i] = (struct table_health_header){lower_string(l, from->header[i].name),
                                                 lower_string(l, from->header[i].value)};
    to->header = header;
}

static void lower_steps(struct lowering *l, const struct table_health *from,
                        struct table_health *to)
{
    struct table_health_step *step = ARENA_ARRAY(l->arena, struct table_health_step, from->n_steps);
    for (uint32_t i = 0; i < from->n_steps; i++)
        step[i] =
            (struct table_health_step){from->step[i].expect, lower_string(l, from->step[i].bytes)};
    to->step = step;
}

/* Servers are asked as they are spoken to. */
static void lower_health(struct lowering *l, const struct program_cluster *from,
                         const struct table_upstream_tls *tls, struct table_health *to)
{
    to->method = lower_string(l, from->health.method);
    to->path = lower_string(l, from->health.path);
    to->host = lower_string(l, from->health.host);
    to->service = lower_string(l, from->health.service);
    lower_headers(l, &from->health, to);
    lower_steps(l, &from->health, to);
    to->h2 = from->h2 || to->kind == HEALTH_GRPC;
    lower_health_tls(l, from, tls, to);
}

static void lower_retry(struct lowering *l, const struct table_retry *from, struct table_retry *to)
{
    struct table_statuses *status = ARENA_ARRAY(l->arena, struct table_statuses, from->n_statuses);
    struct slice *method = ARENA_ARRAY(l->arena, struct slice, from->n_methods);
    for (uint32_t i = 0; i < from->n_statuses; i++)
        status[i] = from->status[i];
    for (uint32_t i = 0; i < from->n_methods; i++)
        method[i] = lower_string(l, from->method[i]);
    *to = *from;
    to->status = status;
    to->method = method;
}

static void lower_sticky(struct lowering *l, const struct program_cluster *from,
                         struct table_sticky *to)
{
    const struct program_setting *sticky =
        lower_given(from->settings.at, from->settings.n, SETTING_CLUSTER_STICKY);
    to->name = lower_string(l, to->name);
    to->attributes = lower_string(l, to->attributes);
    to->shared = lower_find_shared(
        l, sticky ? lower_given(sticky->own, sticky->n_own, SETTING_STICKY_SHARED) : NULL);
    if (to->kind == STICKY_HEADER)
        l->table->asked |= UINT64_C(1) << FIELD_HEADER;
}

static void lower_cluster(struct lowering *l, const struct program_cluster *from,
                          struct table_cluster *to, uint32_t first_server)
{
    *to = (struct table_cluster){.name = lower_string(l, from->name),
                                 .place = lower_place(l, from->span),
                                 .balance = from->balance,
                                 .field = from->field,
                                 .key = lower_string(l, from->key),
                                 .bounded_percent = from->bounded_percent,
                                 .first_server = first_server,
                                 .n_servers = from->n_servers,
                                 .health = from->health,
                                 .h2 = from->h2,
                                 .queue_max = from->queue_max,
                                 .breaker = from->breaker,
                                 .outlier = from->outlier,
                                 .sticky = from->sticky};
    lower_sticky(l, from, &to->sticky);
    to->limit = lower_limits_named(l, &from->settings, SETTING_CLUSTER_LIMIT, &to->n_limits);
    if (from->field != FIELD_COUNT)
        l->table->asked |= UINT64_C(1) << from->field;
    lower_retry(l, &from->retry, &to->retry);
    for (uint32_t i = 0; i < from->n_servers; i++)
        to->limited |= from->server[i].max_connections > 0;
    to->proxy_protocol = to->health.proxy_protocol = from->proxy_protocol;
    lower_upstream_tls(l, from, &to->tls);
    lower_health(l, from, &to->tls, &to->health);
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
                                                .max_connections = from->server[k].max_connections,
                                                .priority = from->server[k].priority,
                                                .backup = from->server[k].backup,
                                                .state = from->server[k].state,
                                                .slow_start_ns = from->server[k].slow_start_ns};
    }
    t->cluster = cluster;
    t->n_clusters = p->n_clusters;
    t->server = server;
    lower_sources(l, cluster);
}

static void lower_secrets(struct lowering *l)
{
    const struct program *p = l->program;
    struct table_secret *secret = ARENA_ARRAY(l->arena, struct table_secret, p->n_secrets);
    for (uint32_t i = 0; i < p->n_secrets; i++) {
        const struct program_secret *from = &p->secret[i];
        const struct program_value path = {.span = from->span, .text = from->source};
        secret[i] =
            (struct table_secret){.name = lower_string(l, from->name),
                                  .place = lower_place(l, from->span),
                                  .from_env = from->from_env,
                                  .source = from->from_env ? lower_string(l, from->source)
                                                           : program_path(p, l->arena, &path)};
    }
    l->table->secret = secret;
    l->table->n_secrets = p->n_secrets;
}

static struct table_compress lower_compress(struct lowering *l, const struct table_compress *from)
{
    struct table_compress to = *from;
    struct slice *type = ARENA_ARRAY(l->arena, struct slice, from->n_types);
    for (uint32_t i = 0; i < from->n_types; i++)
        type[i] = lower_string(l, from->type[i]);
    to.type = type;
    return to;
}

static bool has_effect(const struct table *t, enum table_effect_kind kind)
{
    for (uint32_t i = 0; i < t->n_effects; i++)
        if (t->effect[i].kind == kind)
            return true;
    return false;
}

void lower_clauses_compress(struct lowering *l)
{
    if (has_effect(l->table, EFFECT_COMPRESS))
        l->table->compress = lower_compress(l, &COMPRESS_OF_CLAUSES);
}

static void lower_reach(struct lowering *l, const struct program_listener *from,
                        struct table_listener *to)
{
    const uint32_t n = l->program->n_clusters;
    uint32_t *reach = ARENA_ARRAY(l->arena, uint32_t, n);
    for (uint32_t i = 0; i < n; i++)
        if (from->reach[i])
            reach[to->n_reach++] = i;
    to->reach = reach;
}

static void lower_listeners(struct lowering *l)
{
    const struct program *p = l->program;
    struct table_listener *listener = ARENA_ARRAY(l->arena, struct table_listener, p->n_listeners);
    for (uint32_t i = 0; i < p->n_listeners; i++) {
        const struct program_listener *from = &p->listener[i];
        struct table_bind *bind = ARENA_ARRAY(l->arena, struct table_bind, from->n_binds);
        for (uint32_t k = 0; k < from->n_binds; k++)
            bind[k] = from->bind[k];
        listener[i] = (struct table_listener){
            .name = lower_string(l, from->name),
            .place = lower_place(l, from->span),
            .bind = bind,
            .n_binds = from->n_binds,
            .route = from->route,
            .on_connect = program_phase_route(p, i, PHASE_CONNECT),
            .on_response = program_phase_route(p, i, PHASE_RESPONSE),
            .max_connections = from->max_connections,
            .trusted = lower_networks(l->arena, from->trusted, from->n_trusted),
            .client_header = from->client_header,
            .tcp = from->tcp,
            .peeks = from->peeks,
            .path_rules = from->path_rules,
            .compress = lower_compress(l, &from->compress),
            .max_streams = from->max_streams,
            .max_per_source = from->max_per_source,
            .max_handshakes = from->max_handshakes,
            .overload_saves = from->overload_saves,
            .overload_refuses = from->overload_refuses,
            .max_glitches = from->max_glitches,
            .min_rate = from->min_rate,
            .min_rate_ns = from->min_rate_ns,
            .max_requests = from->max_requests,
            .max_head_bytes = from->max_head_bytes,
            .max_body_bytes = from->max_body_bytes};
        l->table->path_rules |= from->path_rules;
        listener[i].limit =
            lower_limits_named(l, &from->settings, SETTING_LISTENER_LIMIT, &listener[i].n_limits);
        lower_reach(l, from, &listener[i]);
        memcpy(listener[i].timeout_ns, from->timeout_ns, sizeof(listener[i].timeout_ns));
    }
    l->table->listener = listener;
    l->table->n_listeners = p->n_listeners;
}

void lower_objects(struct lowering *l)
{
    lower_tls(l);
    lower_limits(l);
    lower_secrets(l);
    lower_clusters(l);
    lower_listeners(l);
    lower_admin(l);
}

/* `servers`, and the resolvers that are asked for them. */
#include "compiler/lower/lower_priv.h"
#include "runtime/base/clock.h"

static uint64_t number(const struct program_setting *at, uint32_t n, enum setting_id id,
                       uint64_t otherwise)
{
    const struct program_setting *a = lower_given(at, n, id);
    return a ? a->value[0].number : otherwise;
}

static int64_t duration(const struct program_settings *s, enum setting_id id, int64_t otherwise_s)
{
    return (int64_t)number(s->at, s->n, id, (uint64_t)(otherwise_s * NS_PER_S));
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static void lower_resolver(struct lowering *l, const struct program_object *from,
                           struct table_resolver *to)
{
    const struct program_settings *s = &from->settings;
    *to =
        (struct table_resolver){.name = lower_string(l, from->name),
                                .timeout_ns = duration(s, SETTING_RESOLVER_TIMEOUT, 2),
                                .tries = (uint32_t)number(s->at, s->n, SETTING_RESOLVER_TRIES, 3),
                                .max_ttl_ns = duration(s, SETTING_RESOLVER_MAX_TTL, 3600),
                                .negative_ttl_ns = duration(s, SETTING_RESOLVER_NEGATIVE_TTL, 10)};
    /* Where one is given alone, it moves the other's default. */
    const bool given = lower_given(s->at, s->n, SETTING_RESOLVER_MIN_TTL) != NULL;
    to->min_ttl_ns = duration(s, SETTING_RESOLVER_MIN_TTL, 5);
    if (!given)
        to->min_ttl_ns = least(to->min_ttl_ns, to->max_ttl_ns);
    else if (to->max_ttl_ns < to->min_ttl_ns)
        to->max_ttl_ns = to->min_ttl_ns;

    struct endpoint *nameserver = ARENA_ARRAY(l->arena, struct endpoint, s->n);
    for (uint32_t i = 0; i < s->n; i++)
        if (s->at[i].id == SETTING_RESOLVER_NAMESERVER)
            nameserver[to->n_nameservers++] = *s->at[i].value[0].endpoint;
    to->nameserver = nameserver;
}

/* Those that are described, and behind them the one that is asked where none is named. */
static void lower_resolvers(struct lowering *l)
{
    const uint32_t n = l->program->n_objects[OBJECT_RESOLVER];
    const struct program_object nobody = {.name = SLICE_INIT("")};
    struct table_resolver *resolver = ARENA_ARRAY(l->arena, struct table_resolver, n + 1);
    for (uint32_t i = 0; i <= n; i++)
        lower_resolver(l, i < n ? &l->program->object[OBJECT_RESOLVER][i] : &nobody, &resolver[i]);
    l->table->resolver = resolver;
    l->table->n_resolvers = n + 1;
}

static void lower_source(struct lowering *l, const struct program_setting *a, uint32_t cluster,
                         uint32_t most_each, struct table_source *to)
{
    const struct program_setting *own = a->own;
    const uint32_t n = a->n_own;
    *to = (struct table_source){
        .kind = (enum table_source_kind)a->value[0].number,
        .place = lower_place(l, a->span),
        .cluster = cluster,
        .resolver = (uint32_t)number(own, n, SETTING_SERVERS_RESOLVER, l->table->n_resolvers - 1),
        .refresh_ns = (int64_t)number(own, n, SETTING_SERVERS_REFRESH, 0),
        .hold_ns = (int64_t)number(own, n, SETTING_SERVERS_HOLD, 30 * NS_PER_S),
        .minimum = (uint32_t)number(own, n, SETTING_SERVERS_MINIMUM, 1),
        .weight = (uint32_t)number(own, n, SETTING_SERVERS_WEIGHT, 1),
        .max_connections = (uint32_t)number(own, n, SETTING_SERVERS_MAX_CONNECTIONS, most_each),
        .priority = (uint32_t)number(own, n, SETTING_SERVERS_PRIORITY, 0),
        .backup = lower_given(own, n, SETTING_SERVERS_BACKUP) != NULL,
        .slow_start_ns = (int64_t)number(own, n, SETTING_SERVERS_SLOW_START, 0)};
    struct slice name = a->value[1].text;
    switch (to->kind) {
    case SOURCE_DNS: program_dns_name(name, &name, &to->port); break;
    case SOURCE_SRV: break;
    case SOURCE_FILE:
        to->name = program_path(l->program, l->arena, &a->value[1]);
        to->resolver = TABLE_NO_RESOLVER;
        to->refresh_ns = to->refresh_ns ? to->refresh_ns : NS_PER_S;
        return;
    }
    to->name = lower_string(l, name);
}

static uint32_t count(const struct program *p)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < p->n_clusters; i++)
        for (uint32_t k = 0; k < p->cluster[i].settings.n; k++)
            n += p->cluster[i].settings.at[k].id == SETTING_CLUSTER_SERVERS;
    return n;
}

void lower_sources(struct lowering *l, struct table_cluster *cluster)
{
    const struct program *p = l->program;
    const uint32_t n = count(p);
    struct table_source *source = ARENA_ARRAY(l->arena, struct table_source, n);
    if (n > 0)
        lower_resolvers(l);
    uint32_t at = 0;
    for (uint32_t i = 0; i < p->n_clusters; i++) {
        const struct program_settings *s = &p->cluster[i].settings;
        cluster[i].first_source = at;
        for (uint32_t k = 0; k < s->n; k++) {
            if (s->at[k].id != SETTING_CLUSTER_SERVERS)
                continue;
            lower_source(l, &s->at[k], i, p->cluster[i].max_connections, &source[at]);
            cluster[i].limited |= source[at++].max_connections > 0;
        }
        cluster[i].n_sources = at - cluster[i].first_source;
    }
    l->table->source = source;
    l->table->n_sources = n;
}

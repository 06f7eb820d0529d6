/* What operators ask for: numbers, states, and changes of states. */
#include <unistd.h>

#include "runtime/base/clock.h"
#include "runtime/control/control_priv.h"
#include "runtime/log/log.h"

void control_post(struct control *c, struct message *m)
{
    mailbox_post(&c->box, m);
}

void control_info(const struct control *c, struct control_info *out)
{
    const struct table *t = c->newest->table;
    *out = (struct control_info){.version = c->config.version,
                                 .file = c->config.file,
                                 .pid = getpid(),
                                 .generation = c->newest->id,
                                 .uptime_ns = clock_now_ns() - c->begun_ns,
                                 .workers = c->n_workers,
                                 .listeners = t->n_listeners,
                                 .clusters = t->n_clusters,
                                 .servers = c->newest->n_servers,
                                 .reloads = c->reloads,
                                 .reloads_refused = c->reloads_refused,
                                 .reload_refused = c->reload_refused,
                                 .reload_wall_ns = c->reload_wall_ns,
                                 .serving = c->serving,
                                 .draining = c->draining,
                                 .metrics = c->metrics,
                                 .n_metrics = c->n_metrics};
    if (c->draining)
        out->left = control_what_is_left(c);
    out->successor = c->upgrade.successor;
    if (c->takeover.channel != -1 && c->takeover.told) {
        out->before = c->takeover.pid;
        out->before_left = c->takeover.left;
    }
    for (uint32_t i = 0; i < c->n_workers; i++) {
        const int64_t ns = atomic_load_explicit(&c->worker[i]->taking_ns, memory_order_relaxed);
        out->swap_longest_ns = ns > out->swap_longest_ns ? ns : out->swap_longest_ns;
    }
    if (trial_is_on(c)) {
        const int64_t left_ns = c->trial.until_ns - clock_now_ns();
        out->trial_left_ns = left_ns > 0 ? left_ns : 1;
    }
    out->canary_part = c->canary.serves ? c->canary.share.part : 0;
    out->shadow = c->shadow != NULL;
    const struct probes_count probes = probes_count(c->probes);
    out->probes = probes.begun;
    out->probes_late = probes.late;
    const struct tls_loaded *tls = c->newest->tls;
    const int64_t soonest_s = tls_loaded_soonest(tls);
    out->certificates = tls->n_certificates;
    out->certificate_expiry_s = soonest_s == INT64_MAX ? 0 : soonest_s;
    for (uint32_t i = 0; i < c->newest->n_servers; i++)
        out->servers_usable += server_in_use(c->newest->server[i]);
}

static void add_answers(const struct server *s, struct control_server *to)
{
    for (uint32_t i = 0; i < s->n_workers; i++) {
        to->answers += atomic_load_explicit(&s->worker[i]->answers, memory_order_relaxed);
        to->retries += atomic_load_explicit(&s->worker[i]->retries, memory_order_relaxed);
        to->answers_ns += atomic_load_explicit(&s->worker[i]->answers_ns, memory_order_relaxed);
        to->received_bytes +=
            atomic_load_explicit(&s->worker[i]->received_bytes, memory_order_relaxed);
        to->sent_bytes += atomic_load_explicit(&s->worker[i]->sent_bytes, memory_order_relaxed);
        statuses_read(&s->worker[i]->statuses, &to->statuses);
    }
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
    const struct table_server *spec = &g->spec[i];
    const struct server *s = g->server[i];
    const uint32_t set_weight = READ(s->weight);
    *out = (struct control_server){.cluster = g->table->cluster[spec->cluster].name,
                                   .name = spec->name,
                                   .health = (enum health_state)READ(s->health),
                                   .checked = READ(s->checked),
                                   .admin = (enum server_admin)READ(s->admin),
                                   .weight = set_weight > 0 ? set_weight : spec->weight,
                                   .file_weight = spec->weight,
                                   .priority = spec->priority,
                                   .backup = spec->backup,
                                   .in_flight = READ(s->in_flight),
                                   .max_connections = READ(s->max_connections),
                                   .idle = idle_links(s),
                                   .requests = READ(s->requests),
                                   .connect_errors = READ(s->connect_errors),
                                   .last_check = s->last_check,
                                   .connect_reason = READ(s->connect_reason),
                                   .response_errors = READ(s->response_errors),
                                   .ejections = s->outlier.ejections,
                                   .since_wall_ns = s->since_wall_ns};
    add_answers(s, out);
    if (s->outlier.ejected) {
        const int64_t left_ns = s->outlier.until_ns - clock_now_ns();
        out->ejected_for_ns = left_ns > 0 ? left_ns : 1;
        out->ejected_times = s->outlier.times;
        out->ejected_why = s->outlier.why;
    }
    endpoint_format(&spec->endpoint, out->endpoint);
}

_Static_assert(CONTROL_WEIGHT_MAX == TABLE_WEIGHT_MAX, "the file's weights are no others");

static uint32_t group_in_use(const struct generation *g, uint32_t cluster)
{
    const uint32_t first = g->part[cluster].first;
    bool even_ejected;
    return cluster_group_in_use(&g->spec[first], &g->server[first], g->part[cluster].n,
                                &even_ejected);
}

void control_servers(const struct control *c,
                     void (*each)(void *to, const struct control_server *s), void *to)
{
    const struct generation *g = c->newest;
    uint32_t cluster = UINT32_MAX, in_use = UINT32_MAX;
    for (uint32_t i = 0; i < g->n_servers; i++) {
        struct control_server s;
        if (g->spec[i].cluster != cluster)
            in_use = group_in_use(g, cluster = g->spec[i].cluster);
        describe(g, i, &s);
        s.standby = table_server_group(&g->spec[i]) > in_use;
        each(to, &s);
    }
}

static void add_gate(const struct gate *gate, struct control_listener *to)
{
    for (uint32_t w = 0; w < gate->n_workers; w++) {
        const struct gate_worker *seen = &gate->worker[w];
        to->accepted += READ(seen->accepted);
        to->received_bytes += READ(seen->received_bytes);
        to->sent_bytes += READ(seen->sent_bytes);
        statuses_read(&seen->statuses, &to->statuses);
    }
}

static bool changes(const struct table *t, uint32_t clause)
{
    const struct table_node *node = &t->node[t->clause[clause].then];
    return node->clause == clause && node->kind == NODE_EFFECT;
}

void control_clauses(const struct control *c,
                     void (*each)(void *to, const struct control_clause *s), void *to)
{
    const struct generation *g = c->newest;
    for (uint32_t i = 0; i < g->table->n_clauses; i++) {
        const struct table_clause *spec = &g->table->clause[i];
        const struct table_route *route = &g->table->route[spec->route];
        const struct control_clause s = {.route = route->name,
                                         .file = spec->place.file,
                                         .number = spec->number,
                                         .line = spec->place.line,
                                         .text = spec->text,
                                         .decides = table_clause_decides(g->table, i),
                                         .changes = changes(g->table, i),
                                         .continued = tally_continued(g->tally[i]),
                                         .sent_bytes = tally_sent_bytes(g->tally[i]),
                                         .statuses = tally_sum(g->tally[i])};
        each(to, &s);
    }
}

static uint32_t usable_in(const void *of, struct slice cluster)
{
    const struct generation *g = of;
    const uint32_t at = table_find_cluster(g->table, cluster);
    uint32_t n = 0;
    for (uint32_t i = 0; at != UINT32_MAX && i < g->part[at].n; i++)
        n += server_usable(g->server[g->part[at].first + i]);
    return n;
}

bool control_explain(const struct control *c, struct slice request, bool json, struct text *out,
                     struct text *why)
{
    const struct control_question q = {c->newest->table, request, json, usable_in, c->newest};
    if (c->config.explain)
        return c->config.explain(&q, out, why);
    text_adds(why, "nobody explains here");
    return false;
}

void control_listeners(const struct control *c,
                       void (*each)(void *to, const struct control_listener *l), void *to)
{
    const struct generation *g = c->newest;
    for (uint32_t i = 0; i < g->table->n_listeners; i++) {
        const struct table_listener *spec = &g->table->listener[i];
        struct endpoint *bind = MUST_ARRAY(struct endpoint, spec->n_binds);
        bool *tls = MUST_ARRAY(bool, spec->n_binds);
        for (uint32_t b = 0; b < spec->n_binds; b++) {
            bind[b] = spec->bind[b].endpoint;
            tls[b] = spec->bind[b].tls != TABLE_NO_TLS;
        }
        struct control_listener l = {.name = spec->name,
                                     .route = g->table->route[spec->route].name,
                                     .tcp = spec->tcp,
                                     .bind = bind,
                                     .tls = tls,
                                     .n_binds = spec->n_binds,
                                     .connections = READ(g->gate[i]->open),
                                     .max_connections = spec->max_connections};
        add_gate(g->gate[i], &l);
        each(to, &l);
        free(bind);
        free(tls);
    }
}

static void describe_sticky(const struct generation *g, uint32_t cluster,
                            struct control_sticky *out)
{
    static const char *const BY[] = {[STICKY_SRC] = "src",
                                     [STICKY_HEADER] = "header",
                                     [STICKY_COOKIE] = "cookie",
                                     [STICKY_LEARN] = "learn"};
    const struct table_sticky *spec = &g->table->cluster[cluster].sticky;
    const struct cluster_sticky_counts *n = &g->cluster[cluster]->sticky;
    *out = (struct control_sticky){.by = BY[spec->kind],
                                   .kept = READ(n->hits),
                                   .fresh = READ(n->misses),
                                   .moved = READ(n->moved),
                                   .evicted = READ(n->evictions),
                                   .learned = READ(n->learned),
                                   .forged = READ(n->forged),
                                   .expired = READ(n->expired),
                                   .heard = READ(n->heard),
                                   .entries = spec->entries};
    if (table_sticky_is_shared(spec))
        out->shared = g->table->shared[spec->shared].name;
}

static void describe_cluster(const struct generation *g, uint32_t i, struct control_cluster *out)
{
    const struct table_cluster *spec = &g->table->cluster[i];
    const struct cluster *live = g->cluster[i];
    const uint32_t in_use = group_in_use(g, i);
    *out = (struct control_cluster){
        .name = spec->name,
        .balance = table_balance_name(spec->balance),
        .servers = g->part[i].n,
        .waiting = {READ(live->queue.n), spec->limited ? spec->queue_max : 0},
        .connections = {READ(live->connections), spec->breaker.connections},
        .pending = {READ(live->pending), spec->breaker.pending},
        .retrying = {READ(live->retrying), spec->breaker.retries}};
    describe_sticky(g, i, &out->sticky);
    for (uint32_t w = 0; w < live->n_workers; w++) {
        statuses_read(&live->worker[w].statuses, &out->statuses);
        out->retries += READ(live->worker[w].retries);
        out->queued += READ(live->worker[w].queued);
        histogram_read(&live->worker[w].connect, &out->connect);
        histogram_read(&live->worker[w].first_byte, &out->first_byte);
        histogram_read(&live->worker[w].total, &out->total);
    }
    for (uint32_t k = g->part[i].first; k < g->part[i].first + g->part[i].n; k++) {
        const bool usable = server_usable(g->server[k]);
        out->usable += usable;
        out->in_flight += READ(g->server[k]->in_flight);
        if (!usable || table_server_group(&g->spec[k]) != in_use)
            continue;
        out->in_use++;
        out->priority = g->spec[k].priority;
        out->backup = g->spec[k].backup;
    }
}

#undef READ

void control_clusters(const struct control *c,
                      void (*each)(void *to, const struct control_cluster *s), void *to)
{
    for (uint32_t i = 0; i < c->newest->table->n_clusters; i++) {
        struct control_cluster s;
        describe_cluster(c->newest, i, &s);
        each(to, &s);
    }
}

void control_stickies(const struct control *c,
                      void (*each)(void *to, const struct control_cluster *s), void *to)
{
    const struct generation *g = c->newest;
    for (uint32_t i = 0; i < g->table->n_clusters; i++) {
        struct control_cluster s;
        describe_cluster(g, i, &s);
        if (g->sticky[i])
            s.sticky.clients =
                sticky_clients(g->sticky[i], g->table->cluster[i].sticky.ttl_ns, clock_now_ns());
        each(to, &s);
    }
}

/* Whom to tell about sources. */
struct source_listener {
    const struct control *control;
    void (*each)(void *to, const struct control_source *s);
    void *to;
};

static void describe_source(void *to, const struct source_view *v)
{
    static const char *const KIND[] = {"dns", "srv", "file"};
    const struct source_listener *l = to;
    const int64_t now_ns = clock_now_ns();
    const struct control_source s = {
        .cluster = l->control->newest->table->cluster[v->source->cluster].name,
        .name = v->source->name,
        .kind = KIND[v->source->kind],
        .servers = v->servers,
        .missing = v->missing,
        .answers = v->answers,
        .failures = v->failures,
        .left_out = v->left_out,
        .answered_ago_ns = v->answered_ns ? now_ns - v->answered_ns : -1,
        .next_in_ns = v->next_ns > now_ns ? v->next_ns - now_ns : 0,
        .reason = v->reason};
    l->each(l->to, &s);
}

void control_sources(const struct control *c,
                     void (*each)(void *to, const struct control_source *s), void *to)
{
    struct source_listener l = {c, each, to};
    discoveries_each(c->sources, describe_source, &l);
}

static void describe_limit(const struct generation *g, uint32_t limit, struct control_limit *out)
{
    const struct table_limit *spec = &g->table->limit[limit];
    const struct limiter *l = g->limiter[limit];
    *out = (struct control_limit){.name = spec->name,
                                  .observe = spec->observe,
                                  .entries = spec->entries,
                                  .concurrent = spec->concurrent,
                                  .bytes = spec->bytes,
                                  .in_flight = spec->concurrent > 0 ? keys_holds(l->keys) : 0,
                                  .keys = limiter_count(l, clock_now_ns())};
    for (uint32_t i = 0; i < l->n_workers; i++) {
        const struct limiter_counts *c = &l->counts[i];
        out->admitted += atomic_load_explicit(&c->admitted, memory_order_relaxed);
        out->refused += atomic_load_explicit(&c->refused, memory_order_relaxed);
        out->observed += atomic_load_explicit(&c->observed, memory_order_relaxed);
        out->evicted += atomic_load_explicit(&c->evicted, memory_order_relaxed);
        out->delayed += atomic_load_explicit(&c->delayed, memory_order_relaxed);
        out->moved_bytes += atomic_load_explicit(&c->moved_bytes, memory_order_relaxed);
        out->delayed_bytes += atomic_load_explicit(&c->delayed_bytes, memory_order_relaxed);
        out->delayed_ns += atomic_load_explicit(&c->delayed_ns, memory_order_relaxed);
    }
}

void control_limits(const struct control *c, void (*each)(void *to, const struct control_limit *l),
                    void *to)
{
    for (uint32_t i = 0; i < c->newest->table->n_limits; i++) {
        struct control_limit l;
        describe_limit(c->newest, i, &l);
        each(to, &l);
    }
}

void control_certificates(const struct control *c,
                          void (*each)(void *to, const struct control_certificate *s), void *to)
{
    const struct tls_loaded *tls = c->newest->tls;
    for (uint32_t i = 0; i < tls->n_certificates; i++) {
        const struct certificate *from = tls->certificate[i];
        const struct control_certificate s = {.name = from->n_names > 0 ? from->name[0] : SLICE(""),
                                              .n_names = from->n_names,
                                              .not_after_s = from->not_after_s,
                                              .file = from->chain_path};
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
                                                .bytes = g->table->arena.used_bytes,
                                                .canary = g == c->canary.generation};
        each(to, &view);
    }
}

static bool refuse_name(struct text *why, const char *says, struct slice name)
{
    if (why)
        text_addf(why, "%s \"" SLICE_FMT "\"", says, SLICE_ARG(name));
    return false;
}

bool control_find_server(const struct generation *g, struct slice name, uint32_t *at,
                         struct text *why)
{
    struct slice server = name, cluster;
    if (!slice_split(&server, '/', &cluster) || cluster.len == name.len)
        return refuse_name(why, "a server is named CLUSTER/SERVER, not", name);
    const uint32_t i = table_find_cluster(g->table, cluster);
    if (i == UINT32_MAX)
        return refuse_name(why, "there is no cluster", cluster);
    *at = generation_find_server(g, i, server);
    if (*at == UINT32_MAX && why)
        text_addf(why, "cluster \"" SLICE_FMT "\" has no server \"" SLICE_FMT "\"",
                  SLICE_ARG(cluster), SLICE_ARG(server));
    return *at != UINT32_MAX;
}

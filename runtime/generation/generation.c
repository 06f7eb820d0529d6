#include "runtime/generation/generation.h"

#include "runtime/base/clock.h"
#include "runtime/generation/carry.h"

static uint32_t count_binds(const struct table *t)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < t->n_listeners; i++)
        n += t->listener[i].n_binds;
    return n;
}

static struct generation_worker *worker_side_new(const struct table *t)
{
    struct generation_worker *w = aligned_alloc(64, (sizeof(*w) + 63) & ~(size_t)63);
    if (!w)
        die_out_of_memory(1, sizeof(*w));
    *w = (struct generation_worker){.view = MUST_ARRAY(struct cluster_view, t->n_clusters)};
    atomic_init(&w->pins, 1); /* until the worker has moved on to the next */
    return w;
}

/* What the cookies of clusters are signed by, where they say no secret by our own one. */
static struct mac_key *make_cookie_keys(const struct table *t, const struct secrets *secrets)
{
    struct mac_key *key = NULL;
    for (uint32_t i = 0; i < t->n_clusters; i++) {
        const struct table_sticky *rule = &t->cluster[i].sticky;
        if (rule->kind != STICKY_COOKIE)
            continue;
        ASSERT(secrets);
        key = key ? key : MUST_ARRAY(struct mac_key, t->n_clusters);
        sticky_cookie_key(&key[i], rule->key == TABLE_NO_SECRET ? secret_own(secrets)
                                                                : secret_value(secrets, rule->key));
    }
    return key;
}

static struct configuration *configuration_new(struct table *t, struct generation_needs needs)
{
    struct configuration *c = MUST_NEW(struct configuration);
    *c = (struct configuration){.pins = 1, .table = t, .needs = needs, .n_clusters = t->n_clusters};
    if (needs.tls)
        tls_loaded_pin(needs.tls);
    if (needs.secrets)
        secrets_pin(needs.secrets);
    if (needs.realms)
        realms_pin(needs.realms);
    c->cookie_key = make_cookie_keys(t, needs.secrets);
    return c;
}

struct configuration *configuration_pin(struct configuration *c)
{
    c->pins++;
    return c;
}

void configuration_unpin(struct configuration *c)
{
    if (--c->pins > 0)
        return;
    for (uint32_t i = 0; c->cookie_key && i < c->n_clusters; i++)
        mac_key_done(&c->cookie_key[i]);
    free(c->cookie_key);
    tls_loaded_unpin(c->needs.tls);
    secrets_unpin(c->needs.secrets);
    realms_unpin(c->needs.realms);
    table_free(c->table);
    free(c);
}

/* Cluster by cluster: what the table says, and behind it what was found. */
static void gather_servers(struct generation *g, const struct found_servers *found)
{
    const struct table *t = g->table;
    g->spec = MUST_ARRAY(struct table_server, t->n_servers + found->n);
    g->part = MUST_ARRAY(struct generation_part, t->n_clusters);
    uint32_t n = 0, next = 0;
    for (uint32_t c = 0; c < t->n_clusters; c++) {
        g->part[c].first = n;
        for (uint32_t i = 0; i < t->cluster[c].n_servers; i++)
            g->spec[n++] = t->server[t->cluster[c].first_server + i];
        while (next < found->n && found->server[next].cluster == c)
            g->spec[n++] = found->server[next++];
        g->part[c].n = n - g->part[c].first;
    }
    ASSERT(next == found->n);
    g->n_servers = n;
    g->server = MUST_ARRAY(struct server *, n);
}

static struct generation *generation_alloc(struct configuration *c,
                                           const struct found_servers *found,
                                           struct generation_home *home)
{
    struct generation *g = MUST_NEW(struct generation);
    const struct table *t = c->table;
    const uint32_t n_workers = home->n_workers;
    g->home = home;
    g->id = ++home->last_id;
    g->owner = home->mailbox;
    g->retired.run = home->retired;
    g->magic = GENERATION_MAGIC;
    g->configuration = c;
    g->table = c->table;
    g->tls = c->needs.tls;
    g->realms = c->needs.realms;
    g->cookie_key = c->cookie_key;
    g->made_ns = clock_now_ns();
    g->n_sockets = count_binds(t);
    g->n_workers = n_workers;
    gather_servers(g, found);
    g->cluster = MUST_ARRAY(struct cluster *, t->n_clusters);
    g->sticky = MUST_ARRAY(struct sticky *, t->n_clusters);
    g->gate = MUST_ARRAY(struct gate *, t->n_listeners);
    g->tally = MUST_ARRAY(struct tally *, t->n_clauses);
    g->socket = MUST_ARRAY(struct listener *, g->n_sockets);
    g->limiter = MUST_ARRAY(struct limiter *, t->n_limits);
    g->first_socket = MUST_ARRAY(uint32_t, t->n_listeners);
    g->worker = MUST_ARRAY(struct generation_worker *, n_workers);
    for (uint32_t i = 0; i < n_workers; i++)
        g->worker[i] = worker_side_new(t);
    atomic_init(&g->workers_left, n_workers);
    return g;
}

static struct generation *make(struct table *table, struct generation_needs needs,
                               const struct found_servers *found, const struct generation *before,
                               struct generation_home *home, bool apart, struct text *why)
{
    struct generation *g = generation_alloc(configuration_new(table, needs), found, home);
    g->apart = apart;
    /* What can fail goes first. */
    if (carry_memory(g, before, why) && carry_sockets(g, before, why)) {
        carry_state(g, before, apart ? NULL : before);
        return g;
    }
    g->configuration->table = NULL; /* stays the caller's */
    generation_free(g);
    home->last_id--; /* nobody has seen it */
    return NULL;
}

struct generation *generation_new(struct table *table, struct generation_needs needs,
                                  const struct found_servers *found,
                                  const struct generation *before, struct generation_home *home,
                                  struct text *why)
{
    return make(table, needs, found, before, home, false, why);
}

struct generation *generation_new_apart(struct table *table, struct generation_needs needs,
                                        const struct found_servers *found,
                                        const struct generation *before,
                                        struct generation_home *home, struct text *why)
{
    return make(table, needs, found, before, home, true, why);
}

static struct generation *again(const struct generation *before, const struct generation *said,
                                bool apart, const struct found_servers *found)
{
    struct generation *g =
        generation_alloc(configuration_pin(before->configuration), found, before->home);
    struct text why = {0};
    g->apart = apart;
    /* All of it is there already. */
    ASSERT(carry_memory(g, before, &why) && carry_sockets(g, before, &why));
    carry_state(g, before, said);
    return g;
}

struct generation *generation_again(const struct generation *before,
                                    const struct found_servers *found)
{
    return again(before, before->apart ? NULL : before, before->apart, found);
}

struct generation *generation_promote(const struct generation *apart,
                                      const struct generation *stable,
                                      const struct found_servers *found)
{
    return again(apart, stable, false, found);
}

void generation_stays(const struct generation *g)
{
    for (uint32_t i = 0; i < g->n_servers; i++)
        atomic_store_explicit(&g->server[i]->generation, g->home->last_id, memory_order_relaxed);
}

uint32_t generation_find_server(const struct generation *g, uint32_t cluster, struct slice name)
{
    const struct generation_part part = g->part[cluster];
    for (uint32_t i = part.first; i < part.first + part.n; i++)
        if (slice_eq(slice_of(g->server[i]->name), name))
            return i;
    return UINT32_MAX;
}

/* The arrays may be half filled: generation_new() comes here with only some sockets open. */
static void let_go(struct generation *g)
{
    for (uint32_t i = 0; i < g->n_sockets; i++)
        listener_unpin(g->socket[i]);
    for (uint32_t i = 0; i < g->n_servers; i++)
        server_unpin(g->server[i]);
    for (uint32_t i = 0; i < g->table->n_clusters; i++)
        cluster_unpin(g->cluster[i]);
    for (uint32_t i = 0; i < g->table->n_clusters; i++)
        sticky_unpin(g->sticky[i]);
    for (uint32_t i = 0; i < g->table->n_listeners; i++)
        gate_unpin(g->gate[i]);
    for (uint32_t i = 0; i < g->table->n_clauses; i++)
        tally_unpin(g->tally[i]);
    for (uint32_t i = 0; i < g->table->n_limits; i++)
        limiter_unpin(g->limiter[i]);
}

void generation_free(struct generation *g)
{
    if (!g)
        return;
    CHECK_OBJ(g, GENERATION_MAGIC);
    let_go(g);
    for (uint32_t i = 0; i < g->n_workers; i++) {
        for (uint32_t c = 0; c < g->table->n_clusters; c++)
            cluster_view_done(&g->worker[i]->view[c]);
        free(g->worker[i]->view);
        free(g->worker[i]);
    }
    free(g->worker);
    free(g->first_socket);
    free(g->socket);
    free(g->gate);
    free(g->tally);
    free(g->limiter);
    free(g->cluster);
    free(g->sticky);
    free(g->server);
    free(g->part);
    free(g->spec);
    configuration_unpin(g->configuration);
    g->magic = 0;
    free(g);
}

uint64_t generation_pins(const struct generation *g)
{
    uint64_t n = 0;
    for (uint32_t i = 0; i < g->n_workers; i++)
        n += atomic_load_explicit(&g->worker[i]->pins, memory_order_relaxed);
    return n;
}

void generation_pin(struct generation *g, uint32_t worker)
{
    _Atomic uint64_t *pins = &g->worker[worker]->pins;
    const uint64_t n = atomic_load_explicit(pins, memory_order_relaxed);
    ASSERT(n > 0); /* only what a worker still has can be pinned once more */
    atomic_store_explicit(pins, n + 1, memory_order_relaxed);
}

void generation_unpin(struct generation *g, uint32_t worker)
{
    CHECK_OBJ(g, GENERATION_MAGIC);
    _Atomic uint64_t *pins = &g->worker[worker]->pins;
    const uint64_t n = atomic_load_explicit(pins, memory_order_relaxed);
    ASSERT(n > 0);
    atomic_store_explicit(pins, n - 1, memory_order_relaxed);
    if (n > 1)
        return;
    /* This worker is through with it; the last worker's release is everybody's. */
    if (atomic_fetch_sub_explicit(&g->workers_left, 1, memory_order_acq_rel) == 1)
        mailbox_post(g->owner, &g->retired);
}

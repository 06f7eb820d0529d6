#include "runtime/generation/carry.h"

#include <sys/random.h>

#include "runtime/base/clock.h"
#include "runtime/base/hash.h"

/* Names to indices, so that carrying ten thousand servers over is not a quadratic search. */
struct index {
    uint32_t *slot; /* 1 + index, 0 where free */
    uint32_t mask;
};

static struct index index_new(uint32_t n)
{
    uint32_t slots = 8;
    while (slots < 2 * n)
        slots *= 2;
    return (struct index){.slot = MUST_ARRAY(uint32_t, slots), .mask = slots - 1};
}

static uint64_t server_hash(struct slice cluster, struct slice name)
{
    return hash_slice(name, hash_slice(cluster, 0));
}

static void index_servers(struct index *x, const struct generation *g)
{
    for (uint32_t i = 0; i < g->n_servers; i++) {
        const struct server *s = g->server[i];
        uint64_t at = server_hash(slice_of(s->cluster_name), slice_of(s->name));
        while (x->slot[at & x->mask])
            at++;
        x->slot[at & x->mask] = i + 1;
    }
}

/* Its index before, or UINT32_MAX. */
static uint32_t find_server(const struct index *x, const struct generation *before,
                            struct slice cluster, struct slice name,
                            const struct table_server *spec)
{
    for (uint64_t at = server_hash(cluster, name); x->slot[at & x->mask]; at++) {
        const uint32_t i = x->slot[at & x->mask] - 1;
        const struct server *s = before->server[i];
        if (slice_eq(slice_of(s->name), name) && slice_eq(slice_of(s->cluster_name), cluster) &&
            endpoint_eq(&s->endpoint, &spec->endpoint))
            return i;
    }
    return UINT32_MAX;
}

/* A server that was in use without checks stays in use until a check says otherwise; so does a new
 * one that is assumed to be up. */
static void check(struct server *s, const struct table_health *h, bool carried)
{
    const bool checked = h->kind != HEALTH_NONE;
    const bool before = atomic_load_explicit(&s->checked, memory_order_relaxed);
    if (checked && !before && (carried || h->assume_up))
        atomic_store_explicit(&s->health, HEALTH_UP, memory_order_release);
    atomic_store_explicit(&s->checked, checked, memory_order_release);
}

/* One that comes beside others grows slowly once it is up, if it is to. */
static struct server *begin_server(const struct generation *g, const struct table_server *spec,
                                   struct slice name, bool beside_others)
{
    const struct table_cluster *cluster = &g->table->cluster[spec->cluster];
    struct server *s = server_new(cluster->name, name, &spec->endpoint, g->n_workers);
    s->cluster = cluster_pin(g->cluster[spec->cluster]);
    atomic_init(&s->admin, (int)spec->state);
    s->admin_told = (enum server_admin)spec->state;
    if (beside_others)
        server_rises(s, cluster->health.kind == HEALTH_NONE ? clock_now_ns() : SERVER_TO_RISE);
    return s;
}

/* What an operator has set stays, until the file says something else than it did. */
static void change_server(struct server *s, const struct table_server *was,
                          const struct table_server *is)
{
    if (was->state != is->state)
        atomic_store_explicit(&s->admin, (int)is->state, memory_order_relaxed);
    if (was->weight != is->weight)
        atomic_store_explicit(&s->weight, 0, memory_order_relaxed);
}

static struct index index_of(const struct generation *g)
{
    struct index x = index_new(g ? g->n_servers : 0);
    if (g)
        index_servers(&x, g);
    return x;
}

/* What the file says of a server that is there, for those who have it now. */
static void settle_server(struct server *s, const struct table_server *was,
                          const struct table_server *is, const struct table_health *health,
                          bool carried)
{
    if (was)
        change_server(s, was, is);
    atomic_store_explicit(&s->max_connections, is->max_connections, memory_order_relaxed);
    check(s, health, carried);
}

static void carry_servers(struct generation *g, const struct generation *before,
                          const struct generation *said)
{
    struct index x = index_of(before), y = index_of(said);

    for (uint32_t i = 0; i < g->n_servers; i++) {
        struct table_server *spec = &g->spec[i];
        const struct table_cluster *cluster = &g->table->cluster[spec->cluster];
        char endpoint[ENDPOINT_TEXT_MAX];
        /* Who was found is called as it is reached. */
        const struct slice name =
            spec->name.len > 0
                ? spec->name
                : (struct slice){endpoint, endpoint_format(&spec->endpoint, endpoint)};
        const uint32_t old =
            before ? find_server(&x, before, cluster->name, name, spec) : UINT32_MAX;
        const uint32_t was = said ? find_server(&y, said, cluster->name, name, spec) : UINT32_MAX;
        g->server[i] = old != UINT32_MAX ? server_pin(before->server[old])
                                         : begin_server(g, spec, name, before != NULL);
        spec->name = slice_of(g->server[i]->name);
        if (old == UINT32_MAX || said)
            settle_server(g->server[i], was == UINT32_MAX ? NULL : &said->spec[was], spec,
                          &cluster->health, old != UINT32_MAX);
        atomic_store_explicit(&g->server[i]->generation, g->id, memory_order_relaxed);
    }
    free(x.slot);
    free(y.slot);
}

static void carry_clusters(struct generation *g, const struct generation *before)
{
    for (uint32_t i = 0; i < g->table->n_clusters; i++) {
        const struct slice name = g->table->cluster[i].name;
        const uint32_t old = before ? table_find_cluster(before->table, name) : UINT32_MAX;
        g->cluster[i] =
            old != UINT32_MAX ? cluster_pin(before->cluster[old]) : cluster_new(name, g->n_workers);
    }
}

static bool no_memory(struct text *why, const char *what, struct slice name, uint32_t entries)
{
    text_addf(why, "%s " SLICE_FMT ": there is no memory for %u entries", what, SLICE_ARG(name),
              entries);
    return false;
}

static struct slice password_of(const struct generation *g, uint32_t shared)
{
    const uint32_t password = g->table->shared[shared].password;
    return password == TABLE_NO_SECRET ? SLICE("")
                                       : secret_value(g->configuration->needs.secrets, password);
}

/* Of its hashes, where others have to come to the same. */
static uint64_t shared_sticky_seed(const struct generation *g, const struct table_cluster *c)
{
    return sticky_shared_seed(c->name, c->sticky.name, password_of(g, c->sticky.shared));
}

/* The same clients in the same words: how long and what then may be said anew. */
static bool remembers_alike(const struct table_sticky *a, const struct table_sticky *b)
{
    return a->kind == b->kind && a->entries == b->entries && slice_eq(a->name, b->name) &&
           table_sticky_is_shared(a) == table_sticky_is_shared(b);
}

/* That of before, NULL where it must begin anew. */
static struct sticky *find_sticky(const struct generation *g, const struct generation *before,
                                  const struct table_cluster *c)
{
    const uint32_t old = before ? table_find_cluster(before->table, c->name) : UINT32_MAX;
    if (old == UINT32_MAX || !remembers_alike(&before->table->cluster[old].sticky, &c->sticky) ||
        (table_sticky_is_shared(&c->sticky) &&
         sticky_seed(before->sticky[old]) != shared_sticky_seed(g, c)))
        return NULL;
    return before->sticky[old];
}

static struct sticky *begin_sticky(const struct generation *g, const struct table_cluster *c)
{
    const bool shared = table_sticky_is_shared(&c->sticky);
    uint64_t seed;
    if (shared)
        seed = shared_sticky_seed(g, c);
    else if (getrandom(&seed, sizeof(seed), 0) != sizeof(seed))
        seed = (uint64_t)clock_now_ns();
    return sticky_new(c->sticky.entries, seed, shared ? g->n_workers : 0);
}

static bool carry_sticky(struct generation *g, const struct generation *before, struct text *why)
{
    for (uint32_t i = 0; i < g->table->n_clusters; i++) {
        const struct table_cluster *c = &g->table->cluster[i];
        if (!table_sticky_remembers(&c->sticky))
            continue;
        struct sticky *old = find_sticky(g, before, c);
        g->sticky[i] = old ? sticky_pin(old) : begin_sticky(g, c);
        if (!g->sticky[i])
            return no_memory(why, "cluster", c->name, c->sticky.entries);
    }
    return true;
}

static struct gate *gate_new(struct slice name, uint32_t n_workers)
{
    const size_t bytes = sizeof(struct gate) + n_workers * sizeof(struct gate_worker);
    struct gate *gate = aligned_alloc(64, bytes);
    if (!gate)
        die_out_of_memory(1, bytes);
    memset(gate, 0, bytes);
    gate->name = must_calloc(name.len + 1, 1);
    gate->n_workers = n_workers;
    memcpy(gate->name, name.at, name.len);
    atomic_init(&gate->pins, 1);
    return gate;
}

static struct gate *find_gate(const struct generation *before, struct slice name)
{
    for (uint32_t i = 0; i < before->table->n_listeners; i++)
        if (slice_eq(before->table->listener[i].name, name))
            return before->gate[i];
    return NULL;
}

void gate_pin(struct gate *gate)
{
    atomic_fetch_add_explicit(&gate->pins, 1, memory_order_relaxed);
}

void gate_unpin(struct gate *gate)
{
    if (!gate || atomic_fetch_sub_explicit(&gate->pins, 1, memory_order_acq_rel) != 1)
        return;
    callers_free(atomic_load_explicit(&gate->callers, memory_order_relaxed));
    free(gate->name);
    free(gate);
}

/* Connections that are open already are not counted where this begins. */
static void know_callers(struct gate *gate, const struct table_listener *l)
{
    if (l->max_per_source == TABLE_NO_MAX)
        return;
    struct callers *was = atomic_load_explicit(&gate->callers, memory_order_relaxed);
    uint64_t seed;
    if (getrandom(&seed, sizeof(seed), 0) != sizeof(seed))
        seed = (uint64_t)clock_now_ns();
    struct callers *all =
        was ? callers_for(was, l->max_connections, seed) : callers_new(l->max_connections, seed);
    atomic_store_explicit(&gate->callers, all, memory_order_release);
}

static void carry_gates(struct generation *g, const struct generation *before)
{
    for (uint32_t i = 0; i < g->table->n_listeners; i++) {
        const struct slice name = g->table->listener[i].name;
        struct gate *gate = before ? find_gate(before, name) : NULL;
        if (gate)
            gate_pin(gate);
        g->gate[i] = gate ? gate : gate_new(name, g->n_workers);
        know_callers(g->gate[i], &g->table->listener[i]);
    }
}

static uint64_t shared_seed(const struct generation *g, const struct table_limit *spec)
{
    return limiter_shared_seed(spec, password_of(g, spec->shared));
}

static struct limiter *find_limiter(const struct generation *g, const struct generation *before,
                                    const struct table_limit *spec)
{
    for (uint32_t i = 0; i < before->table->n_limits; i++)
        if (slice_eq(before->table->limit[i].name, spec->name) &&
            limiter_fits(&before->table->limit[i], spec) &&
            (spec->shared == TABLE_NO_SHARED || before->limiter[i]->seed == shared_seed(g, spec)))
            return before->limiter[i];
    return NULL;
}

static struct limiter *begin_limiter(const struct generation *g, const struct table_limit *spec)
{
    uint64_t seed;
    if (spec->shared != TABLE_NO_SHARED)
        seed = shared_seed(g, spec);
    else if (getrandom(&seed, sizeof(seed), 0) != sizeof(seed))
        seed = (uint64_t)clock_wall_ns() * UINT64_C(0x9e3779b97f4a7c15);
    return limiter_new(spec, g->n_workers, seed, clock_wall_ns() - clock_now_ns());
}

static bool carry_limiters(struct generation *g, const struct generation *before, struct text *why)
{
    for (uint32_t i = 0; i < g->table->n_limits; i++) {
        const struct table_limit *spec = &g->table->limit[i];
        struct limiter *old = before ? find_limiter(g, before, spec) : NULL;
        g->limiter[i] = old ? limiter_pin(old) : begin_limiter(g, spec);
        if (!g->limiter[i])
            return no_memory(why, "limit", spec->name, spec->entries);
    }
    return true;
}

bool carry_memory(struct generation *g, const struct generation *before, struct text *why)
{
    return carry_sticky(g, before, why) && carry_limiters(g, before, why);
}

void carry_state(struct generation *g, const struct generation *before,
                 const struct generation *said)
{
    carry_clusters(g, before);
    carry_servers(g, before, said);
    carry_gates(g, before);
    carry_tallies(g, before);
}

static struct listener *find_socket(const struct generation *before, const struct endpoint *e)
{
    for (uint32_t i = 0; i < before->n_sockets; i++)
        if (endpoint_eq(&before->socket[i]->endpoint, e))
            return before->socket[i];
    return NULL;
}

static bool carry_socket(struct listener **out, const struct generation *g,
                         const struct generation *before, const struct table_bind *bind,
                         struct text *why)
{
    _Static_assert(TABLE_NO_MODE == LISTENER_NO_MODE, "the table's word for it is the listener's");
    const struct endpoint *e = &bind->endpoint;
    const struct listener_options options = {
        .backlog = bind->backlog, .deferred = bind->defer_accept, .mode = bind->mode};
    struct listener *old = before ? find_socket(before, e) : NULL;
    if (old) {
        *out = listener_pin(old);
        if (!g->apart)
            listener_adjust(old, &options);
        return true;
    }
    const int rc = listener_open(e, &options, g->n_workers, out);
    if (rc == 0)
        return true;
    char where[ENDPOINT_TEXT_MAX];
    endpoint_format(e, where);
    text_addf(why, "cannot listen on %s: %s", where, strerror(-rc));
    return false;
}

bool carry_sockets(struct generation *g, const struct generation *before, struct text *why)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < g->table->n_listeners; i++) {
        const struct table_listener *spec = &g->table->listener[i];
        g->first_socket[i] = n;
        for (uint32_t b = 0; b < spec->n_binds; b++, n++)
            if (!carry_socket(&g->socket[n], g, before, &spec->bind[b], why))
                return false;
    }
    return true;
}

#include "compiler/cli/stats.h"

#include "compiler/cli/cli.h"
#include "compiler/prove/prove.h"
#include "compiler/table/memory.h"
#include "compiler/table/stats.h"

typedef unsigned long long ull; /* what %llu wants */

static const char *s(uint32_t n)
{
    return n == 1 ? "" : "s";
}

/* --- for people ------------------------------------------------------------------------------ */

static void add_route(const struct table_route *route, const struct route_stats *r,
                      struct text *out)
{
    text_addf(out,
              "  route " SLICE_FMT ": %u clause%s, %u field%s; %u stage%s, %u branch%s with %llu "
              "edges, %u leaves; at most %u lookup%s\n",
              SLICE_ARG(route->name), route->n_clauses, s(route->n_clauses), r->fields,
              s(r->fields), r->stages, s(r->stages), r->branches, r->branches == 1 ? "" : "es",
              (ull)r->edges, r->leaves, r->lookups, s(r->lookups));
}

static void add_bytes(struct text *out, uint64_t bytes)
{
    char said[BYTES_TEXT_MAX];
    bytes_format(bytes, said);
    text_adds(out, said);
}

static void add_connection(const struct memory_costs *c, const struct memory_connection *m,
                           struct text *out)
{
    add_bytes(out, memory_bytes(c, m->idle));
    text_adds(out, " waiting, ");
    add_bytes(out, memory_bytes(c, m->most));
    text_adds(out, " at most");
}

static void add_listener(const struct table_listener *spec, const struct memory_costs *c,
                         const struct memory_listener *l, struct text *out)
{
    text_addf(out, "    listener " SLICE_FMT ": %llu connection%s, each ", SLICE_ARG(spec->name),
              (ull)l->connections, l->connections == 1 ? "" : "s");
    add_connection(c, &l->h1, out);
    if (l->streams > 0) {
        text_addf(out, "; with HTTP/2 and %llu stream%s ", (ull)l->streams,
                  l->streams == 1 ? "" : "s");
        add_connection(c, &l->h2, out);
    }
    text_addc(out, '\n');
}

/* Blocks that no worker could run out of are the connections'; others the workers bound. */
static uint64_t most_bytes(const struct memory_all *all, const struct memory_costs *c)
{
    const struct memory_cost most = all->connections.most;
    return most.buffers <= c->buffers_max ? memory_bytes(c, most) : most.bytes;
}

static uint64_t worker_bytes(const struct memory_all *all, const struct memory_costs *c)
{
    const bool bounds = all->connections.most.buffers > c->buffers_max;
    return all->worker_bytes + all->worker_servers_bytes + all->worker_compress_bytes +
           (bounds ? all->worker_buffers_bytes : 0);
}

static void add_memory(const struct table *t, const struct memory_costs *c, struct text *out)
{
    struct memory_all all;
    memory_of_all(t, c, &all);
    text_adds(out, "  memory of connections, without what the allocator and the kernel add:\n");
    for (uint32_t i = 0; i < t->n_listeners; i++) {
        struct memory_listener l;
        memory_of_listener(t, c, i, &l);
        add_listener(&t->listener[i], c, &l, out);
    }
    text_adds(out, "    each worker: ");
    add_bytes(out, all.worker_bytes);
    text_adds(out, " to begin with, ");
    add_bytes(out, all.worker_servers_bytes);
    text_adds(out, " of idle connections to servers, ");
    add_bytes(out, all.worker_buffers_bytes);
    text_adds(out, " of buffers");
    if (all.worker_compress_bytes > 0) {
        text_adds(out, ", ");
        add_bytes(out, all.worker_compress_bytes);
        text_adds(out, " to compress");
    }
    text_adds(out, "\n    in all: ");
    add_bytes(out, memory_bytes(c, all.connections.idle));
    text_adds(out, " waiting; ");
    add_bytes(out, most_bytes(&all, c));
    text_adds(out, " at most, ");
    if (all.limits_bytes > 0) {
        add_bytes(out, all.limits_bytes);
        text_adds(out, " of limits' keys, ");
    }
    if (all.sticky_bytes > 0) {
        add_bytes(out, all.sticky_bytes);
        text_adds(out, " of clients that are remembered, ");
    }
    text_adds(out, "and ");
    add_bytes(out, worker_bytes(&all, c));
    text_adds(out, " for each worker\n");
}

/* Unconfirmed are requests that the table decided otherwise than was expected, for a rewrite or a
 * template made something else of them: they prove nothing, and others were tried. */
static void add_proofs(const struct prove_count *c, struct text *out)
{
    text_addf(out,
              "  proofs: %u clause%s and ends: %u reached, %u never, %u unknown; %llu questions, "
              "%llu requests tried, %llu unconfirmed\n",
              c->clauses, s(c->clauses), c->reached, c->shadowed, c->unknown, (ull)c->questions,
              (ull)c->requests, (ull)c->unconfirmed);
}

void stats_as_text(const struct table *t, const struct prove_count *proven,
                   const struct memory_costs *costs, struct text *out)
{
    for (uint32_t i = 0; i < t->n_routes; i++) {
        struct route_stats r;
        table_route_stats(t, i, &r);
        add_route(&t->route[i], &r, out);
    }
    text_addf(out, "  table: %zu bytes\n", t->arena.used_bytes);
    add_proofs(proven, out);
    add_memory(t, costs, out);
}

/* --- for programs ---------------------------------------------------------------------------- */

static void routes_as_json(const struct table *t, struct text *out)
{
    for (uint32_t i = 0; i < t->n_routes; i++) {
        struct route_stats r;
        table_route_stats(t, i, &r);
        text_adds(out, i ? ",{\"name\":" : "{\"name\":");
        text_add_json(out, t->route[i].name);
        text_addf(out,
                  ",\"clauses\":%u,\"fields\":%u,\"stages\":%u,\"branches\":%u,\"edges\":%llu,"
                  "\"leaves\":%u,\"lookups\":%u}",
                  t->route[i].n_clauses, r.fields, r.stages, r.branches, (ull)r.edges, r.leaves,
                  r.lookups);
    }
}

static void connection_as_json(const char *name, const struct memory_costs *c,
                               const struct memory_connection *m, struct text *out)
{
    const ull buffers_bytes = m->most.buffers * c->buffer_bytes;
    text_addf(out, ",\"%s\":{\"idle_bytes\":%llu,\"most_bytes\":%llu,\"most_buffers_bytes\":%llu}",
              name, (ull)m->idle.bytes, (ull)m->most.bytes, buffers_bytes);
}

static void memory_as_json(const struct table *t, const struct memory_costs *c, struct text *out)
{
    struct memory_all all;
    memory_of_all(t, c, &all);
    text_adds(out, "\"listeners\":[");
    for (uint32_t i = 0; i < t->n_listeners; i++) {
        struct memory_listener l;
        memory_of_listener(t, c, i, &l);
        text_adds(out, i ? ",{\"name\":" : "{\"name\":");
        text_add_json(out, t->listener[i].name);
        text_addf(out, ",\"connections\":%llu,\"streams\":%llu", (ull)l.connections,
                  (ull)l.streams);
        connection_as_json("connection", c, &l.h1, out);
        if (l.streams > 0)
            connection_as_json("h2_connection", c, &l.h2, out);
        text_addc(out, '}');
    }
    text_addf(out,
              "],\"worker_bytes\":%llu,\"worker_servers_bytes\":%llu,"
              "\"worker_buffers_bytes\":%llu,\"worker_compress_bytes\":%llu,"
              "\"limits_bytes\":%llu,\"sticky_bytes\":%llu",
              (ull)all.worker_bytes, (ull)all.worker_servers_bytes, (ull)all.worker_buffers_bytes,
              (ull)all.worker_compress_bytes, (ull)all.limits_bytes, (ull)all.sticky_bytes);
    connection_as_json("connections", c, &all.connections, out);
}

void stats_as_json(const char *path, const struct table *t, const struct prove_count *proven,
                   const struct memory_costs *costs, struct text *out)
{
    text_adds(out, "{\"stats\":");
    text_add_json(out, slice_of(path));
    text_adds(out, ",\"routes\":[");
    routes_as_json(t, out);
    text_addf(out, "],\"table_bytes\":%zu,\"proofs\":{", t->arena.used_bytes);
    text_addf(out,
              "\"clauses\":%u,\"reached\":%u,\"never\":%u,\"unknown\":%u,\"questions\":%llu,"
              "\"requests\":%llu,\"unconfirmed\":%llu},\"memory\":{",
              proven->clauses, proven->reached, proven->shadowed, proven->unknown,
              (ull)proven->questions, (ull)proven->requests, (ull)proven->unconfirmed);
    memory_as_json(t, costs, out);
    text_adds(out, "}}\n");
}

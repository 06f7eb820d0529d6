#include "compiler/table/dump.h"

#include "runtime/base/clock.h"
#include "runtime/base/text.h"

static void dump_timeouts(const int64_t *timeout_ns, uint32_t first, uint32_t end, struct text *out)
{
    for (uint32_t i = first; i < end; i++)
        text_addf(out, "  timeout %s %.10gms\n", table_timeout_name((enum table_timeout)i),
                  (double)timeout_ns[i] / (double)NS_PER_MS);
}

static void dump_listener(const struct table *t, const struct table_listener *l, struct text *out)
{
    text_addf(out, "listener " SLICE_FMT "\n", SLICE_ARG(l->name));
    for (uint32_t i = 0; i < l->n_binds; i++) {
        char endpoint[ENDPOINT_TEXT_MAX];
        endpoint_format(&l->bind[i], endpoint);
        text_addf(out, "  bind %s\n", endpoint);
    }
    text_addf(out, "  route " SLICE_FMT "\n  max-connections %u\n",
              SLICE_ARG(t->route[l->route].name), l->max_connections);
    dump_timeouts(l->timeout_ns, 0, TIMEOUT_CLUSTER_CONNECT, out);
    text_addc(out, '\n');
}

static void dump_health(const struct table_health *h, struct text *out)
{
    switch (h->kind) {
    case HEALTH_NONE: return;
    case HEALTH_TCP: text_adds(out, "  health tcp"); break;
    case HEALTH_HTTP:
        text_addf(out, "  health http " SLICE_FMT " " SLICE_FMT " status %u..%u",
                  SLICE_ARG(h->method), SLICE_ARG(h->path), h->status_first, h->status_last);
        break;
    }
    text_addf(out, " every %.10gms timeout %.10gms rise %u fall %u\n",
              (double)h->every_ns / (double)NS_PER_MS, (double)h->timeout_ns / (double)NS_PER_MS,
              h->rise, h->fall);
}

static void dump_cluster(const struct table *t, const struct table_cluster *c, struct text *out)
{
    text_addf(out, "cluster " SLICE_FMT "\n  balance %s\n", SLICE_ARG(c->name),
              table_balance_name(c->balance));
    for (uint32_t i = c->first_server; i < c->first_server + c->n_servers; i++) {
        const struct table_server *s = &t->server[i];
        char endpoint[ENDPOINT_TEXT_MAX];
        endpoint_format(&s->endpoint, endpoint);
        text_addf(out, "  server " SLICE_FMT " %s weight %u%s\n", SLICE_ARG(s->name), endpoint,
                  s->weight, s->backup ? " backup" : "");
    }
    dump_health(&c->health, out);
    dump_timeouts(c->timeout_ns, TIMEOUT_CLUSTER_CONNECT, TIMEOUT_COUNT, out);
    text_addc(out, '\n');
}

static void dump_effect(const struct table_effect *e, struct text *out)
{
    text_addf(out, "%s ", table_effect_name(e->kind));
    text_add_json(out, e->name);
    if (e->kind != EFFECT_REMOVE_HEADER) {
        text_addc(out, ' ');
        table_template_write(&e->value, out);
    }
}

static void dump_end(const struct table *t, const struct table_end *e, struct text *out)
{
    text_addf(out, "%s ", table_end_name(e->kind));
    if (e->kind == END_FORWARD) {
        text_add(out, t->cluster[e->cluster].name);
        return;
    }
    text_addf(out, "%u", e->status);
    if (e->kind == END_RESPOND) {
        text_addc(out, ' ');
        text_add_json(out, e->type);
    }
    if (e->kind == END_REDIRECT) {
        text_addc(out, ' ');
        table_template_write(&e->location, out);
    } else {
        text_addf(out, ", %zu bytes", e->body.len);
    }
}

static void dump_node(const struct table *t, uint32_t i, struct text *out)
{
    const struct table_node *node = &t->node[i];
    text_addf(out, "  %5u  #%u  ", i, t->clause[node->clause].number);
    switch (node->kind) {
    case NODE_TEST:
        table_atom_write(t, &t->atom[node->what], out);
        text_addf(out, "  yes %u  no %u\n", node->yes, node->no);
        break;
    case NODE_EFFECT:
        dump_effect(&t->effect[node->what], out);
        text_addf(out, "  then %u\n", node->yes);
        break;
    case NODE_END:
        dump_end(t, &t->end[node->what], out);
        text_addc(out, '\n');
        break;
    }
}

static void dump_route(const struct table *t, uint32_t route, struct text *out)
{
    const struct table_route *r = &t->route[route];
    text_addf(out, "route " SLICE_FMT ", %u clauses, begins at %u\n", SLICE_ARG(r->name),
              r->n_clauses, r->entry);
    for (uint32_t i = r->entry; i < t->n_nodes && t->clause[t->node[i].clause].route == route; i++)
        dump_node(t, i, out);
    text_addc(out, '\n');
}

void table_dump(const struct table *t, struct text *out)
{
    for (uint32_t i = 0; i < t->n_listeners; i++)
        dump_listener(t, &t->listener[i], out);
    for (uint32_t i = 0; i < t->n_clusters; i++)
        dump_cluster(t, &t->cluster[i], out);
    for (uint32_t i = 0; i < t->n_routes; i++)
        dump_route(t, i, out);
    text_addf(out, "%u nodes, %u atoms, %u changes, %u ends, %u sets of networks, %u of strings\n",
              t->n_nodes, t->n_atoms, t->n_effects, t->n_ends, t->n_network_sets, t->n_string_sets);
}

#include "compiler/table/memory.h"

static struct memory_cost plus(struct memory_cost a, struct memory_cost b)
{
    return (struct memory_cost){a.bytes + b.bytes, a.buffers + b.buffers};
}

static struct memory_cost times(struct memory_cost a, uint64_t n)
{
    return (struct memory_cost){a.bytes * n, a.buffers * n};
}

static struct memory_cost larger(struct memory_cost a, struct memory_cost b)
{
    return (struct memory_cost){a.bytes > b.bytes ? a.bytes : b.bytes,
                                a.buffers > b.buffers ? a.buffers : b.buffers};
}

static struct memory_cost only_if(bool holds, struct memory_cost a)
{
    return holds ? a : (struct memory_cost){0};
}

uint64_t memory_bytes(const struct memory_costs *c, struct memory_cost m)
{
    return m.bytes + m.buffers * c->buffer_bytes;
}

/* How servers are spoken to, whichever it is that costs most. */
struct servers {
    bool tls, h2, proxied, hedged, asked;
};

static struct servers servers_of(const struct table *t)
{
    struct servers s = {.asked = t->n_auth_rules > 0};
    for (uint32_t i = 0; i < t->n_clusters; i++) {
        s.tls |= t->cluster[i].tls.on;
        s.h2 |= t->cluster[i].h2;
        s.hedged |= t->cluster[i].retry.hedge_ns > 0;
        s.proxied |= t->cluster[i].proxy_protocol != 0;
    }
    return s;
}

/* More, for a connection of the listener, by whichever of its binds costs most. */
static struct memory_connection tls_of(const struct table *t, const struct table_listener *l,
                                       const struct memory_costs *c)
{
    bool on = false, verifies = false;
    for (uint32_t i = 0; i < l->n_binds; i++) {
        const uint32_t tls = l->bind[i].tls;
        on |= tls != TABLE_NO_TLS;
        verifies |= tls != TABLE_NO_TLS && t->tls[tls].client_verify != CLIENT_VERIFY_OFF;
    }
    const struct memory_cost chain = only_if(verifies, c->tls_chain);
    return (struct memory_connection){.idle = only_if(on, plus(c->tls_idle, chain)),
                                      .most = only_if(on, plus(c->tls_most, chain))};
}

/* A connection to a server that waits. */
static struct memory_cost link_of(bool tls, const struct memory_costs *c)
{
    return plus(c->link, only_if(tls, plus(c->tls_idle, c->tls_chain)));
}

static struct memory_cost exchange_of(const struct servers *s, const struct memory_costs *c)
{
    const struct memory_cost tls = only_if(s->tls, plus(c->tls_most, c->tls_chain));
    const struct memory_cost server = plus(tls, only_if(s->h2, c->stream));
    const struct memory_cost exchange = plus(c->exchange, only_if(s->asked, c->question));
    return plus(plus(exchange, server), only_if(s->hedged, plus(c->hedge, server)));
}

/* A silent connection of TCP has given its blocks back. */
static struct memory_cost without_buffers(struct memory_cost a)
{
    return (struct memory_cost){.bytes = a.bytes};
}

void memory_of_listener(const struct table *t, const struct memory_costs *c, uint32_t listener,
                        struct memory_listener *out)
{
    const struct table_listener *l = &t->listener[listener];
    struct servers s = servers_of(t);
    s.asked &= !l->tcp;
    const struct memory_connection tls = tls_of(t, l, c);
    const struct memory_cost exchange = exchange_of(&s, c);
    const struct memory_cost idle = plus(c->session, tls.idle), most = plus(c->session, tls.most);
    *out = (struct memory_listener){.connections = l->max_connections};
    if (l->tcp) {
        out->h1.idle = without_buffers(
            plus(idle, plus(c->exchange, only_if(s.tls, plus(c->tls_idle, c->tls_chain)))));
        out->h1.most = plus(most, exchange);
        return;
    }
    /* A server that is told who the client is keeps a connection for it alone. */
    const struct memory_cost kept = only_if(s.proxied, link_of(s.tls, c));
    const struct memory_cost stream = plus(plus(c->session, c->stream), exchange);
    out->streams = l->max_streams;
    out->h1 = (struct memory_connection){plus(idle, kept), plus(plus(most, kept), exchange)};
    out->h2 = (struct memory_connection){
        plus(idle, c->h2_idle), plus(plus(most, c->h2_most), times(stream, l->max_streams))};
}

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* Connections that a worker may have to one server, beside those that requests are using. There
 * are never more than there were requests at a time. */
static uint64_t server_bytes(const struct table_cluster *l, const struct memory_costs *c,
                             uint64_t requests)
{
    if (l->h2)
        return least(c->server_h2_max, requests) * memory_bytes(c, c->server_h2);
    return least(c->idle_links_max, requests) * memory_bytes(c, link_of(l->tls.on, c));
}

static uint64_t most_of_codings(const struct table_compress *of, const struct memory_costs *c)
{
    uint64_t most = 0;
    for (uint32_t i = 0; i < of->n_codings; i++)
        if (c->coding_bytes[of->coding[i]] > most)
            most = c->coding_bytes[of->coding[i]];
    return most;
}

/* Of one body in the coding that takes most; 0 where nothing is compressed. */
static uint64_t coding_bytes(const struct table *t, const struct memory_costs *c)
{
    uint64_t most = most_of_codings(&t->compress, c);
    for (uint32_t i = 0; i < t->n_listeners; i++) {
        const uint64_t bytes = most_of_codings(&t->listener[i].compress, c);
        most = bytes > most ? bytes : most;
    }
    return most;
}

static uint64_t limits_bytes(const struct table *t, const struct memory_costs *c)
{
    uint64_t bytes = 0;
    for (uint32_t i = 0; c->limit_bytes && i < t->n_limits; i++) {
        bytes += c->limit_bytes(&t->limit[i]);
    }
    for (uint32_t i = 0; c->callers_bytes && i < t->n_listeners; i++)
        if (t->listener[i].max_per_source != TABLE_NO_MAX)
            bytes += c->callers_bytes(t->listener[i].max_connections);
    return bytes;
}

static uint64_t sticky_bytes(const struct table *t, const struct memory_costs *c)
{
    uint64_t bytes = 0;
    for (uint32_t i = 0; c->sticky_bytes && i < t->n_clusters; i++)
        if (table_sticky_remembers(&t->cluster[i].sticky))
            bytes += c->sticky_bytes(t->cluster[i].sticky.entries);
    return bytes;
}

/* What each worker has to tell others, of limits that are counted together and clients that are
 * remembered together. */
static uint64_t told_bytes(const struct table *t, const struct memory_costs *c)
{
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < t->n_limits; i++)
        bytes += t->limit[i].shared != TABLE_NO_SHARED ? c->told_bytes : 0;
    for (uint32_t i = 0; i < t->n_clusters; i++)
        bytes += table_sticky_is_shared(&t->cluster[i].sticky) ? c->told_bytes : 0;
    return bytes;
}

static uint64_t servers_most(const struct table_cluster *l, const struct memory_costs *c)
{
    return l->n_servers + l->n_sources * c->found_max;
}

static uint64_t counted_bytes(const struct table *t, const struct memory_costs *c)
{
    uint64_t bytes = t->n_clusters * c->cluster_bytes + t->n_listeners * c->listener_bytes +
                     t->n_clauses * c->clause_bytes;
    for (uint32_t i = 0; i < t->n_clusters; i++)
        bytes += servers_most(&t->cluster[i], c) * c->server_bytes;
    return bytes;
}

void memory_of_all(const struct table *t, const struct memory_costs *c, struct memory_all *out)
{
    uint64_t requests = 0;
    *out = (struct memory_all){.worker_bytes =
                                   c->worker_bytes + told_bytes(t, c) + counted_bytes(t, c)};
    struct memory_connection *all = &out->connections;
    for (uint32_t i = 0; i < t->n_listeners; i++) {
        struct memory_listener l;
        memory_of_listener(t, c, i, &l);
        all->idle = plus(all->idle, times(larger(l.h1.idle, l.h2.idle), l.connections));
        all->most = plus(all->most, times(larger(l.h1.most, l.h2.most), l.connections));
        requests += l.connections * (l.streams > 0 ? l.streams : 1);
    }
    for (uint32_t i = 0; i < t->n_clusters; i++)
        out->worker_servers_bytes +=
            servers_most(&t->cluster[i], c) * server_bytes(&t->cluster[i], c, requests);
    out->limits_bytes = limits_bytes(t, c);
    out->sticky_bytes = sticky_bytes(t, c);
    out->worker_compress_bytes = least(c->compressors_max, requests) * coding_bytes(t, c);
    out->worker_buffers_bytes = least(all->most.buffers, c->buffers_max) * c->buffer_bytes;
}

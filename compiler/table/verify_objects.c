/* Listeners, clusters and servers: what the runtime opens, connects to and waits for. */
#include "compiler/table/verify_priv.h"

static bool endpoint_is_usable(const struct endpoint *e)
{
    const bool ended = memchr(e->path, '\0', sizeof(e->path)) != NULL;
    return ended && (e->path[0] == '/' ? e->port == 0 : e->path[0] == '\0' && e->port > 0);
}

static bool timeouts_are_positive(const int64_t *timeout_ns, size_t first, size_t end)
{
    for (size_t i = first; i < end; i++)
        if (timeout_ns[i] <= 0)
            return false;
    return true;
}

static const char *verify_listener(const struct table *t, const struct table_listener *l)
{
    REQUIRE(l->name.len > 0, "a listener has no name");
    REQUIRE(l->n_binds > 0 && l->bind, "a listener is bound to nothing");
    for (uint32_t i = 0; i < l->n_binds; i++)
        REQUIRE(endpoint_is_usable(&l->bind[i]), "a listener has an endpoint that can't be bound");
    REQUIRE(l->route < t->n_routes, "a listener names a route that is not there");
    REQUIRE(l->max_connections > 0, "a listener takes no connections");
    REQUIRE(timeouts_are_positive(l->timeout_ns, 0, TIMEOUT_CLUSTER_CONNECT),
            "a listener has a timeout that is not above zero");
    return NULL;
}

static const char *verify_health(const struct table_health *h)
{
    REQUIRE(h->kind <= HEALTH_TCP, "a health check is of no known kind");
    if (h->kind == HEALTH_NONE)
        return NULL;
    REQUIRE(h->every_ns > 0, "a health check has an interval that is not above zero");
    REQUIRE(h->timeout_ns > 0, "a health check has a timeout that is not above zero");
    REQUIRE(h->rise > 0 && h->fall > 0, "a health check changes the state after no result");
    if (h->kind == HEALTH_TCP)
        return NULL;
    REQUIRE(h->method.len > 0, "a health check has no method");
    REQUIRE(h->path.len > 0 && h->path.at[0] == '/', "a health check's path has no slash in front");
    REQUIRE(h->status_first >= 100 && h->status_first <= h->status_last && h->status_last <= 599,
            "a health check expects a status that can't be");
    return NULL;
}

static const char *verify_servers(const struct table *t, uint32_t cluster)
{
    const struct table_cluster *c = &t->cluster[cluster];
    REQUIRE(c->n_servers > 0, "a cluster has no servers");
    REQUIRE(c->first_server < t->n_servers && c->n_servers <= t->n_servers - c->first_server,
            "a cluster has servers that are not there");
    for (uint32_t i = c->first_server; i < c->first_server + c->n_servers; i++) {
        const struct table_server *s = &t->server[i];
        REQUIRE(s->name.len > 0, "a server has no name");
        REQUIRE(s->cluster == cluster, "a server belongs to another cluster than the one it is in");
        REQUIRE(s->weight >= 1 && s->weight <= TABLE_WEIGHT_MAX,
                "a server's weight is out of range");
        REQUIRE(endpoint_is_usable(&s->endpoint), "a server's endpoint can't be connected to");
    }
    return NULL;
}

static const char *verify_cluster(const struct table *t, uint32_t cluster)
{
    const struct table_cluster *c = &t->cluster[cluster];
    REQUIRE(c->name.len > 0, "a cluster has no name");
    REQUIRE(c->balance < BALANCE_COUNT, "a cluster's balance is none of the known ones");
    REQUIRE(timeouts_are_positive(c->timeout_ns, TIMEOUT_CLUSTER_CONNECT, TIMEOUT_COUNT),
            "a cluster has a timeout that is not above zero");
    const char *problem = verify_servers(t, cluster);
    return problem ? problem : verify_health(&c->health);
}

const char *verify_objects(const struct table *t)
{
    const char *problem = NULL;
    for (uint32_t i = 0; i < t->n_listeners && !problem; i++)
        problem = verify_listener(t, &t->listener[i]);

    uint64_t servers = 0;
    for (uint32_t i = 0; i < t->n_clusters && !problem; i++) {
        problem = verify_cluster(t, i);
        servers += t->cluster[i].n_servers;
    }
    if (!problem && servers != t->n_servers)
        problem = "a server is in no cluster";
    return problem;
}

/* Listeners, clusters and servers: what the runtime opens, connects to and waits for. */
#include "compiler/table/verify_priv.h"
#include "runtime/base/clock.h"
#include "runtime/base/uri.h"

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

static bool phase_is(const struct table *t, uint32_t route, enum table_phase phase)
{
    return route < t->n_routes && t->route[route].phase == phase;
}

static bool versions_are_known(uint8_t min, uint8_t max)
{
    return min >= 10 && min <= max && max <= 13;
}

static bool certificate_is_named(const struct table_certificate *c)
{
    return c->chain.len > 0 && c->key.len > 0;
}

static const char *verify_tls(const struct table_tls *tls)
{
    REQUIRE(tls->name.len > 0, "a tls block has no name");
    REQUIRE(tls->n_certificates > 0, "a tls block has no certificate");
    for (uint32_t i = 0; i < tls->n_certificates; i++)
        REQUIRE(certificate_is_named(&tls->certificate[i]), "a certificate is in no file");
    REQUIRE(versions_are_known(tls->min_version, tls->max_version),
            "a tls block speaks versions that can't be");
    for (uint32_t i = 0; i < tls->n_alpn; i++)
        REQUIRE(tls->alpn[i].len > 0 && tls->alpn[i].len <= 255,
                "a tls block offers a protocol that has no name");
    REQUIRE(tls->client_verify <= CLIENT_VERIFY_REQUIRED,
            "a tls block verifies clients in no known way");
    REQUIRE(tls->client_verify == CLIENT_VERIFY_OFF || tls->n_client_ca > 0,
            "a tls block verifies clients and trusts nobody");
    REQUIRE(tls->session_ttl_ns > 0, "a tls block has sessions that never live");
    return NULL;
}

static const char *verify_upstream_tls(const struct table_upstream_tls *tls)
{
    if (!tls->on)
        return NULL;
    REQUIRE(tls->verify <= VERIFY_NONE, "a cluster's servers are verified in no known way");
    REQUIRE(versions_are_known(tls->min_version, 13), "a cluster speaks versions that can't be");
    REQUIRE(tls->certificate.chain.len == 0 || certificate_is_named(&tls->certificate),
            "a certificate is in no file");
    return NULL;
}

static const char *verify_compress(const struct table_compress *c)
{
    if (c->n_codings == 0)
        return NULL;
    REQUIRE(c->n_codings <= TABLE_CODING_COUNT,
            "what is compressed has more codings than there are");
    for (uint32_t i = 0; i < c->n_codings; i++)
        REQUIRE(c->coding[i] < TABLE_CODING_COUNT, "what is compressed has no known coding");
    REQUIRE(c->level >= 1 && c->level <= 9, "what is compressed has no known level");
    REQUIRE(c->n_types > 0, "what is compressed is of no type");
    for (uint32_t i = 0; i < c->n_types; i++)
        REQUIRE(c->type[i].len >= 3, "what is compressed has a type that is none");
    return NULL;
}

static bool is_bandwidth(const struct table_bandwidth *b)
{
    return (b->bytes_per_s > 0) == (b->burst > 0) && b->bytes_per_s <= TABLE_BANDWIDTH_MAX &&
           b->burst <= TABLE_BANDWIDTH_MAX;
}

static const char *verify_bandwidths(const struct table_limit *l)
{
    REQUIRE(is_bandwidth(&l->download) && is_bandwidth(&l->upload),
            "a limit has a bandwidth that can't be");
    REQUIRE(l->bytes == (l->download.bytes_per_s > 0 || l->upload.bytes_per_s > 0),
            "a limit counts bytes without a bandwidth");
    REQUIRE(!l->bytes || (l->n_rates == 0 && l->concurrent == 0 && l->shared == TABLE_NO_SHARED),
            "a limit counts both bytes and requests");
    REQUIRE(l->per <= PER_REQUEST && (l->per == PER_KEY || (l->bytes && l->n_keys == 0)),
            "a limit counts by a key beside its connection or request");
    return NULL;
}

static const char *verify_limit(const struct table *t, const struct table_limit *l)
{
    REQUIRE(l->name.len > 0, "a limit has no name");
    REQUIRE(l->n_rates > 0 || l->concurrent > 0 || l->bytes, "a limit limits nothing");
    const char *problem = verify_bandwidths(l);
    if (problem)
        return problem;
    REQUIRE(l->n_rates == 0 || l->rate, "a limit has no rate");
    for (uint32_t i = 0; i < l->n_rates; i++)
        REQUIRE(l->rate[i].count > 0 && l->rate[i].period_ns > 0 && l->rate[i].step_ns > 0 &&
                    l->rate[i].room_ns >= l->rate[i].step_ns && l->rate[i].room_ns <= INT64_MAX / 4,
                "a limit has a rate that admits nothing");
    for (uint32_t i = 0; i < l->n_rates; i++)
        REQUIRE(!l->rate[i].windows || l->rate[i].count <= TABLE_WINDOW_MAX,
                "a limit counts further than its windows do");
    for (uint32_t i = 0; i < l->n_keys; i++)
        REQUIRE(l->key[i].field < FIELD_COUNT &&
                    (table_field_phase(l->key[i].field) != PHASE_RESPONSE ||
                     l->key[i].field == FIELD_CLUSTER) &&
                    table_field_is_keyed(l->key[i].field) == (l->key[i].key.len > 0),
                "a limit counts by a field that no request has");
    REQUIRE(l->status >= 400 && l->status <= 599, "a limit answers with a status that can't be");
    REQUIRE(l->entries > 0, "a limit remembers nothing");
    REQUIRE(l->shared == TABLE_NO_SHARED || (l->shared < t->n_shared && l->concurrent == 0 &&
                                             l->n_rates <= TABLE_SHARED_RATES_MAX),
            "a limit is counted together where it can't be");
    REQUIRE(l->v4_bits >= 1 && l->v4_bits <= 32 && l->v6_bits >= 1 && l->v6_bits <= 128,
            "a limit looks at more of an address than there is, or at nothing");
    return NULL;
}

static const char *verify_shared(const struct table *t, const struct table_shared *s)
{
    REQUIRE(s->name.len > 0, "a shared has no name");
    REQUIRE(endpoint_is_usable(&s->address), "a shared has an address that can't be dialled");
    REQUIRE(s->password == TABLE_NO_SECRET || s->password < t->n_secrets,
            "a shared has a password that is not there");
    REQUIRE(s->prefix.len <= TABLE_SHARED_PREFIX_MAX, "a shared has names that are too long");
    REQUIRE(s->timeout_ns > 0, "a shared waits for no answer");
    REQUIRE(s->when_down <= WHEN_DOWN_DENY, "a shared does nothing known while nobody answers");
    return NULL;
}

static const char *verify_admin(const struct table *t)
{
    const struct table_admin *a = &t->admin;
    for (uint32_t i = 0; i < a->n_binds; i++) {
        const struct table_bind *b = &a->bind[i];
        REQUIRE(endpoint_is_usable(&b->endpoint), "an admin is bound to what can't be bound");
        REQUIRE(b->tls == TABLE_NO_TLS && !b->proxy_protocol, "an admin speaks what it can't");
        REQUIRE(b->backlog >= 1 && b->backlog <= UINT16_MAX, "an admin lets nobody wait");
    }
    REQUIRE(a->n_binds == 0 || a->token == TABLE_NO_SECRET || a->token < t->n_secrets,
            "an admin has a token that is not there");
    REQUIRE(a->n_binds == 0 || a->everybody || a->allowed.n > 0, "an admin lets nobody in");
    return verify_networks(&a->allowed);
}

static const char *verify_cors(const struct table_cors *c)
{
    REQUIRE(c->any ? c->n_origins == 0 : c->n_origins > 0, "nobody may ask from another origin");
    REQUIRE(!c->any || !c->credentials, "credentials come from any origin");
    REQUIRE(c->max_age_s.len > 0, "a browser is not told how long it may remember");
    for (uint32_t i = 0; i < c->n_origins; i++)
        REQUIRE(c->origin[i].len > 0, "an origin is empty");
    return NULL;
}

static const char *verify_jwt(const struct table *t, const struct table_jwt *j)
{
    REQUIRE(j->secret < t->n_secrets, "tokens are verified by a secret that is not there");
    REQUIRE(j->name.len > 0, "tokens are asked for by nobody");
    REQUIRE((j->n_issuers == 0 || j->issuer) && (j->n_audiences == 0 || j->audience),
            "tokens have no issuer or audience where some are counted");
    REQUIRE(j->leeway_ns >= 0, "tokens expire before they do");
    return NULL;
}

static const char *verify_auth(const struct table *t, const struct table_auth *a)
{
    REQUIRE(a->cluster < t->n_clusters, "a cluster is asked about requests that is not there");
    REQUIRE(a->path.len > 0 && a->path.at[0] == '/', "requests are asked about without a path");
    REQUIRE(a->timeout_ns > 0, "an answer about requests is not waited for");
    REQUIRE(a->n_send <= TABLE_AUTH_NAMES_MAX && a->n_take <= TABLE_AUTH_NAMES_MAX,
            "too many headers are sent or taken when it is asked about a request");
    for (uint32_t i = 0; i < a->n_send; i++)
        REQUIRE(a->send[i].len > 0, "a header has no name");
    for (uint32_t i = 0; i < a->n_take; i++)
        REQUIRE(a->take[i].len > 0, "a header has no name");
    return NULL;
}

static const char *verify_limits_named(const struct table *t, const uint32_t *limit, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        REQUIRE(limit[i] < t->n_limits, "a limit is named that is not there");
    return NULL;
}

static const char *verify_listener(const struct table *t, const struct table_listener *l)
{
    REQUIRE(l->name.len > 0, "a listener has no name");
    REQUIRE(l->n_binds > 0 && l->bind, "a listener is bound to nothing");
    for (uint32_t i = 0; i < l->n_binds; i++) {
        const struct table_bind *b = &l->bind[i];
        REQUIRE(endpoint_is_usable(&b->endpoint), "a listener has an endpoint that can't be bound");
        REQUIRE(b->tls == TABLE_NO_TLS || b->tls < t->n_tls,
                "a listener names a tls block that is not there");
        REQUIRE(!b->proxy_protocol || l->trusted.n > 0,
                "a listener reads PROXY headers and trusts nobody");
        REQUIRE(b->backlog >= 1 && b->backlog <= 65535, "a listener's backlog is out of range");
        REQUIRE(b->mode == TABLE_NO_MODE || (b->endpoint.path[0] && b->mode <= 0777),
                "a listener has a file mode that can't be set");
    }
    const char *problem = verify_networks(&l->trusted);
    if (!problem)
        problem = verify_compress(&l->compress);
    if (!problem)
        problem = verify_limits_named(t, l->limit, l->n_limits);
    if (problem)
        return problem;
    REQUIRE(l->route < t->n_routes, "a listener names a route that is not there");
    REQUIRE(phase_is(t, l->route, PHASE_REQUEST) &&
                (l->on_connect == TABLE_NO_ROUTE || phase_is(t, l->on_connect, PHASE_CONNECT)) &&
                (l->on_response == TABLE_NO_ROUTE || phase_is(t, l->on_response, PHASE_RESPONSE)),
            "a listener has a route of another phase");
    for (uint32_t i = 0; i < l->n_reach; i++)
        REQUIRE(l->reach[i] < t->n_clusters, "a listener reaches a cluster that is not there");
    REQUIRE(l->max_connections > 0, "a listener takes no connections");
    REQUIRE((l->path_rules & ~t->path_rules) == 0 && (t->path_rules & ~URI_PATH_RULES) == 0,
            "a listener wants paths in no known form");
    REQUIRE(l->max_streams > 0, "a listener takes no streams");
    REQUIRE(l->client_header <= TABLE_BY_FORWARDED, "a listener believes a header unheard of");
    REQUIRE(l->max_glitches >= 10, "a listener forgives nothing");
    REQUIRE(l->min_rate_ns > 0, "a listener looks at rates over no time");
    REQUIRE(l->overload_saves > 0 && l->overload_saves <= l->overload_refuses,
            "a listener refuses before it saves");
    REQUIRE(l->max_per_source > 0 && l->max_handshakes > 0,
            "a listener takes no client, or no handshake");
    REQUIRE(l->max_requests > 0, "a listener takes no requests");
    REQUIRE(l->max_head_bytes > 0 && l->max_head_bytes <= TABLE_HEAD_BYTES_MAX,
            "a listener takes no heads, or longer ones than there may be");
    REQUIRE(timeouts_are_positive(l->timeout_ns, 0, TIMEOUT_CLUSTER_CONNECT),
            "a listener has a timeout that is not above zero");
    return NULL;
}

static const char *verify_health(const struct table_health *h)
{
    REQUIRE(h->kind <= HEALTH_GRPC, "a health check is of no known kind");
    if (h->kind == HEALTH_NONE)
        return NULL;
    const char *problem = verify_upstream_tls(&h->tls);
    if (problem)
        return problem;
    REQUIRE(h->kind != HEALTH_TLS || h->tls.on, "a TLS health check has no TLS");
    REQUIRE(h->every_ns > 0, "a health check has an interval that is not above zero");
    REQUIRE(h->timeout_ns > 0, "a health check has a timeout that is not above zero");
    REQUIRE(h->proxy_protocol <= 2, "a health check begins with a header that there is not");
    REQUIRE(h->rise > 0 && h->fall > 0, "a health check changes the state after no result");
    REQUIRE(h->n_steps == 0 || h->kind == HEALTH_TCP || h->kind == HEALTH_TLS,
            "a health check has steps that it does not take");
    REQUIRE(!h->keep_alive || h->kind == HEALTH_HTTP,
            "a health check keeps a connection that nothing more is said on");
    REQUIRE(h->n_steps <= TABLE_HEALTH_STEPS_MAX, "a health check has too many steps");
    for (uint32_t i = 0; i < h->n_steps; i++)
        REQUIRE(h->step[i].bytes.len >= 1 && h->step[i].bytes.len <= TABLE_HEALTH_STEP_BYTES_MAX,
                "a step of a health check is too long, or nothing");
    if (h->kind != HEALTH_HTTP)
        return NULL;
    REQUIRE(!h->keep_alive || !h->h2, "a health check in HTTP/2 keeps its connection");
    REQUIRE(h->method.len > 0, "a health check has no method");
    REQUIRE(h->path.len > 0 && h->path.at[0] == '/', "a health check's path has no slash in front");
    REQUIRE(h->status_first >= 100 && h->status_first <= h->status_last && h->status_last <= 599,
            "a health check expects a status that can't be");
    return NULL;
}

static const char *verify_servers(const struct table *t, uint32_t cluster)
{
    const struct table_cluster *c = &t->cluster[cluster];
    REQUIRE(c->n_servers > 0 || c->n_sources > 0, "a cluster has no servers");
    REQUIRE(c->first_server <= t->n_servers && c->n_servers <= t->n_servers - c->first_server,
            "a cluster has servers that are not there");
    for (uint32_t i = c->first_server; i < c->first_server + c->n_servers; i++) {
        const struct table_server *s = &t->server[i];
        REQUIRE(s->name.len > 0, "a server has no name");
        REQUIRE(s->cluster == cluster, "a server belongs to another cluster than the one it is in");
        REQUIRE(s->weight >= 1 && s->weight <= TABLE_WEIGHT_MAX,
                "a server's weight is out of range");
        REQUIRE(s->priority <= TABLE_PRIORITY_MAX, "a server's priority is out of range");
        REQUIRE(s->state <= STATE_MAINTENANCE && s->slow_start_ns >= 0,
                "a server begins in a way that there is not");
        REQUIRE(endpoint_is_usable(&s->endpoint), "a server's endpoint can't be connected to");
    }
    return NULL;
}

static const char *verify_retry(const struct table_retry *r)
{
    if (!r->given)
        return NULL;
    REQUIRE(r->more <= TABLE_RETRIES_MAX, "a cluster tries again too often");
    REQUIRE(r->budget_percent >= 1 && r->budget_percent <= 100,
            "a cluster's retry budget is out of range");
    REQUIRE(r->backoff_ns >= 0 && r->timeout_ns >= 0 && r->hedge_ns >= 0,
            "a cluster's retries go back in time");
    for (uint32_t i = 0; i < r->n_statuses; i++)
        REQUIRE(r->status[i].first >= 100 && r->status[i].first <= r->status[i].last &&
                    r->status[i].last <= 599,
                "a cluster retries on a status that can't be");
    return NULL;
}

static const char *verify_outlier(const struct table_outlier *o)
{
    if (!o->given)
        return NULL;
    REQUIRE(o->consecutive_errors >= 1 && o->min_requests >= 1,
            "a cluster ejects servers for nothing");
    REQUIRE(o->error_percent <= 100, "a cluster ejects servers at a rate that can't be");
    REQUIRE(o->latency_percent == 0 || o->latency_percent > 100,
            "a cluster ejects servers that are as fast as the others");
    REQUIRE(o->window_ns > 0 && o->eject_ns > 0, "a cluster ejects servers for no time");
    REQUIRE(o->max_ejected_percent >= 1 && o->max_ejected_percent <= 100,
            "a cluster ejects more servers than there are, or none");
    return NULL;
}

static const char *verify_cookie(const struct table *t, const struct table_sticky *s)
{
    REQUIRE(s->ttl_ns == 0 || (s->ttl_ns >= NS_PER_S && s->ttl_ns <= TABLE_STICKY_TTL_MAX_NS),
            "a sticky cookie lives for a time that can't be");
    REQUIRE(s->key == TABLE_NO_SECRET || s->key < t->n_secrets,
            "a sticky cookie is signed by a secret that is not there");
    REQUIRE(s->shared == TABLE_NO_SHARED, "a sticky cookie is shared, and says all itself");
    REQUIRE(s->name.len <= TABLE_COOKIE_NAME_MAX &&
                s->attributes.len <= TABLE_COOKIE_ATTRIBUTES_MAX,
            "a sticky cookie is too long");
    return NULL;
}

static const char *verify_sticky(const struct table *t, const struct table_sticky *s)
{
    REQUIRE(s->kind <= STICKY_LEARN, "a cluster is sticky in a way that there is not");
    if (s->kind == STICKY_NONE)
        return NULL;
    REQUIRE((s->kind == STICKY_SRC) == (s->name.len == 0),
            "a cluster is sticky by a header that has no name");
    if (s->kind == STICKY_COOKIE)
        return verify_cookie(t, s);
    REQUIRE(s->ttl_ns >= NS_PER_S && s->ttl_ns <= TABLE_STICKY_TTL_MAX_NS,
            "a cluster remembers its clients for a time that can't be");
    REQUIRE(s->entries >= 1 && s->entries <= TABLE_STICKY_ENTRIES_MAX,
            "a cluster remembers too many clients, or none");
    REQUIRE(s->shared == TABLE_NO_SHARED || s->shared < t->n_shared,
            "a cluster remembers its clients together where it can't");
    return NULL;
}

static const char *verify_resolver(const struct table_resolver *r)
{
    for (uint32_t i = 0; i < r->n_nameservers; i++)
        REQUIRE(endpoint_is_usable(&r->nameserver[i]) && r->nameserver[i].port > 0,
                "a resolver has a nameserver that can't be asked");
    REQUIRE(r->timeout_ns > 0 && r->tries > 0, "a resolver waits for no answer");
    REQUIRE(r->min_ttl_ns > 0 && r->min_ttl_ns <= r->max_ttl_ns && r->negative_ttl_ns > 0,
            "a resolver has lifetimes that can't be");
    return NULL;
}

static const char *verify_source(const struct table *t, const struct table_source *s)
{
    REQUIRE(s->kind <= SOURCE_FILE, "a source is of no known kind");
    REQUIRE(s->name.len > 0, "a source has no name");
    REQUIRE((s->kind == SOURCE_DNS) == (s->port > 0), "a source has a port that can't be");
    REQUIRE(s->kind == SOURCE_FILE ? s->resolver == TABLE_NO_RESOLVER && s->refresh_ns > 0
                                   : s->resolver < t->n_resolvers && s->refresh_ns >= 0,
            "nobody can be asked about a source");
    REQUIRE(s->hold_ns > 0, "a source lets go of servers at once");
    REQUIRE(s->weight >= 1 && s->weight <= TABLE_WEIGHT_MAX, "a source's weight is out of range");
    REQUIRE(s->priority <= TABLE_PRIORITY_MAX, "a source's priority is out of range");
    REQUIRE(s->slow_start_ns >= 0, "a source's servers start before they are up");
    return NULL;
}

static const char *verify_sources(const struct table *t, uint32_t cluster)
{
    const struct table_cluster *c = &t->cluster[cluster];
    REQUIRE(c->first_source <= t->n_sources && c->n_sources <= t->n_sources - c->first_source,
            "a cluster has sources that are not there");
    const char *problem = NULL;
    for (uint32_t i = c->first_source; i < c->first_source + c->n_sources && !problem; i++) {
        REQUIRE(t->source[i].cluster == cluster,
                "a source belongs to another cluster than the one it is in");
        problem = verify_source(t, &t->source[i]);
    }
    return problem;
}

static const char *verify_cluster(const struct table *t, uint32_t cluster)
{
    const struct table_cluster *c = &t->cluster[cluster];
    REQUIRE(c->name.len > 0, "a cluster has no name");
    REQUIRE(c->proxy_protocol <= 2, "a cluster has a PROXY protocol that there is not");
    REQUIRE(c->balance < BALANCE_COUNT, "a cluster's balance is none of the known ones");
    REQUIRE(table_balance_takes_field(c->balance) ? c->field < FIELD_COUNT
                                                  : c->field == FIELD_COUNT,
            "a cluster's balance goes by a field that it does not take, or by none");
    REQUIRE(c->field == FIELD_COUNT || table_field_is_keyed(c->field) == (c->key.len > 0),
            "a cluster is balanced by a field without its key");
    REQUIRE(c->bounded_percent == 0 ||
                (c->balance == BALANCE_CONSISTENT && c->bounded_percent > 100),
            "a cluster's load has a bound that cannot hold");
    REQUIRE(timeouts_are_positive(c->timeout_ns, TIMEOUT_CLUSTER_CONNECT, TIMEOUT_COUNT),
            "a cluster has a timeout that is not above zero");
    const char *problem = verify_servers(t, cluster);
    if (!problem)
        problem = verify_sources(t, cluster);
    if (!problem)
        problem = verify_upstream_tls(&c->tls);
    if (!problem)
        problem = verify_retry(&c->retry);
    if (!problem)
        problem = verify_outlier(&c->outlier);
    if (!problem)
        problem = verify_sticky(t, &c->sticky);
    if (!problem)
        problem = verify_limits_named(t, c->limit, c->n_limits);
    return problem ? problem : verify_health(&c->health);
}

static const char *verify_secret(const struct table_secret *s)
{
    REQUIRE(s->name.len > 0, "a secret has no name");
    REQUIRE(s->source.len > 0 && s->source.len <= TABLE_SECRET_SOURCE_MAX,
            "a secret comes from nowhere");
    REQUIRE(!memchr(s->source.at, '\0', s->source.len), "a secret comes from what has no name");
    return NULL;
}

const char *verify_objects(const struct table *t)
{
    const char *problem = verify_compress(&t->compress);
    for (uint32_t i = 0; i < t->n_secrets && !problem; i++)
        problem = verify_secret(&t->secret[i]);
    for (uint32_t i = 0; i < t->n_tls && !problem; i++)
        problem = verify_tls(&t->tls[i]);
    for (uint32_t i = 0; i < t->n_shared && !problem; i++)
        problem = verify_shared(t, &t->shared[i]);
    for (uint32_t i = 0; i < t->n_limits && !problem; i++)
        problem = verify_limit(t, &t->limit[i]);
    for (uint32_t i = 0; i < t->n_cors_rules && !problem; i++)
        problem = verify_cors(&t->cors_rule[i]);
    for (uint32_t i = 0; i < t->n_jwt_rules && !problem; i++)
        problem = verify_jwt(t, &t->jwt_rule[i]);
    for (uint32_t i = 0; i < t->n_auth_rules && !problem; i++)
        problem = verify_auth(t, &t->auth_rule[i]);
    for (uint32_t i = 0; i < t->n_listeners && !problem; i++)
        problem = verify_listener(t, &t->listener[i]);

    if (!problem)
        problem = verify_admin(t);
    for (uint32_t i = 0; i < t->n_resolvers && !problem; i++)
        problem = verify_resolver(&t->resolver[i]);

    uint64_t servers = 0, sources = 0;
    for (uint32_t i = 0; i < t->n_clusters && !problem; i++) {
        problem = verify_cluster(t, i);
        servers += t->cluster[i].n_servers;
        sources += t->cluster[i].n_sources;
    }
    if (!problem && servers != t->n_servers)
        problem = "a server is in no cluster";
    if (!problem && sources != t->n_sources)
        problem = "a source is in no cluster";
    return problem;
}

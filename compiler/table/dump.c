#include "compiler/table/dump.h"

#include "compiler/table/dump_priv.h"
#include "runtime/base/clock.h"
#include "runtime/base/text.h"
#include "runtime/base/uri.h"

static void dump_timeouts(const int64_t *timeout_ns, uint32_t first, uint32_t end, struct text *out)
{
    for (uint32_t i = first; i < end; i++)
        text_addf(out, "  timeout %s %.15gms\n", table_timeout_name((enum table_timeout)i),
                  (double)timeout_ns[i] / (double)NS_PER_MS);
}

static void dump_compress(const struct table_compress *c, struct text *out)
{
    if (c->n_codings == 0)
        return;
    text_adds(out, "  compress");
    for (uint32_t i = 0; i < c->n_codings; i++)
        text_addf(out, " %s", table_coding_name(c->coding[i]));
    text_addf(out, " min-size %lluB level %u types", (unsigned long long)c->min_bytes, c->level);
    for (uint32_t i = 0; i < c->n_types; i++)
        text_addf(out, " " SLICE_FMT, SLICE_ARG(c->type[i]));
    text_addc(out, '\n');
}

static void dump_limits_named(const struct table *t, const uint32_t *limit, uint32_t n,
                              struct text *out)
{
    for (uint32_t i = 0; i < n; i++)
        text_addf(out, "  limit " SLICE_FMT "\n", SLICE_ARG(t->limit[limit[i]].name));
}

static void dump_listener(const struct table *t, const struct table_listener *l, struct text *out)
{
    text_addf(out, "listener " SLICE_FMT "\n", SLICE_ARG(l->name));
    for (uint32_t i = 0; i < l->n_binds; i++) {
        char endpoint[ENDPOINT_TEXT_MAX];
        endpoint_format(&l->bind[i].endpoint, endpoint);
        text_addf(out, "  bind %s%s%s backlog %u", endpoint,
                  l->bind[i].proxy_protocol ? " proxy-protocol" : "",
                  l->bind[i].defer_accept ? " defer-accept" : "", l->bind[i].backlog);
        if (l->bind[i].tls != TABLE_NO_TLS)
            text_addf(out, " tls " SLICE_FMT, SLICE_ARG(t->tls[l->bind[i].tls].name));
        if (l->bind[i].mode != TABLE_NO_MODE)
            text_addf(out, " mode \"%04o\"", l->bind[i].mode);
        text_addc(out, '\n');
    }
    if (l->tcp)
        text_addf(out, "  protocol tcp%s\n", l->peeks ? ", by the name in TLS" : "");
    if (l->trusted.n > 0)
        text_addf(out, "  trusted-proxies in %u ranges\n", l->trusted.n);
    if (l->client_header != TABLE_BY_EITHER)
        text_addf(out, "  client-header %s\n",
                  l->client_header == TABLE_BY_FORWARDED ? "forwarded" : "x-forwarded-for");
    text_addf(out, "  route " SLICE_FMT "\n  max-connections %u\n  max-streams %u\n",
              SLICE_ARG(t->route[l->route].name), l->max_connections, l->max_streams);
    text_addf(out, "  max-glitches %u\n  max-header-size %uB\n", l->max_glitches,
              l->max_head_bytes);
    text_addf(out, "  overload %u%% %u%%\n", l->overload_saves, l->overload_refuses);
    if (l->max_per_source != TABLE_NO_MAX)
        text_addf(out, "  max-connections-per-source %u\n", l->max_per_source);
    if (l->max_handshakes != TABLE_NO_MAX)
        text_addf(out, "  max-handshakes %u\n", l->max_handshakes);
    if (l->min_rate > 0)
        text_addf(out, "  min-rate %uB %.15gms\n", l->min_rate,
                  (double)l->min_rate_ns / (double)NS_PER_MS);
    if (l->max_body_bytes != TABLE_NO_BODY_MAX)
        text_addf(out, "  max-body-size %lluB\n", (unsigned long long)l->max_body_bytes);
    dump_limits_named(t, l->limit, l->n_limits, out);
    dump_compress(&l->compress, out);
    if (l->path_rules & URI_KEEP_EMPTY_SEGMENTS)
        text_adds(out, "  path keep-empty-segments\n");
    if (l->path_rules & URI_ALLOW_ENCODED_SLASH)
        text_adds(out, "  path allow-encoded-slash\n");
    if (l->max_requests != TABLE_NO_MAX)
        text_addf(out, "  max-requests %u\n", l->max_requests);
    dump_timeouts(l->timeout_ns, 0, TIMEOUT_CLUSTER_CONNECT, out);
    text_addc(out, '\n');
}

static void dump_certificate(const struct table_certificate *c, struct text *out)
{
    text_addf(out, " certificate " SLICE_FMT, SLICE_ARG(c->chain));
    if (!slice_eq(c->chain, c->key))
        text_addf(out, " " SLICE_FMT, SLICE_ARG(c->key));
}

static void dump_tls(const struct table_tls *t, struct text *out)
{
    static const char *const VERIFY[] = {"off", "optional", "required"};
    text_addf(out, "tls " SLICE_FMT "\n", SLICE_ARG(t->name));
    for (uint32_t i = 0; i < t->n_certificates; i++) {
        text_addc(out, ' ');
        dump_certificate(&t->certificate[i], out);
        text_addc(out, '\n');
    }
    text_addf(out,
              "  versions 1.%u..1.%u client-verify %s session-tickets %s %.15gms stapling %s\n\n",
              t->min_version - 10u, t->max_version - 10u, VERIFY[t->client_verify],
              t->tickets ? "on" : "off", (double)t->session_ttl_ns / (double)NS_PER_MS,
              t->stapling ? "on" : "off");
}

static void dump_upstream_tls(const struct table_upstream_tls *t, struct text *out)
{
    static const char *const VERIFY[] = {"full", "certificate", "none"};
    if (!t->on)
        return;
    text_addf(out, "  tls verify %s min-version 1.%u", VERIFY[t->verify], t->min_version - 10u);
    for (uint32_t i = 0; i < t->n_ca; i++)
        text_addf(out, " ca " SLICE_FMT, SLICE_ARG(t->ca[i]));
    if (t->sni.len > 0)
        text_addf(out, " sni " SLICE_FMT, SLICE_ARG(t->sni));
    if (t->certificate.chain.len > 0)
        dump_certificate(&t->certificate, out);
    text_addc(out, '\n');
}

static void dump_health(const struct table_health *h, struct text *out)
{
    switch (h->kind) {
    case HEALTH_NONE: return;
    case HEALTH_TCP: text_adds(out, "  health tcp"); break;
    case HEALTH_TLS: text_adds(out, "  health tls"); break;
    case HEALTH_GRPC: text_addf(out, "  health grpc " SLICE_FMT, SLICE_ARG(h->service)); break;
    case HEALTH_HTTP:
        text_addf(out, "  health http " SLICE_FMT " " SLICE_FMT " status %u..%u",
                  SLICE_ARG(h->method), SLICE_ARG(h->path), h->status_first, h->status_last);
        break;
    }
    for (uint32_t i = 0; i < h->n_headers; i++)
        text_addf(out, " header " SLICE_FMT ": " SLICE_FMT, SLICE_ARG(h->header[i].name),
                  SLICE_ARG(h->header[i].value));
    for (uint32_t i = 0; i < h->n_steps; i++) {
        text_adds(out, h->step[i].expect ? " expect " : " send ");
        text_add_bytes(out, h->step[i].bytes);
    }
    if (h->port)
        text_addf(out, " port %u", h->port);
    if (h->keep_alive)
        text_adds(out, " keep-alive");
    if (h->assume_up)
        text_adds(out, " assume up");
    text_addf(out, " every %.15gms timeout %.15gms rise %u fall %u\n",
              (double)h->every_ns / (double)NS_PER_MS, (double)h->timeout_ns / (double)NS_PER_MS,
              h->rise, h->fall);
}

static void dump_retry(const struct table_retry *r, struct text *out)
{
    if (!r->given)
        return;
    text_addf(out, "  retry %u on%s%s%s", r->more, r->connect_failure ? " connect-failure" : "",
              r->reset ? " reset" : "", r->timeout ? " timeout" : "");
    for (uint32_t i = 0; i < r->n_statuses; i++)
        text_addf(out, " %u..%u", r->status[i].first, r->status[i].last);
    if (r->n_methods > 0)
        text_adds(out, " methods");
    for (uint32_t i = 0; i < r->n_methods; i++)
        text_addf(out, " " SLICE_FMT, SLICE_ARG(r->method[i]));
    text_addf(out, " budget %u%%", r->budget_percent);
    if (r->backoff_ns > 0)
        text_addf(out, " backoff %.15gms", (double)r->backoff_ns / (double)NS_PER_MS);
    if (r->timeout_ns > 0)
        text_addf(out, " timeout %.15gms", (double)r->timeout_ns / (double)NS_PER_MS);
    if (r->hedge_ns > 0)
        text_addf(out, " hedge after %.15gms", (double)r->hedge_ns / (double)NS_PER_MS);
    if (r->buffer_bytes > 0)
        text_addf(out, " buffer %uB", r->buffer_bytes);
    text_addc(out, '\n');
}

static void dump_breaker(const struct table_breaker *b, struct text *out)
{
    if (b->connections == 0 && b->pending == 0 && b->retries == 0)
        return;
    text_adds(out, "  circuit-breaker");
    if (b->connections > 0)
        text_addf(out, " connections %u", b->connections);
    if (b->pending > 0)
        text_addf(out, " pending %u", b->pending);
    if (b->retries > 0)
        text_addf(out, " retries %u", b->retries);
    text_addc(out, '\n');
}

static void dump_outlier(const struct table_outlier *o, struct text *out)
{
    if (!o->given)
        return;
    text_addf(out, "  outlier consecutive-errors %u", o->consecutive_errors);
    if (o->error_percent > 0)
        text_addf(out, " error-rate %u%%", o->error_percent);
    if (o->latency_percent > 0)
        text_addf(out, " latency %u%%", o->latency_percent);
    text_addf(out, " window %.10gs min-requests %u eject %.10gs max-ejected %u%%\n",
              (double)o->window_ns / (double)NS_PER_S, o->min_requests,
              (double)o->eject_ns / (double)NS_PER_S, o->max_ejected_percent);
}

static void dump_order(uint32_t priority, int64_t slow_start_ns, struct text *out)
{
    if (priority > 0)
        text_addf(out, " priority %u", priority);
    if (slow_start_ns)
        text_addf(out, " slow-start %.15gms", (double)slow_start_ns / (double)NS_PER_MS);
}

static void dump_sticky_cookie(const struct table *t, const struct table_sticky *s,
                               struct text *out)
{
    text_addf(out, "  sticky cookie " SLICE_FMT, SLICE_ARG(s->name));
    if (s->ttl_ns > 0)
        text_addf(out, " ttl %.15gs", (double)s->ttl_ns / (double)NS_PER_S);
    if (s->key != TABLE_NO_SECRET)
        text_addf(out, " key " SLICE_FMT, SLICE_ARG(t->secret[s->key].name));
    text_addf(out, " fallback %s%s%s set \"" SLICE_FMT "\"\n", s->returns ? "return" : "move",
              s->visible ? " visible" : "", s->preserves ? " preserve" : "",
              SLICE_ARG(s->attributes));
}

static void dump_sticky(const struct table *t, const struct table_sticky *s, struct text *out)
{
    static const char *const KIND[] = {
        [STICKY_SRC] = "src", [STICKY_HEADER] = "header ", [STICKY_LEARN] = "learn "};
    if (s->kind == STICKY_NONE)
        return;
    if (s->kind == STICKY_COOKIE) {
        dump_sticky_cookie(t, s, out);
        return;
    }
    text_addf(out, "  sticky %s", KIND[s->kind]);
    text_addf(out, SLICE_FMT " ttl %.15gs entries %u fallback %s", SLICE_ARG(s->name),
              (double)s->ttl_ns / (double)NS_PER_S, s->entries, s->returns ? "return" : "move");
    if (s->shared != TABLE_NO_SHARED)
        text_addf(out, " shared " SLICE_FMT, SLICE_ARG(t->shared[s->shared].name));
    text_addc(out, '\n');
}

static void dump_source(const struct table *t, const struct table_source *s, struct text *out)
{
    static const char *const KIND[] = {"dns", "srv", "file"};
    text_addf(out, "  servers %s " SLICE_FMT, KIND[s->kind], SLICE_ARG(s->name));
    if (s->port)
        text_addf(out, ":%u", s->port);
    if (s->resolver != TABLE_NO_RESOLVER && t->resolver[s->resolver].name.len > 0)
        text_addf(out, " resolver " SLICE_FMT, SLICE_ARG(t->resolver[s->resolver].name));
    if (s->refresh_ns)
        text_addf(out, " refresh %.10gs", (double)s->refresh_ns / (double)NS_PER_S);
    text_addf(out, " hold %.10gs minimum %u weight %u%s", (double)s->hold_ns / (double)NS_PER_S,
              s->minimum, s->weight, s->backup ? " backup" : "");
    dump_order(s->priority, s->slow_start_ns, out);
    text_addc(out, '\n');
}

static void dump_resolver(const struct table_resolver *r, struct text *out)
{
    text_addf(out, "resolver " SLICE_FMT "\n", SLICE_ARG(r->name));
    for (uint32_t i = 0; i < r->n_nameservers; i++) {
        char endpoint[ENDPOINT_TEXT_MAX];
        endpoint_format(&r->nameserver[i], endpoint);
        text_addf(out, "  nameserver %s\n", endpoint);
    }
    text_addf(out, "  timeout %.15gms tries %u ttl %.10gs to %.10gs, negative %.10gs\n\n",
              (double)r->timeout_ns / (double)NS_PER_MS, r->tries,
              (double)r->min_ttl_ns / (double)NS_PER_S, (double)r->max_ttl_ns / (double)NS_PER_S,
              (double)r->negative_ttl_ns / (double)NS_PER_S);
}

static void dump_cluster(const struct table *t, const struct table_cluster *c, struct text *out)
{
    text_addf(out, "cluster " SLICE_FMT "\n  balance %s", SLICE_ARG(c->name),
              table_balance_name(c->balance));
    if (c->field != FIELD_COUNT) {
        text_addc(out, ' ');
        table_field_write(c->field, c->key, '"', out);
    }
    if (c->bounded_percent)
        text_addf(out, " bounded %u%%", c->bounded_percent);
    text_addc(out, '\n');
    if (c->h2)
        text_addf(out, "  protocol %s\n", c->tls.on ? "h2" : "h2c");
    for (uint32_t i = c->first_server; i < c->first_server + c->n_servers; i++) {
        const struct table_server *s = &t->server[i];
        char endpoint[ENDPOINT_TEXT_MAX];
        endpoint_format(&s->endpoint, endpoint);
        text_addf(out, "  server " SLICE_FMT " %s weight %u%s", SLICE_ARG(s->name), endpoint,
                  s->weight, s->backup ? " backup" : "");
        if (s->max_connections > 0)
            text_addf(out, " max-connections %u", s->max_connections);
        dump_order(s->priority, s->slow_start_ns, out);
        if (s->state != STATE_READY)
            text_addf(out, " state %s", table_state_name(s->state));
        text_addc(out, '\n');
    }
    for (uint32_t i = c->first_source; i < c->first_source + c->n_sources; i++)
        dump_source(t, &t->source[i], out);
    if (c->limited)
        text_addf(out, "  queue %u\n", c->queue_max);
    dump_retry(&c->retry, out);
    dump_breaker(&c->breaker, out);
    dump_outlier(&c->outlier, out);
    dump_sticky(t, &c->sticky, out);
    dump_limits_named(t, c->limit, c->n_limits, out);
    if (c->proxy_protocol)
        text_addf(out, "  proxy-protocol v%u\n", c->proxy_protocol);
    dump_upstream_tls(&c->tls, out);
    dump_health(&c->health, out);
    dump_timeouts(c->timeout_ns, TIMEOUT_CLUSTER_CONNECT, TIMEOUT_COUNT, out);
    text_addc(out, '\n');
}

static void dump_rate(const struct table_rate *r, struct text *out)
{
    text_addf(out, "  rate %llu in %.15gs", (unsigned long long)r->count,
              (double)r->period_ns / (double)NS_PER_S);
    if (r->windows)
        text_adds(out, " by windows\n");
    else
        text_addf(out, " burst %llu: a step each %lldns\n", (unsigned long long)r->burst,
                  (long long)r->step_ns);
}

static void dump_shared(const struct table *t, const struct table_shared *s, struct text *out)
{
    static const char *const when_down[] = {
        [WHEN_DOWN_LOCAL] = "local", [WHEN_DOWN_ALLOW] = "allow", [WHEN_DOWN_DENY] = "deny"};
    char at[ENDPOINT_TEXT_MAX];
    endpoint_format(&s->address, at);
    text_addf(out, "shared " SLICE_FMT "\n  address %s", SLICE_ARG(s->name), at);
    if (s->password != TABLE_NO_SECRET)
        text_addf(out, " password " SLICE_FMT, SLICE_ARG(t->secret[s->password].name));
    text_addf(out, " database %u prefix ", s->database);
    text_add_bytes(out, s->prefix);
    text_addf(out, " timeout %.15gs when-down %s\n\n", (double)s->timeout_ns / (double)NS_PER_S,
              when_down[s->when_down]);
}

static void dump_bandwidth(const char *word, const struct table_bandwidth *b, struct text *out)
{
    if (b->bytes_per_s > 0)
        text_addf(out, "  %s %lluB/s burst %lluB\n", word, (unsigned long long)b->bytes_per_s,
                  (unsigned long long)b->burst);
}

/* What it has besides what it counts. */
static void dump_limit_settings(const struct table_limit *l, struct text *out)
{
    static const char *const per[] = {
        [PER_KEY] = "", [PER_CONNECTION] = "per connection ", [PER_REQUEST] = "per request "};
    if (l->bytes)
        text_addf(out, "  %s", per[l->per]);
    else
        text_addf(out, "  status %u mode %s ", l->status, l->observe ? "observe" : "enforce");
    text_addf(out, "prefix %u %u entries %u\n\n", l->v4_bits, l->v6_bits, l->entries);
}

static void dump_limit(const struct table *t, const struct table_limit *l, struct text *out)
{
    text_addf(out, "limit " SLICE_FMT "\n", SLICE_ARG(l->name));
    for (uint32_t i = 0; i < l->n_keys; i++) {
        text_adds(out, i > 0 ? ", " : "  key ");
        table_field_write(l->key[i].field, l->key[i].key, '"', out);
    }
    text_adds(out, l->n_keys > 0 ? "\n" : "");
    for (uint32_t i = 0; i < l->n_rates; i++)
        dump_rate(&l->rate[i], out);
    if (l->concurrent > 0)
        text_addf(out, "  concurrent %u\n", l->concurrent);
    dump_bandwidth("download", &l->download, out);
    dump_bandwidth("upload", &l->upload, out);
    if (l->shared != TABLE_NO_SHARED)
        text_addf(out, "  shared " SLICE_FMT "\n", SLICE_ARG(t->shared[l->shared].name));
    dump_limit_settings(l, out);
}

static void dump_admin(const struct table *t, struct text *out)
{
    const struct table_admin *a = &t->admin;
    if (a->n_binds == 0)
        return;
    text_adds(out, "admin\n");
    for (uint32_t i = 0; i < a->n_binds; i++) {
        char at[ENDPOINT_TEXT_MAX];
        endpoint_format(&a->bind[i].endpoint, at);
        text_addf(out, "  bind %s backlog %u", at, a->bind[i].backlog);
        if (a->bind[i].mode != TABLE_NO_MODE)
            text_addf(out, " mode %04o", a->bind[i].mode);
        text_addc(out, '\n');
    }
    if (!a->everybody)
        text_addf(out, "  allow-from in %u ranges\n", a->allowed.n);
    if (a->token != TABLE_NO_SECRET)
        text_addf(out, "  token " SLICE_FMT "\n", SLICE_ARG(t->secret[a->token].name));
    text_addf(out, "  metrics %s pages %s\n\n", a->metrics ? "on" : "off", a->pages ? "on" : "off");
}

static void dump_end(const struct table *t, const struct table_end *e, struct text *out)
{
    table_end_write(t, e, out);
    if (e->kind == END_DENY || e->kind == END_RESPOND)
        text_addf(out, ", %zu bytes", e->body.len);
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
        table_effect_write(t, &t->effect[node->what], out);
        text_addf(out, "  then %u\n", node->yes);
        break;
    case NODE_END:
        dump_end(t, &t->end[node->what], out);
        text_addc(out, '\n');
        break;
    }
}

static void dump_clause(const struct table_clause *c, struct text *out)
{
    text_addf(out, "  #%u at %u  then %u", c->number, c->entry, c->then);
    if (c->next != TABLE_NO_NODE)
        text_addf(out, "  else %u", c->next);
    text_addc(out, '\n');
}

static void dump_route(const struct table *t, uint32_t route, struct text *out)
{
    const struct table_route *r = &t->route[route];
    text_addf(out, "route " SLICE_FMT ", %u clauses, begins at %u\n", SLICE_ARG(r->name),
              r->n_clauses, r->entry);
    for (uint32_t i = r->first_clause; i < r->first_clause + r->n_clauses; i++)
        dump_clause(&t->clause[i], out);
    for (uint32_t i = r->entry; i < t->n_nodes && t->clause[t->node[i].clause].route == route; i++)
        dump_node(t, i, out);
    dump_stages(t, route, out);
    text_addc(out, '\n');
}

static void dump_secret(const struct table_secret *s, struct text *out)
{
    text_addf(out, "secret " SLICE_FMT " from %s " SLICE_FMT "\n\n", SLICE_ARG(s->name),
              s->from_env ? "env" : "file", SLICE_ARG(s->source));
}

void table_dump(const struct table *t, struct text *out)
{
    for (uint32_t i = 0; i < t->n_secrets; i++)
        dump_secret(&t->secret[i], out);
    for (uint32_t i = 0; i < t->n_tls; i++)
        dump_tls(&t->tls[i], out);
    for (uint32_t i = 0; i < t->n_shared; i++)
        dump_shared(t, &t->shared[i], out);
    for (uint32_t i = 0; i < t->n_limits; i++)
        dump_limit(t, &t->limit[i], out);
    for (uint32_t i = 0; i < t->n_listeners; i++)
        dump_listener(t, &t->listener[i], out);
    dump_admin(t, out);
    for (uint32_t i = 0; i < t->n_clusters; i++)
        dump_cluster(t, &t->cluster[i], out);
    for (uint32_t i = 0; i < t->n_resolvers; i++)
        if (t->resolver[i].name.len > 0)
            dump_resolver(&t->resolver[i], out);
    for (uint32_t i = 0; i < t->n_routes; i++)
        dump_route(t, i, out);
    text_addf(out, "%u nodes, %u atoms, %u changes, %u ends, %u sets of networks, %u of strings\n",
              t->n_nodes, t->n_atoms, t->n_effects, t->n_ends, t->n_network_sets, t->n_string_sets);
}

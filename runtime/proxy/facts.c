/* What a decision may know about a connection and its request. */
#include "compiler/table/match.h"
#include "runtime/http/forwarded.h"
#include "runtime/proxy/exchange_priv.h"
#include "runtime/proxy/shadow.h"
#include "runtime/tls/transport.h"

/* The head as it was received: rules may ask about Upgrade and the like, which is not sent on. */
static bool header_of(const void *request, struct slice name, uint32_t *cursor, struct slice *value)
{
    return http_field_next(request, name, cursor, value);
}

/*
 * Path and query in their normal form, where they stood in the buffer: what the table sees is what
 * is sent. The path never grows, so the query moves up behind it.
 */
static enum uri_result normalise_target(struct exchange *x)
{
    struct slice raw = x->info.path;
    if (slice_eq(raw, SLICE("*"))) {
        x->facts.path = x->facts.uri = raw;
        return URI_OK;
    }
    const char *mark = memchr(raw.at, '?', raw.len);
    const struct slice path = {raw.at, mark ? (size_t)(mark - raw.at) : raw.len};
    const struct slice query = mark ? slice_from(raw, path.len + 1) : SLICE_NONE;
    char *at = (char *)(uintptr_t)raw.at; /* the session's buffer: ours to write */

    size_t len;
    enum uri_result r = uri_normalise_path(path, x->facts.path_rules, at, &len);
    if (r == URI_OK && mark)
        r = uri_check_query(query);
    if (r != URI_OK)
        return r;
    x->facts.path = (struct slice){at, len};
    x->facts.uri = x->facts.path;
    if (mark) {
        memmove(at + len, mark, query.len + 1);
        x->facts.query = (struct slice){at + len + 1, query.len};
        x->facts.uri.len += query.len + 1;
    }
    return URI_OK;
}

/* The ports that schemes have where none is written. */
#define HTTP_PORT  80
#define HTTPS_PORT 443

static uint32_t servers_up(const void *live, struct slice name)
{
    const struct exchange *x = live;
    const struct generation *g = x->generation;
    const uint32_t c = table_find_cluster(g->table, name);
    if (c == UINT32_MAX)
        return 0;
    uint32_t n = 0;
    for (uint32_t i = 0; i < g->part[c].n; i++)
        n += server_usable(g->server[g->part[c].first + i]);
    return n;
}

void session_find_local(struct session *s)
{
    if (s->local_known)
        return;
    const struct endpoint local = conn_local(session_wire(s));
    s->local = tcp_end_of(&local);
    s->local_known = true;
}

/* What costs a system call is only asked for where some rule wants it. */
void session_local_facts(struct session *s, const struct table *t, struct facts *f)
{
    static const uint64_t LOCAL = UINT64_C(1) << FIELD_DST | UINT64_C(1) << FIELD_DST_PORT;
    if (!(t->asked & LOCAL))
        return;
    session_find_local(s);
    f->dst = s->local.address;
    f->dst_port = s->local.port;
}

void session_facts(struct session *s, const struct table *t, struct facts *f)
{
    f->src = s->client.address;
    f->src_port = s->client.port;
    session_local_facts(s, t, f);
}

static void fill_tls(struct facts *f, const struct tls_peer *peer)
{
    f->scheme = peer ? SLICE("https") : SLICE("http");
    if (!peer)
        return;
    f->tls = true;
    f->tls_version = peer->version;
    f->tls_sni = peer->sni;
    f->tls_verified = peer->verified;
    f->tls_subject = peer->subject;
    f->tls_fingerprint = peer->fingerprint;
}

bool listener_trusts(const struct table_listener *l, const struct address *a)
{
    return network_set_has(&l->trusted, a);
}

static bool trusts(const void *of, const struct address *a)
{
    const struct exchange *x = of;
    return listener_trusts(x->listener, a);
}

/* `src` is whom trusted proxies speak for; of such a client no port is known. */
void exchange_find_client(struct exchange *x)
{
    const struct address *peer = &x->session->client.address;
    x->client = *peer;
    if (!trusts(x, peer))
        return;
    static const enum forwarded_by BY[] = {
        [TABLE_BY_EITHER] = FORWARDED_BY_EITHER,
        [TABLE_BY_X_FORWARDED_FOR] = FORWARDED_BY_X_FORWARDED_FOR,
        [TABLE_BY_FORWARDED] = FORWARDED_BY_FORWARDED,
    };
    x->client = forwarded_client(&x->request, BY[x->listener->client_header], peer, trusts, x);
    if (address_compare(&x->client, peer) == 0)
        return;
    x->facts.src = x->client;
    x->facts.src_port = 0;
}

void exchange_fill_connection(struct exchange *x)
{
    struct facts *f = &x->facts;
    session_facts(x->session, x->generation->table, f);
    f->listener = x->listener->name;
    const uint64_t drawn = rng_next(&x->worker->rng);
    f->random = (uint32_t)(drawn >> 32);
    f->chance = (uint32_t)drawn;
    f->cluster_up = servers_up;
    f->limit_exceeded = exchange_limit_exceeded;
    f->live = x;
}

static bool claim_of(const void *of, struct slice name, uint32_t *cursor, struct slice *value)
{
    const struct exchange *x = of;
    return x->bearer && bearer_claim(x->bearer, name, cursor, value);
}

/* Where memory is out, whoever asks for one says so. */
static void fill_token(struct exchange *x)
{
    x->facts.claim = claim_of;
    x->bearer = pool_take(&x->worker->bearers);
    x->token_unread = !x->bearer;
    if (!x->bearer)
        return;
    bearer_read(&x->facts, x->bearer);
    if (x->bearer->found == BEARER_NONE)
        exchange_drop_token(x);
    else if (x->bearer->found == BEARER_FOUND)
        x->facts.user = bearer_user(x->bearer);
}

void exchange_drop_token(struct exchange *x)
{
    pool_give(&x->worker->bearers, x->bearer);
    x->bearer = NULL;
}

/* Whom the request says that it is from. */
static void fill_user(struct exchange *x)
{
    struct credentials c;
    if (credentials_read(&x->facts, &c)) {
        memcpy(x->user, c.user.at, c.user.len);
        x->facts.user = (struct slice){x->user, c.user.len};
    }
    credentials_wipe(&c);
}

static void fill_request(struct exchange *x, uint16_t port)
{
    static const struct slice PROTO[] = {SLICE_INIT("http/1.0"), SLICE_INIT("http/1.1")};
    struct facts *f = &x->facts;
    exchange_fill_connection(x);
    exchange_find_client(x);
    f->proto = x->session->parent ? SLICE("h2") : PROTO[x->request.minor_version != 0];
    f->method = http_method(&x->request);
    fill_tls(f, tls_peer(session_wire(x->session)));
    f->port = port ? port : f->tls ? HTTPS_PORT : HTTP_PORT;
    f->has_body_length = x->info.framing != FRAMING_CHUNKED && x->info.framing != FRAMING_CLOSE;
    f->body_length = x->info.framing == FRAMING_LENGTH ? x->info.content_length : 0;
    f->path_rules = x->listener->path_rules;
    f->header = header_of;
    f->request = &x->request;
    if (x->generation->table->requires || (x->worker->shadow && shadow_requires(x->worker->shadow)))
        fill_user(x);
    if (x->generation->table->requires_jwt ||
        (x->worker->shadow && shadow_requires_jwt(x->worker->shadow)))
        fill_token(x);
}

enum uri_result exchange_fill_facts(struct exchange *x)
{
    struct facts *f = &x->facts;
    const bool empty_allowed = x->request.minor_version == 0;
    size_t host_len;
    uint16_t port;
    if (x->info.authority.len > URI_HOST_BYTES_MAX + 6) /* ":65535" */
        return URI_BAD_HOST;
    char host[URI_HOST_BYTES_MAX + 6];
    enum uri_result r =
        uri_normalise_host(x->info.authority, empty_allowed, host, &host_len, &port);
    if (r == URI_OK && host_len > sizeof(x->host))
        r = URI_BAD_HOST;
    if (r != URI_OK)
        return r;
    memcpy(x->host, host, host_len);
    f->host = (struct slice){x->host, host_len};
    fill_request(x, port);
    return normalise_target(x);
}

/* The access log record of an exchange. */
#include "runtime/proxy/exchange_priv.h"

static int64_t since(int64_t from_ns, int64_t to_ns)
{
    return to_ns ? to_ns - from_ns : -1;
}

/* What the head said, as far as it was understood. */
static void record_request(const struct exchange *x, struct access_record *r)
{
    r->tcp = x->tcp;
    if (x->tcp) {
        ACCESS_SET(r->host, x->facts.tls_sni);
        return;
    }
    ACCESS_SET(r->method, x->head_ns ? http_method(&x->request) : SLICE_NONE);
    ACCESS_SET(r->uri, x->facts.uri.len ? x->facts.uri
                       : x->head_ns     ? http_target(&x->request)
                                        : SLICE_NONE);
    ACCESS_SET(r->host, x->facts.host);
    r->tls = slice_eq(x->facts.scheme, SLICE("https"));
    r->h2 = x->session->parent != NULL;
    r->minor_version = x->head_ns ? x->request.minor_version : 0;
}

/* All that `tag` rules said, as far as it fits. */
static void record_tags(const struct exchange *x, struct access_record *r)
{
    const struct table *t = x->generation->table;
    char all[sizeof(r->tags.at) + 1];
    size_t len = 0;
    for (uint32_t i = 0; i < x->verdict.n_effects; i++) {
        const struct table_effect *e = &t->effect[x->verdict.effect[i]];
        if (e->kind != EFFECT_TAG)
            continue;
        if (len > 0 && len < sizeof(all))
            all[len++] = ',';
        const size_t room = sizeof(all) - len;
        const size_t n = e->name.len < room ? e->name.len : room;
        memcpy(all + len, e->name.at, n);
        len += n;
    }
    ACCESS_SET(r->tags, ((struct slice){all, len}));
}

static void record_decision(const struct exchange *x, struct access_record *r)
{
    ACCESS_SET(r->listener, x->listener ? x->listener->name : SLICE_NONE);
    ACCESS_SET(r->cluster, x->cluster ? x->cluster->name : SLICE_NONE);
    ACCESS_SET(r->server, x->server ? slice_of(x->server->name) : SLICE_NONE);
    ACCESS_SET(r->user, x->facts.known ? x->facts.user : SLICE_NONE);
    ACCESS_SET(r->limit, x->limited ? x->limited->name : SLICE_NONE);
    ACCESS_SET(r->route, SLICE_NONE);
    r->clause = 0;
    r->tags.len = 0;
    if (!x->decided)
        return;
    record_tags(x, r);
    const struct table *t = x->generation->table;
    const struct table_clause *clause = &t->clause[x->verdict.clause];
    r->clause = clause->number;
    ACCESS_SET(r->route, t->route[clause->route].name);
}

static bool is_explained(enum access_end end)
{
    return end == ACCESS_CONNECT_FAILED || end == ACCESS_SERVER_ERROR || end == ACCESS_NO_SERVER ||
           end == ACCESS_CIRCUIT_BREAKER || end == ACCESS_FLOOD || end == ACCESS_UNAUTHORIZED ||
           end == ACCESS_AUTH_UNAVAILABLE;
}

uint64_t exchange_received(const struct exchange *x)
{
    const size_t left = buffer_len(&x->session->in);
    return x->head_ns ? x->received_bytes - left : left;
}

static void record_outcome(const struct exchange *x, struct access_record *r)
{
    r->status = x->status;
    r->end = x->end;
    r->tries = x->tries;
    r->reason = is_explained(x->end) ? x->reason : NULL;
    r->retried = x->retried;
    r->not_retried = x->not_retried;
    r->total_ns = x->worker->now_ns - x->begun_ns;
    r->received_bytes = exchange_received(x);
    r->sent_bytes = x->down.sent_bytes;
    r->coding = x->coding ? table_coding_name(x->coding->coding) : NULL;
    r->plain_bytes = x->coding ? x->coding->in_bytes : 0;
}

void exchange_record(const struct exchange *x, struct access_record *out)
{
    out->wall_ns = x->begun_wall_ns;
    out->generation = x->generation->id;
    out->request_id[0] = x->worker->request_id;
    out->request_id[1] = x->request_number;
    const struct session *s = x->session;
    const bool told = address_compare(&x->client, &s->client.address) != 0; /* of proxies */
    out->client = x->client;
    out->client_port = told ? 0 : s->client.port;
    out->peer = s->peer.address;
    out->peer_port = s->peer.port;
    out->server_status = x->server_status;
    out->head_ns = since(x->begun_ns, x->head_ns);
    out->connect_ns = x->connected_ns ? x->connected_ns - x->head_ns : -1;
    out->first_byte_ns = since(x->begun_ns, x->answered_ns);
    record_request(x, out);
    record_decision(x, out);
    record_outcome(x, out);
}

void exchange_log(struct exchange *x)
{
    if (!x->worker->log)
        return;
    struct access_record *r = access_ring_begin(x->worker->log);
    if (!r) {
        METRIC_ADD(x->worker->metrics->log_records_dropped, 1);
        return;
    }
    if (x->record) {
        *r = *x->record;
        record_outcome(x, r);
    } else {
        exchange_record(x, r);
    }
    access_ring_end(x->worker->log);
}

/* The access log record of an exchange. */
#include "runtime/proxy/exchange_priv.h"

static int64_t since(int64_t from_ns, int64_t to_ns)
{
    return to_ns ? to_ns - from_ns : -1;
}

/* What the head said, as far as it was understood. */
static void record_request(const struct exchange *x, struct access_record *r)
{
    ACCESS_SET(r->method, x->head_ns ? http_method(&x->request) : SLICE_NONE);
    ACCESS_SET(r->uri, x->facts.uri.len ? x->facts.uri
                       : x->head_ns     ? http_target(&x->request)
                                        : SLICE_NONE);
    ACCESS_SET(r->host, x->facts.host);
    r->minor_version = x->head_ns ? x->request.minor_version : 0;
}

static void record_decision(const struct exchange *x, struct access_record *r)
{
    ACCESS_SET(r->listener, x->listener ? x->listener->name : SLICE_NONE);
    ACCESS_SET(r->cluster, x->cluster ? x->cluster->name : SLICE_NONE);
    ACCESS_SET(r->server, x->server ? slice_of(x->server->name) : SLICE_NONE);
    ACCESS_SET(r->route, SLICE_NONE);
    r->clause = 0;
    if (!x->decided)
        return;
    const struct table *t = x->generation->table;
    const struct table_clause *clause = &t->clause[x->verdict.clause];
    r->clause = clause->number;
    ACCESS_SET(r->route, t->route[clause->route].name);
}

static void record_outcome(const struct exchange *x, struct access_record *r)
{
    r->status = x->status;
    r->end = x->end;
    r->tries = x->tries;
    r->total_ns = x->worker->now_ns - x->begun_ns;
    const size_t left = buffer_len(&x->session->in);
    r->received_bytes = x->head_ns ? x->received_bytes - left : left;
    r->sent_bytes = x->down.sent_bytes;
}

void exchange_record(const struct exchange *x, struct access_record *out)
{
    out->wall_ns = x->begun_wall_ns;
    out->generation = x->generation->id;
    out->request_id[0] = x->worker->request_id;
    out->request_id[1] = x->request_number;
    out->client = x->session->client.address;
    out->client_port = x->session->client.port;
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

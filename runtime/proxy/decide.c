/* DECIDE: from the request's head to the verdict of the table, and the request as the server gets
 * it. */
#include "compiler/table/changes.h"
#include "compiler/table/eval.h"
#include "runtime/http/forwarded.h"
#include "runtime/http/h1_write.h"
#include "runtime/http/request_id.h"
#include "runtime/proxy/exchange_priv.h"
#include "runtime/tls/transport.h"

/* Closes without a word. */
static enum outcome drop(struct exchange *x)
{
    METRIC_ADD(x->worker->metrics->requests_dropped, 1);
    x->end = ACCESS_DROPPED;
    x->fate = FATE_CLOSE;
    return go(x, EXCHANGE_FINISH);
}

/* The cluster's rule for retries, with the number that a clause has said. */
static const struct table_retry *retry_of(struct exchange *x)
{
    const struct table_retry *rule = &x->cluster->retry;
    if (!x->says_retries)
        return rule;
    x->own_retry = rule->given ? *rule
                               : (struct table_retry){.given = true,
                                                      .connect_failure = true,
                                                      .budget_percent = TABLE_RETRY_BUDGET};
    x->own_retry.more = x->retries_more;
    return &x->own_retry;
}

static enum outcome forward_to(struct exchange *x)
{
    enum outcome refused;
    x->cluster = &x->generation->table->cluster[x->verdict.cluster];
    x->retry = retry_of(x);
    if (!exchange_counts(x, x->cluster->limit, x->cluster->n_limits, &x->verdict, &refused))
        return refused;
    return go(x, EXCHANGE_PICK);
}

/* A browser asks whether a page may ask: answered here, for what it would ask goes to servers that
 * may know nothing of it. */
static enum outcome preflight(struct exchange *x)
{
    if (!table_cors_allows(x->cors, table_cors_origin(&x->facts)))
        return refuse(x, 403, ACCESS_PREFLIGHT, "Pages of this origin may not ask here.");
    x->status = 204;
    x->end = ACCESS_PREFLIGHT;
    return go(x, EXCHANGE_ANSWER);
}

bool exchange_is_preflight(const struct exchange *x)
{
    const enum table_end_kind kind = x->generation->table->end[x->verdict.end].kind;
    return x->cors && (kind == END_FORWARD || kind == END_SPLIT || kind == END_MAP) &&
           table_cors_is_preflight(&x->facts);
}

enum outcome exchange_follow(struct exchange *x)
{
    const struct table *t = x->generation->table;
    const struct table_end *end = &t->end[x->verdict.end];
    switch (end->kind) {
    case END_FORWARD:
    case END_SPLIT:
    case END_MAP: return exchange_is_preflight(x) ? preflight(x) : forward_to(x);
    case END_DENY:
    case END_RESPOND:
    case END_REDIRECT:
        x->status = end->status;
        x->end = ACCESS_ANSWERED;
        return go(x, EXCHANGE_ANSWER);
    case END_TARPIT:
        if (x->worker->tarpitted >= TARPITTED_MAX)
            return drop(x);
        x->worker->tarpitted++;
        x->tarpitted = true;
        return go(x, EXCHANGE_TARPIT);
    case END_DROP: return drop(x);
    case END_PASS: break; /* only connections and responses pass: table_verify() */
    }
    ASSERT(!"every case above returns");
    return OVER;
}

/* What the decision says about how the request is served. */
static void note_settings(struct exchange *x)
{
    const struct table *t = x->generation->table;
    x->compress = &x->listener->compress;
    for (uint32_t i = 0; i < x->verdict.n_effects; i++) {
        const struct table_effect *e = &t->effect[x->verdict.effect[i]];
        if (e->kind == EFFECT_TIMEOUT_READ)
            x->read_timeout_ns = (int64_t)e->number;
        if (e->kind == EFFECT_RETRY) {
            x->says_retries = true;
            x->retries_more = (uint32_t)e->number;
        }
        if (e->kind == EFFECT_CORS)
            x->cors = &t->cors_rule[e->number];
        if (e->kind == EFFECT_COMPRESS && x->compress->n_codings == 0)
            x->compress = &t->compress;
    }
}

static enum outcome refuse_target(struct exchange *x, enum uri_result r)
{
    METRIC_ADD(x->worker->metrics->requests_malformed, 1);
    x->fate = FATE_LINGER;
    const enum outcome out = refuse(x, 400, ACCESS_MALFORMED, uri_result_text(r));
    x->lead = "Refused: the request's target or host ";
    return out;
}

/* Does the host's certificate go with other rules for clients than this connection was made by? */
static bool is_misdirected(const struct exchange *x)
{
    const struct tls_peer *peer = tls_peer(session_wire(x->session));
    return peer && x->generation->tls &&
           tls_loaded_misdirected(x->generation->tls, peer->context, x->facts.host);
}

enum outcome exchange_decide(struct exchange *x)
{
    const enum uri_result r = exchange_fill_facts(x);
    if (r != URI_OK)
        return refuse_target(x, r);
    if (is_misdirected(x))
        return refuse(x, 421, ACCESS_MALFORMED,
                      "This connection was not made for that host; ask again on a new one.");
    if (x->info.framing == FRAMING_LENGTH && x->info.content_length > x->listener->max_body_bytes)
        return exchange_too_large(x);
    enum outcome refused;
    if (!exchange_counts(x, x->listener->limit, x->listener->n_limits, NULL, &refused))
        return refused;
    eval(x->generation->table, x->listener->route, &x->facts, &x->verdict, NULL);
    if (x->verdict.overflow)
        return refuse(x, 431, ACCESS_MALFORMED, "The request's header fields are too large.");
    if (x->verdict.bad_target)
        return refuse(x, 400, ACCESS_MALFORMED, "The request's path cannot be rewritten.");
    x->decided = true;
    note_settings(x);
    return x->verdict.n_effects > 0 ? exchange_permit(x) : exchange_follow(x);
}

/* Held until its deadline, then closed without a word. Whether the client leaves before is not
 * looked at: it would cost it nothing. */
enum outcome exchange_tarpit(struct exchange *x)
{
    if (!x->late)
        return WAIT;
    return drop(x);
}

/* --- the request as it is sent on ------------------------------------------------------------ */

#define OWN_EDITS 7u

/* A list of forwarding addresses longer than this is not joined into one line. */
#define FORWARDED_FOR_ROOM 1024

struct edits {
    struct http_edit at[OWN_EDITS + TABLE_EFFECTS_MAX];
    size_t n;
};

static void add_edit(struct edits *e, enum http_edit_kind kind, struct slice name,
                     struct slice value)
{
    e->at[e->n++] = (struct http_edit){.kind = kind, .name = name, .value = value};
}

/* What the rules changed comes last: they have the last word about our own fields, too. */
static void add_effects(struct edits *e, const struct exchange *x)
{
    e->n += exchange_header_edits(x->generation->table, &x->verdict, false, e->at + e->n);
}

/* The peer at the end of the list it came with; on a line of its own where that is too long. */
static void add_to_chain(struct edits *e, const struct exchange *x, char *list, size_t room)
{
    const struct address *peer = &x->session->client.address;
    const size_t len = x_forwarded_for_write(&x->request, peer, list, room);
    if (len <= room)
        add_edit(e, HTTP_SET, SLICE("x-forwarded-for"), (struct slice){list, len});
    else
        add_edit(e, HTTP_ADD, SLICE("x-forwarded-for"),
                 (struct slice){list, forwarded_node(peer, list)});
}

/* What a client claims of itself is not passed on as if somebody had vouched for it. */
static void remove_claims(struct edits *e, const struct address *client, char *list)
{
    add_edit(e, HTTP_SET, SLICE("x-forwarded-for"),
             (struct slice){list, forwarded_node(client, list)});
    add_edit(e, HTTP_REMOVE, SLICE("x-forwarded-host"), SLICE_NONE);
    add_edit(e, HTTP_REMOVE, SLICE("x-forwarded-port"), SLICE_NONE);
    add_edit(e, HTTP_REMOVE, SLICE("x-real-ip"), SLICE_NONE);
}

static bool has_proto(const struct exchange *x)
{
    uint32_t cursor = 0;
    struct slice value;
    return http_field_next(&x->request, SLICE("x-forwarded-proto"), &cursor, &value);
}

/* Whom this request is for, and by what way it came. */
static void add_forwarding(struct edits *e, const struct exchange *x, char *list, char *forwarded)
{
    const struct address *peer = &x->session->client.address;
    const bool trusted = listener_trusts(x->listener, peer);
    if (!trusted || !has_proto(x))
        add_edit(e, HTTP_SET, SLICE("x-forwarded-proto"), x->facts.scheme);
    if (trusted)
        add_to_chain(e, x, list, FORWARDED_FOR_ROOM);
    else
        remove_claims(e, peer, list);
    const size_t len = forwarded_write(peer, x->facts.scheme, x->info.authority, forwarded);
    add_edit(e, trusted ? HTTP_ADD : HTTP_SET, SLICE("forwarded"), (struct slice){forwarded, len});
}

/* A client of HTTP/1.0 may name no host; HTTP/1.1 must, so the server's own endpoint stands in. */
static struct slice host_of(const struct exchange *x, char endpoint[ENDPOINT_TEXT_MAX])
{
    if (x->info.authority.len > 0)
        return x->info.authority;
    if (x->server->endpoint.path[0])
        return SLICE("localhost");
    return (struct slice){endpoint, endpoint_format(&x->server->endpoint, endpoint)};
}

/* TE belongs to a connection, but where trailers go through it says the same again: servers of gRPC
 * insist (RFC 9113 8.2.2). */
static bool takes_trailers(const struct http_head *h)
{
    uint32_t cursor = 0;
    for (struct slice list; http_field_next(h, SLICE("te"), &cursor, &list);)
        for (struct slice item; slice_split(&list, ',', &item);)
            if (slice_eq_nocase(slice_trim(item), SLICE("trailers")))
                return true;
    return false;
}

size_t exchange_write_request(struct exchange *x)
{
    const bool to_stream = conn_is_stream(&x->link->conn);
    char endpoint[ENDPOINT_TEXT_MAX];
    char list[FORWARDED_FOR_ROOM], forwarded[FORWARDED_BYTES_MAX], id[REQUEST_ID_BYTES];
    struct edits e;
    e.n = 0;

    request_id_write(x->worker->request_id, x->request_number, id);
    add_edit(&e, HTTP_SET, SLICE("x-request-id"), (struct slice){id, sizeof(id)});
    add_forwarding(&e, x, list, forwarded);
    add_effects(&e, x);
    http_edits_apply(&x->request, e.at, e.n);

    const struct h1_request_out out = {.head = &x->request,
                                       .target = changed_uri(&x->facts, &x->verdict),
                                       .host = host_of(x, endpoint),
                                       .edit = e.at,
                                       .n_edits = e.n,
                                       .without_cookie = exchange_cookie_to_hide(x),
                                       .chunked = exchange_sends_chunks(x),
                                       .upgrade = x->info.upgrade && (!to_stream || x->up.goes_on),
                                       .trailers = to_stream && takes_trailers(&x->request)};
    const size_t len = h1_write_request(x->worker->scratch, WORKER_SCRATCH_BYTES, &out);
    return len <= WORKER_SCRATCH_BYTES ? len : 0;
}

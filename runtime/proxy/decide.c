/* DECIDE: from the request's head to the verdict of the table, and the request as the server gets
 * it. */
#include "compiler/table/eval.h"
#include "runtime/http/forwarded.h"
#include "runtime/http/h1_write.h"
#include "runtime/http/request_id.h"
#include "runtime/proxy/exchange_priv.h"

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
    enum uri_result r = uri_normalise_path(path, at, &len);
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

static enum uri_result fill_facts(struct exchange *x)
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
    f->src = x->session->client.address;
    f->method = http_method(&x->request);
    f->scheme = SLICE("http");
    f->listener = x->listener->name;
    f->header = header_of;
    f->request = &x->request;
    return normalise_target(x);
}

/* What the table decided, as the next step. */
static enum outcome follow(struct exchange *x)
{
    const struct table_end *end = &x->generation->table->end[x->verdict.end];
    switch (end->kind) {
    case END_FORWARD:
        x->cluster = &x->generation->table->cluster[end->cluster];
        return go(x, EXCHANGE_PICK);
    case END_DENY:
    case END_RESPOND:
    case END_REDIRECT:
        x->status = end->status;
        x->end = ACCESS_ANSWERED;
        return go(x, EXCHANGE_ANSWER);
    }
    ASSERT(!"every case above returns");
    return OVER;
}

enum outcome exchange_decide(struct exchange *x)
{
    const enum uri_result r = fill_facts(x);
    if (r != URI_OK) {
        METRIC_ADD(x->worker->metrics->requests_malformed, 1);
        x->fate = FATE_LINGER;
        const enum outcome out = refuse(x, 400, ACCESS_MALFORMED, uri_result_text(r));
        x->lead = "Refused: the request's target or host ";
        return out;
    }
    eval(x->generation->table, x->listener->route, &x->facts, &x->verdict, NULL);
    if (x->verdict.overflow)
        return refuse(x, 431, ACCESS_MALFORMED, "The request's header fields are too large.");
    x->decided = true;
    if (!x->info.keep_alive)
        x->fate = FATE_CLOSE;
    return follow(x);
}

/* --- the request as it is sent on ------------------------------------------------------------ */

#define OWN_EDITS 4u

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
    static const enum http_edit_kind kind[] = {[EFFECT_SET_HEADER] = HTTP_SET,
                                               [EFFECT_ADD_HEADER] = HTTP_ADD,
                                               [EFFECT_REMOVE_HEADER] = HTTP_REMOVE};
    for (uint32_t i = 0; i < x->verdict.n_effects; i++) {
        const struct table_effect *effect = &x->generation->table->effect[x->verdict.effect[i]];
        add_edit(e, kind[effect->kind], effect->name, x->verdict.value[i]);
    }
}

/* The client at the end of the list it came with; on a line of its own where that is too long. */
static void add_client(struct edits *e, const struct exchange *x, char *list, size_t room)
{
    const struct address *client = &x->session->client.address;
    const size_t len = x_forwarded_for_write(&x->request, client, list, room);
    if (len <= room)
        add_edit(e, HTTP_SET, SLICE("x-forwarded-for"), (struct slice){list, len});
    else
        add_edit(e, HTTP_ADD, SLICE("x-forwarded-for"),
                 (struct slice){list, address_format(client, list)});
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

size_t exchange_write_request(struct exchange *x)
{
    char endpoint[ENDPOINT_TEXT_MAX];
    char list[FORWARDED_FOR_ROOM], forwarded[FORWARDED_BYTES_MAX], id[REQUEST_ID_BYTES];
    struct edits e;
    e.n = 0;

    request_id_write(x->worker->request_id, x->request_number, id);
    add_edit(&e, HTTP_SET, SLICE("x-request-id"), (struct slice){id, sizeof(id)});
    add_edit(&e, HTTP_SET, SLICE("x-forwarded-proto"), x->facts.scheme);
    add_client(&e, x, list, sizeof(list));
    add_edit(&e, HTTP_ADD, SLICE("forwarded"),
             (struct slice){forwarded, forwarded_write(&x->session->client.address, x->facts.scheme,
                                                       x->info.authority, forwarded)});
    add_effects(&e, x);
    http_edits_apply(&x->request, e.at, e.n);

    const struct h1_request_out out = {.head = &x->request,
                                       .target = x->facts.uri,
                                       .host = host_of(x, endpoint),
                                       .edit = e.at,
                                       .n_edits = e.n,
                                       .chunked = x->info.framing == FRAMING_CHUNKED,
                                       .upgrade = x->info.upgrade};
    const size_t len = h1_write_request(x->worker->scratch, WORKER_SCRATCH_BYTES, &out);
    return len <= WORKER_SCRATCH_BYTES ? len : 0;
}

/* The head of the request as the server gets it, and of the question about it. */
#include "compiler/table/changes.h"
#include "runtime/http/forwarded.h"
#include "runtime/http/h1_write.h"
#include "runtime/http/request_id.h"
#include "runtime/proxy/exchange_priv.h"

#define OWN_EDITS (12u + TABLE_AUTH_NAMES_MAX + QUESTION_TAKEN_MAX)

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

/* What the first `n` changes made of it comes last: rules have the last word about our own fields,
 * too. What was taken of an answer stands where it was asked for. */
static void add_effects(struct edits *e, const struct exchange *x, uint32_t n)
{
    const struct table *t = x->generation->table;
    for (uint32_t i = 0; i < n; i++) {
        if (exchange_header_edit(t, &x->verdict, i, false, &e->at[e->n]))
            e->n++;
        else if (t->effect[x->verdict.effect[i]].kind == EFFECT_REQUIRE_AUTH)
            e->n += exchange_taken_edits(x, i, &e->at[e->n]);
    }
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

/* All that is ours and the rules'; where the texts of it stand is the caller's. */
struct made {
    struct edits edits;
    char list[FORWARDED_FOR_ROOM], forwarded[FORWARDED_BYTES_MAX], id[REQUEST_ID_BYTES];
};

static void make(struct made *m, const struct exchange *x, uint32_t n_effects)
{
    m->edits.n = 0;
    request_id_write(x->worker->request_id, x->request_number, m->id);
    add_edit(&m->edits, HTTP_SET, SLICE("x-request-id"), (struct slice){m->id, sizeof(m->id)});
    add_forwarding(&m->edits, x, m->list, m->forwarded);
    add_effects(&m->edits, x, n_effects);
}

static size_t written(size_t len)
{
    return len <= WORKER_SCRATCH_BYTES ? len : 0;
}

/* --- the request as it is asked about -------------------------------------------------------- */

/* CGI and its heirs make one variable of x-user and x_user. */
static bool is_alike(struct slice a, struct slice b)
{
    for (size_t i = 0; i < a.len && a.len == b.len; i++) {
        const char c = a.at[i] == '_' ? '-' : a.at[i], d = b.at[i] == '_' ? '-' : b.at[i];
        if (!slice_eq_nocase((struct slice){&c, 1}, (struct slice){&d, 1}))
            return false;
    }
    return a.len == b.len;
}

static bool starts_alike(struct slice s, struct slice with)
{
    return s.len >= with.len && is_alike((struct slice){s.at, with.len}, with);
}

/* What a question has no use for: it has no body, asks for the whole of something else, and what
 * it says of the request is not the client's to say. */
static bool is_left_out(struct slice name)
{
    static const struct slice STARTS[] = {SLICE_INIT("content-"), SLICE_INIT("if-"),
                                          SLICE_INIT("x-original-"), SLICE_INIT("x-auth-request-")};
    static const struct slice NAMES[] = {SLICE_INIT("expect"), SLICE_INIT("range"),
                                         SLICE_INIT("trailer")};
    static const struct slice PASSED[] = {SLICE_INIT("x-forwarded-for"),
                                          SLICE_INIT("x-forwarded-port")};
    for (size_t i = 0; i < COUNT_OF(STARTS); i++)
        if (starts_alike(name, STARTS[i]))
            return true;
    for (size_t i = 0; i < COUNT_OF(NAMES); i++)
        if (slice_eq_nocase(name, NAMES[i]))
            return true;
    for (size_t i = 0; i < COUNT_OF(PASSED); i++)
        if (slice_eq_nocase(name, PASSED[i]))
            return false;
    return starts_alike(name, SLICE("x-forwarded-"));
}

static bool names(const struct slice *list, uint32_t n, struct slice name)
{
    for (uint32_t i = 0; i < n; i++)
        if (slice_eq_nocase(list[i], name))
            return true;
    return false;
}

static bool is_sent(const struct table_auth *rule, struct slice name)
{
    return names(rule->send, rule->n_send, name) || (rule->sends_all && !is_left_out(name));
}

/* What is taken of the answer, the question does not have of the client, who would say it of
 * itself; but what it shows who it is by, and what the rule sends. */
static bool is_asked_with(const struct table_auth *rule, struct slice name)
{
    return slice_eq_nocase(name, SLICE("authorization")) ||
           slice_eq_nocase(name, SLICE("cookie")) || names(rule->send, rule->n_send, name);
}

static void remove_taken(struct edits *e, const struct table_auth *rule)
{
    for (uint32_t i = 0; i < rule->n_take; i++)
        if (!is_asked_with(rule, rule->take[i]))
            add_edit(e, HTTP_REMOVE, rule->take[i], SLICE_NONE);
}

static void leave_out(struct http_head *h, const struct table_auth *rule)
{
    for (uint16_t i = 0; i < h->n_fields; i++)
        if (!is_sent(rule, http_field_name(h, &h->field[i])))
            h->field[i].dropped = true;
}

/* The client's own fields that only look like those: they never go on, neither with the question
 * nor with the request. */
void exchange_drop_look_alikes(struct exchange *x, const struct table_auth *rule)
{
    struct http_head *h = &x->request;
    for (uint16_t i = 0; i < h->n_fields; i++) {
        const struct slice name = http_field_name(h, &h->field[i]);
        for (uint32_t k = 0; k < rule->n_take && memchr(name.at, '_', name.len); k++)
            if (is_alike(name, rule->take[k]) && !slice_eq_nocase(name, rule->take[k]))
                h->field[i].dropped = true;
    }
}

/* What a trusted proxy says of it, or else we. */
static struct slice as_told(const struct exchange *x, struct slice name, struct slice own)
{
    uint32_t cursor = 0;
    struct slice value;
    const bool trusted = listener_trusts(x->listener, &x->session->client.address);
    return trusted && http_field_next(&x->request, name, &cursor, &value) ? value : own;
}

/* As Traefik's ForwardAuth, oauth2-proxy and Authelia have it. */
static void add_question(struct edits *e, const struct exchange *x, const struct table_auth *rule)
{
    if (rule->host.len > 0)
        add_edit(e, HTTP_SET, SLICE("host"), rule->host);
    add_edit(e, HTTP_SET, SLICE("x-forwarded-method"), http_method(&x->request));
    add_edit(e, HTTP_SET, SLICE("x-forwarded-proto"),
             as_told(x, SLICE("x-forwarded-proto"), x->facts.scheme));
    add_edit(e, HTTP_SET, SLICE("x-forwarded-host"),
             as_told(x, SLICE("x-forwarded-host"), x->info.authority));
    add_edit(e, HTTP_SET, SLICE("x-forwarded-uri"), x->facts.uri);
}

/* The head that stays with the exchange is for the server: what is dropped here is dropped of a
 * copy. */
static size_t write_question(struct exchange *x)
{
    const struct table *t = x->generation->table;
    const struct table_auth *rule = &t->auth_rule[t->effect[x->verdict.effect[x->walked]].number];
    struct http_head asked = x->request;
    char endpoint[ENDPOINT_TEXT_MAX];
    struct made m;
    ASSERT(x->walked >= rule->n_take); /* so many changes before it remove what it takes */
    make(&m, x, x->walked - rule->n_take);
    remove_taken(&m.edits, rule);
    add_question(&m.edits, x, rule);
    http_edits_apply(&asked, m.edits.at, m.edits.n);
    leave_out(&asked, rule);
    const struct h1_request_out out = {.head = &asked,
                                       .method = SLICE("GET"),
                                       .target = rule->path,
                                       .host = host_of(x, endpoint),
                                       .edit = m.edits.at,
                                       .n_edits = m.edits.n};
    return written(h1_write_request(x->worker->scratch, WORKER_SCRATCH_BYTES, &out));
}

/* --- the request as it is sent on ------------------------------------------------------------ */

size_t exchange_write_request(struct exchange *x)
{
    if (x->asks)
        return write_question(x);
    const bool to_stream = conn_is_stream(&x->link->conn);
    char endpoint[ENDPOINT_TEXT_MAX];
    struct made m;
    make(&m, x, x->verdict.n_effects);
    http_edits_apply(&x->request, m.edits.at, m.edits.n);

    const struct h1_request_out out = {.head = &x->request,
                                       .target = changed_uri(&x->facts, &x->verdict),
                                       .host = host_of(x, endpoint),
                                       .edit = m.edits.at,
                                       .n_edits = m.edits.n,
                                       .without_cookie = exchange_cookie_to_hide(x),
                                       .chunked = exchange_sends_chunks(x),
                                       .upgrade = x->info.upgrade && (!to_stream || x->up.goes_on),
                                       .trailers = to_stream && takes_trailers(&x->request)};
    return written(h1_write_request(x->worker->scratch, WORKER_SCRATCH_BYTES, &out));
}

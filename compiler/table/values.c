#include "compiler/table/values.h"

#include "compiler/table/changes.h"
#include "compiler/table/cookie.h"
#include "compiler/table/items.h"
#include "compiler/table/query.h"

static const struct slice COOKIE_HEADER = SLICE_INIT("cookie");

/* Is it a change of the header that is iterated over? */
static bool concerns(const struct values *v, const struct table_effect *e, struct slice name)
{
    return table_effect_is_header(e->kind, v->response) && slice_eq(e->name, name);
}

/* What was set or removed last hides all that came before it. */
static void begin_headers(struct values *v, struct slice name)
{
    v->from_request = true;
    v->effect = 0;
    for (uint32_t i = v->so_far ? v->so_far->n_effects : 0; i-- > 0;) {
        const struct table_effect *e = &v->table->effect[v->so_far->effect[i]];
        const bool add = e->kind == EFFECT_ADD_HEADER || e->kind == EFFECT_ADD_RESPONSE_HEADER;
        const bool set = e->kind == EFFECT_SET_HEADER || e->kind == EFFECT_SET_RESPONSE_HEADER;
        if (!add && concerns(v, e, name)) {
            v->from_request = false;
            v->effect = set ? i : i + 1;
            break;
        }
    }
}

static bool received(struct values *v, struct slice name, struct slice *value)
{
    const struct facts *f = v->facts;
    if (v->response)
        return f->response_header && f->response_header(f->response, name, &v->cursor, value);
    return f->header && f->header(f->request, name, &v->cursor, value);
}

static bool next_header(struct values *v, struct slice name, struct slice *value)
{
    if (v->from_request) {
        if (received(v, name, value))
            return true;
        v->from_request = false;
    }
    while (v->so_far && v->effect < v->so_far->n_effects) {
        const uint32_t i = v->effect++;
        if (concerns(v, &v->table->effect[v->so_far->effect[i]], name)) {
            *value = v->so_far->value[i];
            return true;
        }
    }
    return false;
}

static bool next_cookie(struct values *v, struct slice *value)
{
    for (;;) {
        struct slice name;
        while (cookie_next(&v->rest, &name, value))
            if (slice_eq(name, v->key))
                return true;
        if (!next_header(v, COOKIE_HEADER, &v->rest))
            return false;
    }
}

static bool next_item(struct values *v, struct slice *value)
{
    while (!items_next(&v->rest, value))
        if (!next_header(v, v->key, &v->rest))
            return false;
    return true;
}

static bool next_parameter(struct values *v, struct slice *value)
{
    struct slice key;
    while (query_next(&v->rest, &key, value))
        if (query_eq(key, v->key))
            return true;
    return false;
}

/* Of a field that has one value: true the first time. */
static bool once(struct values *v, struct slice from, struct slice *value)
{
    const bool first = v->first;
    v->first = false;
    *value = from;
    return first;
}

/* The same of one that may be absent. */
static bool once_if(struct values *v, bool present, struct slice from, struct slice *value)
{
    return present && once(v, from, value);
}

static bool once_query(struct values *v, struct slice *value)
{
    const struct slice query = changed_query(v->facts, v->so_far);
    return once_if(v, query.at != NULL, query, value);
}

static bool address(struct values *v, const struct address *a, struct slice *value)
{
    return once(v, (struct slice){v->text, address_format(a, v->text)}, value);
}

const struct address *values_address(const struct facts *f, enum table_field field)
{
    return field == FIELD_DST ? &f->dst : &f->src;
}

bool values_number(const struct facts *f, enum table_field field, struct slice key, uint64_t *out)
{
    switch (field) {
    case FIELD_SRC_PORT: *out = f->src_port; return f->src_port != 0;
    case FIELD_DST_PORT: *out = f->dst_port; return f->dst_port != 0;
    case FIELD_PORT: *out = f->port; return true;
    case FIELD_TLS_VERSION: *out = f->tls_version; return f->tls_version != 0;
    case FIELD_BODY_LENGTH: *out = f->body_length; return f->has_body_length;
    case FIELD_CLUSTER_UP: *out = f->cluster_up ? f->cluster_up(f->live, key) : 0; return true;
    case FIELD_RANDOM: *out = (uint64_t)f->random * 100 >> 32; return true;
    case FIELD_STATUS: *out = f->status; return true;
    case FIELD_SRC:
    case FIELD_DST:
    case FIELD_LISTENER:
    case FIELD_TLS:
    case FIELD_TLS_SNI:
    case FIELD_TLS_VERIFIED:
    case FIELD_TLS_SUBJECT:
    case FIELD_TLS_FINGERPRINT:
    case FIELD_PROTO:
    case FIELD_METHOD:
    case FIELD_SCHEME:
    case FIELD_HOST:
    case FIELD_PATH:
    case FIELD_URI:
    case FIELD_QUERY:
    case FIELD_QUERY_KEY:
    case FIELD_HEADER:
    case FIELD_HEADER_ITEM:
    case FIELD_COOKIE:
    case FIELD_USER:
    case FIELD_CLAIM:
    case FIELD_LIMIT_EXCEEDED:
    case FIELD_CLUSTER:
    case FIELD_SERVER:
    case FIELD_RESPONSE_HEADER:
    case FIELD_RESPONSE_ITEM:
    case FIELD_COUNT: break;
    }
    return false;
}

/* In decimal; a version of TLS as 1.2. */
static bool number(struct values *v, struct slice *value)
{
    uint64_t n;
    if (!values_number(v->facts, v->field, v->key, &n))
        return false;
    char *at = v->text + sizeof(v->text);
    char *const end = at;
    if (v->field == FIELD_TLS_VERSION) {
        *--at = (char)('0' + n % 10);
        *--at = '.';
        n /= 10;
    }
    do
        *--at = (char)('0' + n % 10);
    while ((n /= 10) > 0);
    return once(v, (struct slice){at, (size_t)(end - at)}, value);
}

/* Nobody has said who it is before a `require` was met. */
static bool says_who(const struct values *v)
{
    return v->facts->known || (v->so_far && v->so_far->required);
}

static bool next_claim(struct values *v, struct slice *value)
{
    const struct facts *f = v->facts;
    return says_who(v) && f->claim && f->claim(f->live, v->key, &v->cursor, value);
}

void values_begin(struct values *v, const struct table *t, const struct facts *f,
                  const struct verdict *so_far, enum table_field field, struct slice key)
{
    v->facts = f;
    v->so_far = so_far;
    v->table = t;
    v->field = field;
    v->key = key;
    v->response = field == FIELD_RESPONSE_HEADER || field == FIELD_RESPONSE_ITEM;
    v->encoded = field == FIELD_QUERY_KEY;
    v->first = true;
    v->cursor = 0;
    v->rest = field == FIELD_QUERY_KEY ? changed_query(f, so_far) : SLICE_NONE;
    if (field == FIELD_HEADER || field == FIELD_HEADER_ITEM || v->response)
        begin_headers(v, key);
    else if (field == FIELD_COOKIE)
        begin_headers(v, COOKIE_HEADER);
}

bool values_next(struct values *v, struct slice *value)
{
    static const struct slice TRUE = SLICE_INIT("true");
    const struct facts *f = v->facts;
    switch (v->field) {
    case FIELD_SRC: return address(v, &f->src, value);
    case FIELD_DST: return address(v, &f->dst, value);
    case FIELD_SRC_PORT:
    case FIELD_DST_PORT:
    case FIELD_PORT:
    case FIELD_TLS_VERSION:
    case FIELD_BODY_LENGTH:
    case FIELD_CLUSTER_UP:
    case FIELD_RANDOM:
    case FIELD_STATUS: return number(v, value);
    case FIELD_TLS: return once_if(v, f->tls, TRUE, value);
    case FIELD_TLS_VERIFIED: return once_if(v, f->tls_verified, TRUE, value);
    case FIELD_LIMIT_EXCEEDED:
        return once_if(v, f->limit_exceeded && f->limit_exceeded(f->live, v->key), TRUE, value);
    case FIELD_TLS_SNI: return once_if(v, f->tls_sni.at != NULL, f->tls_sni, value);
    case FIELD_TLS_SUBJECT: return once_if(v, f->tls_subject.at != NULL, f->tls_subject, value);
    case FIELD_TLS_FINGERPRINT:
        return once_if(v, f->tls_fingerprint.at != NULL, f->tls_fingerprint, value);
    case FIELD_USER: return once_if(v, f->user.at != NULL && says_who(v), f->user, value);
    case FIELD_CLAIM: return next_claim(v, value);
    case FIELD_CLUSTER: return once_if(v, f->cluster.at != NULL, f->cluster, value);
    case FIELD_SERVER: return once_if(v, f->server.at != NULL, f->server, value);
    case FIELD_PROTO: return once(v, f->proto, value);
    case FIELD_METHOD: return once(v, f->method, value);
    case FIELD_SCHEME: return once(v, f->scheme, value);
    case FIELD_HOST: return once(v, f->host, value);
    case FIELD_PATH: return once(v, changed_path(f, v->so_far), value);
    case FIELD_URI: return once(v, changed_uri(f, v->so_far), value);
    case FIELD_LISTENER: return once(v, f->listener, value);
    case FIELD_QUERY: return once_query(v, value);
    case FIELD_QUERY_KEY: return next_parameter(v, value);
    case FIELD_HEADER:
    case FIELD_RESPONSE_HEADER: return next_header(v, v->key, value);
    case FIELD_HEADER_ITEM:
    case FIELD_RESPONSE_ITEM: return next_item(v, value);
    case FIELD_COOKIE: return next_cookie(v, value);
    case FIELD_COUNT: break;
    }
    return false;
}

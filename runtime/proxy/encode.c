/*
 * Whether a response is sent in another coding than its server chose, and what its head then says
 * (RFC 9110 8.4, 8.8.3, 12.5). It is decided by the head that rules have made of the server's.
 */
#include "runtime/base/number.h"
#include "runtime/http/accept_encoding.h"
#include "runtime/http/h1_write.h"
#include "runtime/proxy/exchange_priv.h"

static bool has(const struct h1_response_out *r, struct slice name)
{
    uint32_t cursor = 0;
    struct slice value;
    return h1_response_next(r, name, &cursor, &value);
}

static bool list_has(struct slice list, struct slice wanted)
{
    for (struct slice item; slice_split(&list, ',', &item);)
        if (slice_eq_nocase(slice_trim(item), wanted))
            return true;
    return false;
}

static bool says(const struct h1_response_out *r, struct slice name, struct slice item)
{
    uint32_t cursor = 0;
    for (struct slice value; h1_response_next(r, name, &cursor, &value);)
        if (list_has(value, item))
            return true;
    return false;
}

/* RFC 9111 5.2.1.6, 5.2.2.6 */
static bool forbids_transforming(const struct exchange *x, const struct h1_response_out *r)
{
    uint32_t cursor = 0;
    for (struct slice value; http_field_next(&x->request, SLICE("cache-control"), &cursor, &value);)
        if (list_has(value, SLICE("no-transform")))
            return true;
    return says(r, SLICE("cache-control"), SLICE("no-transform"));
}

static bool type_matches(struct slice pattern, struct slice type)
{
    if (!slice_ends(pattern, SLICE("/*")))
        return slice_eq_nocase(pattern, type);
    if (slice_eq(pattern, SLICE("*/*")))
        return true;
    pattern.len--; /* "text/" */
    return type.len > pattern.len && slice_eq_nocase((struct slice){type.at, pattern.len}, pattern);
}

static bool is_of_type(const struct table_compress *c, const struct h1_response_out *r)
{
    uint32_t cursor = 0;
    struct slice value, type;
    if (!h1_response_next(r, SLICE("content-type"), &cursor, &value) ||
        !slice_split(&value, ';', &type))
        return false;
    type = slice_trim(type);
    for (uint32_t i = 0; i < c->n_types; i++)
        if (type_matches(c->type[i], type))
            return true;
    return false;
}

/* A body whose length nobody has told is not short. To HEAD the length is that of what GET gets. */
static bool is_long(const struct exchange *x, uint64_t least)
{
    uint64_t length = x->response_info.content_length;
    const struct http_field *f = http_field_find(&x->response, HTTP_CONTENT_LENGTH);
    if (x->info.head)
        return !f || (number_parse(http_field_value(&x->response, f), INT64_MAX, &length) &&
                      length >= least);
    return x->response_info.framing != FRAMING_LENGTH || length >= least;
}

/* What is said of the bytes as they are would be wrong of others. */
static bool is_bound_to_its_bytes(const struct h1_response_out *r)
{
    static const struct slice NAMES[] = {
        SLICE_INIT("content-encoding"), SLICE_INIT("content-range"), SLICE_INIT("content-digest"),
        SLICE_INIT("repr-digest"),      SLICE_INIT("digest"),        SLICE_INIT("content-md5")};
    for (size_t i = 0; i < COUNT_OF(NAMES); i++)
        if (has(r, NAMES[i]))
            return true;
    return false;
}

static bool has_body(const struct exchange *x)
{
    const uint16_t status = x->response.status;
    const bool none = status < 200 || status == 204 || status == 205 || status == 304;
    return !none && status != 206 && (x->info.head || x->response_info.framing != FRAMING_NONE);
}

/* Is its coding a matter of what clients want? HTTP/1.0 has no chunks to send it in. */
static bool may_be_coded(const struct exchange *x, const struct h1_response_out *r)
{
    const struct table_compress *c = x->compress;
    return x->request.minor_version == 1 && has_body(x) && is_of_type(c, r) &&
           is_long(x, c->min_bytes) && !is_bound_to_its_bytes(r) && !forbids_transforming(x, r);
}

/* The one that the client wants most, and of those the first; false when it wants none more than
 * the body as it is. */
static bool choose(const struct exchange *x, enum table_coding *out)
{
    const struct table_compress *c = x->compress;
    struct slice name[TABLE_CODING_COUNT];
    int weight[TABLE_CODING_COUNT], identity, best = 0;
    for (uint32_t i = 0; i < c->n_codings; i++)
        name[i] = slice_of(table_coding_name(c->coding[i]));
    accept_encoding(&x->request, name, weight, c->n_codings, &identity);
    for (uint32_t i = 0; i < c->n_codings; i++) {
        if (weight[i] <= best)
            continue;
        best = weight[i];
        *out = c->coding[i];
    }
    return best > 0 && best >= identity;
}

static bool take_coding(struct exchange *x, enum table_coding coding)
{
    struct worker *w = x->worker;
    struct compressor *by = compressor_take(&w->compressors, coding, x->compress->level);
    struct flow_coding *c = by ? pool_take(&w->codings) : NULL;
    if (!c) {
        compressor_give(&w->compressors, by);
        METRIC_ADD(w->metrics->compress_refused, 1);
        return false;
    }
    *c = (struct flow_coding){.by = by, .coding = coding};
    x->coding = c;
    METRIC_ADD(w->metrics->responses_compressed, 1);
    return true;
}

void exchange_drop_coding(struct exchange *x)
{
    struct flow_coding *c = x->coding;
    if (!c)
        return;
    METRIC_ADD(x->worker->metrics->compress_in_bytes, (int64_t)c->in_bytes);
    METRIC_ADD(x->worker->metrics->compress_out_bytes, (int64_t)c->out_bytes);
    compressor_give(&x->worker->compressors, c->by);
    pool_give(&x->worker->codings, c);
    x->coding = NULL;
}

/* Other bytes are not what a strong validator stands for (RFC 9110 8.8.3.3). */
static size_t weaken(const struct h1_response_out *r, struct http_edit *out,
                     char etag[ENCODE_ETAG_BYTES])
{
    uint32_t cursor = 0;
    struct slice value;
    if (!h1_response_next(r, SLICE("etag"), &cursor, &value) || !slice_starts(value, SLICE("\"")))
        return 0;
    *out = (struct http_edit){.kind = HTTP_REMOVE, .name = SLICE("etag")};
    if (value.len + 2 > ENCODE_ETAG_BYTES)
        return 1;
    memcpy(etag, "W/", 2);
    memcpy(etag + 2, value.at, value.len);
    out->kind = HTTP_SET;
    out->value = (struct slice){etag, value.len + 2};
    return 1;
}

/* The head of a body in that coding. Parts of it are nobody's to ask for. */
static size_t describe(const struct h1_response_out *r, enum table_coding coding,
                       struct http_edit *out, char etag[ENCODE_ETAG_BYTES])
{
    size_t n = weaken(r, out, etag);
    out[n++] = (struct http_edit){.kind = HTTP_SET,
                                  .name = SLICE("content-encoding"),
                                  .value = slice_of(table_coding_name(coding))};
    out[n++] = (struct http_edit){.kind = HTTP_REMOVE, .name = SLICE("accept-ranges")};
    return n;
}

size_t exchange_encode(struct exchange *x, struct http_edit *edit, size_t n,
                       char etag[ENCODE_ETAG_BYTES], bool *coded)
{
    const struct h1_response_out r = {.head = &x->response, .edit = edit, .n_edits = n};
    if (!may_be_coded(x, &r))
        return 0;
    enum table_coding coding;
    struct http_edit *own = edit + n;
    size_t more = 0;
    *coded = choose(x, &coding) && (x->info.head || take_coding(x, coding));
    if (*coded)
        more = describe(&r, coding, own, etag);
    if (!says(&r, SLICE("vary"), SLICE("accept-encoding")) && !says(&r, SLICE("vary"), SLICE("*")))
        own[more++] = (struct http_edit){
            .kind = HTTP_ADD, .name = SLICE("vary"), .value = SLICE("accept-encoding")};
    http_edits_apply(&x->response, own, more);
    return more;
}

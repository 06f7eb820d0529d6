/* What rules make of a response: the request's own changes of it, then the listener's `on
 * response`. */
#include "compiler/table/eval.h"
#include "runtime/proxy/exchange_priv.h"

bool exchange_header_edit(const struct table *t, const struct verdict *v, uint32_t i, bool response,
                          struct http_edit *out)
{
    static const enum http_edit_kind KIND[] = {HTTP_SET, HTTP_ADD, HTTP_REMOVE};
    const enum table_effect_kind first = response ? EFFECT_SET_RESPONSE_HEADER : EFFECT_SET_HEADER;
    const struct table_effect *e = &t->effect[v->effect[i]];
    if (!table_effect_is_header(e->kind, response))
        return false;
    *out = (struct http_edit){.kind = KIND[e->kind - first], .name = e->name, .value = v->value[i]};
    return true;
}

static size_t header_edits(const struct table *t, const struct verdict *v, struct http_edit *out)
{
    size_t n = 0;
    for (uint32_t i = 0; i < v->n_effects; i++)
        n += exchange_header_edit(t, v, i, true, &out[n]);
    return n;
}

/* The response's headers as they were received, or none. */
static bool header_of(const void *head, struct slice name, uint32_t *cursor, struct slice *value)
{
    return head && http_field_next(head, name, cursor, value);
}

/* The request is what it was when it came: what rules made of it, they did for the server. */
static void fill_response(struct exchange *x, const struct http_head *head, uint16_t status)
{
    struct facts *f = &x->facts;
    f->status = status;
    f->response_header = header_of;
    f->response = head;
    f->cluster = head && x->cluster ? x->cluster->name : SLICE_NONE;
    f->server = head && x->server ? slice_of(x->server->name) : SLICE_NONE;
}

size_t exchange_response_edits(struct exchange *x, const struct http_head *head, uint16_t status,
                               struct http_edit out[RESPONSE_EDITS_MAX])
{
    if (!x->decided)
        return 0; /* it was not understood, or refused before it was: rules know nothing of it */
    const struct table *t = x->generation->table;
    size_t n = x->cors ? cors_edits(x->cors, &x->facts, x->end == ACCESS_PREFLIGHT, out) : 0;
    n += header_edits(t, &x->verdict, out + n);
    if (x->listener->on_response == TABLE_NO_ROUTE)
        return n;
    fill_response(x, head, status);
    eval(t, x->listener->on_response, &x->facts, x->worker->verdict, NULL);
    if (x->worker->verdict->overflow)
        return n;
    clauses_count(x->generation, x->worker->verdict, false, 0, x->worker->index);
    return n + header_edits(t, x->worker->verdict, out + n);
}

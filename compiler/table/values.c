#include "compiler/table/values.h"

#include "compiler/table/cookie.h"
#include "compiler/table/query.h"

static const struct slice COOKIE_HEADER = SLICE_INIT("cookie");

/* What was set or removed last hides all that came before it. */
static void begin_headers(struct values *v, struct slice name)
{
    v->from_request = true;
    v->effect = 0;
    for (uint32_t i = v->so_far ? v->so_far->n_effects : 0; i-- > 0;) {
        const struct table_effect *e = &v->table->effect[v->so_far->effect[i]];
        if (e->kind != EFFECT_ADD_HEADER && slice_eq(e->name, name)) {
            v->from_request = false;
            v->effect = e->kind == EFFECT_SET_HEADER ? i : i + 1;
            break;
        }
    }
}

static bool next_header(struct values *v, struct slice name, struct slice *value)
{
    if (v->from_request) {
        if (v->facts->header(v->facts->request, name, &v->cursor, value))
            return true;
        v->from_request = false;
    }
    while (v->so_far && v->effect < v->so_far->n_effects) {
        const uint32_t i = v->effect++;
        if (slice_eq(v->table->effect[v->so_far->effect[i]].name, name)) {
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

void values_begin(struct values *v, const struct table *t, const struct facts *f,
                  const struct verdict *so_far, enum table_field field, struct slice key)
{
    v->facts = f;
    v->so_far = so_far;
    v->table = t;
    v->field = field;
    v->key = key;
    v->encoded = field == FIELD_QUERY_KEY;
    v->first = true;
    v->cursor = 0;
    v->rest = field == FIELD_QUERY_KEY ? f->query : SLICE_NONE;
    if (field == FIELD_HEADER)
        begin_headers(v, key);
    else if (field == FIELD_COOKIE)
        begin_headers(v, COOKIE_HEADER);
}

bool values_next(struct values *v, struct slice *value)
{
    const struct facts *f = v->facts;
    switch (v->field) {
    case FIELD_SRC:
        return once(v, (struct slice){v->address, address_format(&f->src, v->address)}, value);
    case FIELD_METHOD: return once(v, f->method, value);
    case FIELD_SCHEME: return once(v, f->scheme, value);
    case FIELD_HOST: return once(v, f->host, value);
    case FIELD_PATH: return once(v, f->path, value);
    case FIELD_URI: return once(v, f->uri, value);
    case FIELD_LISTENER: return once(v, f->listener, value);
    case FIELD_QUERY: return once(v, f->query, value) && f->query.at != NULL;
    case FIELD_QUERY_KEY: return next_parameter(v, value);
    case FIELD_HEADER: return next_header(v, v->key, value);
    case FIELD_COOKIE: return next_cookie(v, value);
    case FIELD_COUNT: break;
    }
    return false;
}

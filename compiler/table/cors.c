#include "compiler/table/cors.h"

const struct table_cors *table_cors_of(const struct table *t, const struct verdict *v)
{
    for (uint32_t i = v->n_effects; i > 0; i--) {
        const struct table_effect *e = &t->effect[v->effect[i - 1]];
        if (e->kind == EFFECT_CORS)
            return &t->cors_rule[e->number];
    }
    return NULL;
}

static bool has_header(const struct facts *f, struct slice name)
{
    uint32_t cursor = 0;
    struct slice value;
    return f->header && f->header(f->request, name, &cursor, &value);
}

bool table_cors_is_preflight(const struct facts *f)
{
    return slice_eq(f->method, SLICE("OPTIONS")) && has_header(f, SLICE("origin")) &&
           has_header(f, SLICE("access-control-request-method"));
}

struct slice table_cors_origin(const struct facts *f)
{
    uint32_t cursor = 0;
    struct slice origin, more;
    const bool one = f->header && f->header(f->request, SLICE("origin"), &cursor, &origin) &&
                     !f->header(f->request, SLICE("origin"), &cursor, &more);
    return one ? origin : SLICE_NONE;
}

/* Nothing that ends the host, so that another one would be before it. */
static bool is_of_a_host(struct slice labels)
{
    for (size_t i = 0; i < labels.len; i++) {
        const char c = ascii_lower(labels.at[i]);
        if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && !memchr("-._", c, 3))
            return false;
    }
    return true;
}

/* Where the rule says "*.", any labels, and at least one, in front of the rest. */
static bool matches(struct slice rule, struct slice origin)
{
    const char *star = memchr(rule.at, '*', rule.len);
    if (!star)
        return slice_eq_nocase(rule, origin);
    const struct slice scheme = {rule.at, (size_t)(star - rule.at)};
    const struct slice end = slice_from(rule, scheme.len + 1);
    if (origin.len <= scheme.len + end.len)
        return false;
    const struct slice labels = {origin.at + scheme.len, origin.len - scheme.len - end.len};
    return slice_eq_nocase((struct slice){origin.at, scheme.len}, scheme) &&
           slice_eq_nocase(slice_from(origin, scheme.len + labels.len), end) &&
           is_of_a_host(labels);
}

bool table_cors_allows(const struct table_cors *c, struct slice origin)
{
    if (origin.len == 0 || c->any)
        return origin.len > 0;
    for (uint32_t i = 0; i < c->n_origins; i++)
        if (matches(c->origin[i], origin))
            return true;
    return false;
}

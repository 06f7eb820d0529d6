/* Listeners. */
#include "compiler/sema/sema_priv.h"

#define CONNECTIONS_DEFAULT 10000
#define CONNECTIONS_MAX     1000000

struct listener_given {
    const struct ast *max_connections, *route, *timeout[TIMEOUT_COUNT];
    bool bind; /* one was tried, be it wrong */
};

static bool bind_read(struct sema *s, const struct ast *a, struct endpoint *out)
{
    if (!value_endpoint(s, a->first, out))
        return false;
    for (uint32_t i = 0; i < s->bound.n; i++) {
        if (!endpoint_eq(&s->bound.at[i].endpoint, out))
            continue;
        char text[ENDPOINT_TEXT_MAX];
        const size_t len = endpoint_format(out, text);
        diag(s->diags, DIAG_BIND_TWICE, a->span, (int)len, text);
        diag_label(s->diags, "again here");
        diag_also(s->diags, s->bound.at[i].span, "first bound here");
        return false;
    }
    const struct bound bound = {*out, a->span};
    VEC_ADD(&s->bound, bound);
    return true;
}

static bool route_used(struct sema *s, const struct ast *a, uint32_t *out)
{
    const struct definition *d = resolve(s, DEF_ROUTE, a->name, a->name_span);
    if (!d)
        return false;
    *out = d->index;
    return true;
}

static bool max_read(struct sema *s, const struct ast *a, uint32_t *out)
{
    uint64_t n;
    if (!value_number(s, a->first, "max-connections", 1, CONNECTIONS_MAX, &n))
        return false;
    *out = (uint32_t)n;
    return true;
}

static bool setting_read(struct sema *s, const struct ast *a, struct listener_given *g,
                         struct program_listener *out, struct endpoint *bind)
{
    if (a->kind == AST_BIND) {
        g->bind = true;
        const bool ok = bind_read(s, a, &bind[out->n_binds]);
        out->n_binds += ok;
        return ok;
    }
    if (a->kind == AST_TIMEOUT)
        return timeout_read(s, a, SCOPE_LISTENER, out->timeout_ns, g->timeout);
    if (a->kind == AST_MAX_CONNECTIONS)
        return first_given(s, a, &g->max_connections, "max-connections") &&
               max_read(s, a, &out->max_connections);
    if (a->kind == AST_USE_ROUTE)
        return first_given(s, a, &g->route, "route") && route_used(s, a, &out->route);
    return false; /* BAD: reported already */
}

bool listener_read(struct sema *s, const struct definition *d, struct program_listener *out)
{
    uint32_t n = 0;
    bool complete = true;
    for (const struct ast *a = d->node->first; a; a = a->next) {
        n += a->kind == AST_BIND;
        complete &= a->kind != AST_BAD;
    }
    struct endpoint *bind = ARENA_ARRAY(s->arena, struct endpoint, n);
    *out = (struct program_listener){
        .name = d->name, .span = d->span, .bind = bind, .max_connections = CONNECTIONS_DEFAULT};
    timeouts_default(out->timeout_ns, SCOPE_LISTENER);
    struct listener_given g = {0};
    bool ok = true;
    for (const struct ast *a = d->node->first; a; a = a->next)
        ok &= setting_read(s, a, &g, out, bind);
    if (complete && !g.bind) {
        diag(s->diags, DIAG_NO_BIND, d->span, SLICE_ARG(d->name));
        diag_note(s->diags, "it is given as: bind 0.0.0.0:8080");
    }
    if (complete && !g.route) {
        diag(s->diags, DIAG_NO_ROUTE, d->span, SLICE_ARG(d->name));
        diag_note(s->diags, "it is given as: route NAME");
    }
    return ok && complete && g.bind && g.route;
}

#include "compiler/expand.h"

#include "grammar/diag.h"
#include "grammar/suggest.h"
#include "runtime/base/arena.h"

/* A template's parameters while it is put in: name and what stands for it. */
struct binding {
    const struct ast *param;
    const struct ast *value;
};

/* What is being put in, and into what. */
struct site {
    const struct ast *template;
    const struct site *up;
    uint32_t depth;
    const struct binding *binding;
    uint32_t n;
    uint32_t from, shift; /* places in the template become places of this use */
};

static void list(struct expansion *e, struct ast **first, enum ast_kind into,
                 const struct site *site);

static const struct ast *find(const struct expansion *e, struct slice name)
{
    for (uint32_t i = 0; i < e->template.n; i++)
        if (slice_eq(e->template.at[i]->name, name))
            return e->template.at[i];
    return NULL;
}

static bool say(struct expansion *e, struct span where, const char *what)
{
    diag(e->diags, DIAG_BAD_USE, where, what);
    return false;
}

static const struct binding *bound(const struct site *site, struct slice name)
{
    for (uint32_t i = 0; i < site->n; i++)
        if (slice_eq(site->binding[i].param->name, name))
            return &site->binding[i];
    return NULL;
}

static void say_no_parameter(struct expansion *e, const struct ast *a, const struct ast *template)
{
    struct slice names[32];
    size_t n = 0;
    for (const struct ast *p = template->first; p && n < 32; p = p->next)
        if (p->kind == AST_PARAM)
            names[n++] = p->name;
    diag(e->diags, DIAG_UNKNOWN_WORD, a->name_span, "parameter", SLICE_ARG(a->name));
    const struct slice near = suggest_nearest(a->name, names, n);
    if (near.at)
        diag_fix(e->diags, a->name_span, near, "did you mean `" SLICE_FMT "`?", SLICE_ARG(near));
    diag_also(e->diags, template->name_span, "its template");
}

/* Gives one argument to its parameter. */
static bool bind(struct expansion *e, const struct ast *a, const struct ast *template, uint32_t i,
                 struct binding *binding, uint32_t n)
{
    const bool named = a->kind == AST_ARGUMENT;
    if (named)
        for (i = 0; i < n && !slice_eq(binding[i].param->name, a->name);)
            i++;
    if (i >= n && named) {
        say_no_parameter(e, a, template);
        return false;
    }
    if (i >= n) {
        say(e, a->span, "the template has no parameter for this");
        diag_also(e->diags, template->name_span, "the template");
        return false;
    }
    if (binding[i].value) {
        say(e, a->span, "this parameter is given twice");
        diag_also(e->diags, binding[i].value->span, "first given here");
        return false;
    }
    binding[i].value = named ? a->first : a;
    return true;
}

static bool bind_all(struct expansion *e, const struct ast *use, const struct ast *template,
                     struct binding *binding, uint32_t n)
{
    uint32_t i = 0;
    bool ok = true;
    for (const struct ast *p = template->first; p; p = p->next)
        if (p->kind == AST_PARAM)
            binding[i++] = (struct binding){.param = p};
    i = 0;
    for (const struct ast *a = use->first; a; a = a->next, i++)
        ok &= a->kind != AST_BAD && bind(e, a, template, i, binding, n);
    for (i = 0; ok && i < n; i++) {
        if (!binding[i].value)
            binding[i].value = binding[i].param->first->next;
        if (binding[i].value)
            continue;
        diag(e->diags, DIAG_BAD_USE, use->span, "a parameter without default is not given");
        diag_also(e->diags, binding[i].param->span, "this one");
        ok = false;
    }
    return ok;
}

static struct span moved(const struct site *site, struct span span)
{
    return (struct span){span.from - site->from + site->shift, span.to - site->from + site->shift};
}

/* Nodes whose name is a word of the language, not of the configuration. */
static bool has_fixed_name(enum ast_kind kind)
{
    return kind == AST_SETTING || kind == AST_FIELD || kind == AST_FROM || kind == AST_ON ||
           kind == AST_ASSERT || kind == AST_ALLOW || kind == AST_STRING || kind == AST_RAW;
}

/* 0.0.0.0:PORT with a parameter for PORT. */
static void put_port(struct expansion *e, const struct site *site, struct ast *a)
{
    const char *colon = a->name.len > 0 ? memrchr(a->name.at, ':', a->name.len) : NULL;
    if (a->kind != AST_LITERAL || !colon)
        return;
    const size_t head = (size_t)(colon + 1 - a->name.at);
    const struct binding *b = bound(site, slice_from(a->name, head));
    if (b)
        a->name = arena_format(e->arena, SLICE_FMT SLICE_FMT, (int)head, a->name.at,
                               SLICE_ARG(b->value->name));
}

/* Is `{name}` in this text, where `{{` is a brace? */
static bool names(struct slice text, struct slice name)
{
    for (size_t i = 0; i + 1 < text.len; i++) {
        if (text.at[i] != '{')
            continue;
        if (text.at[i + 1] == '{') {
            i++;
            continue;
        }
        const struct slice inside = slice_trim(slice_from(text, i + 1));
        if (slice_starts(inside, name) &&
            slice_starts(slice_trim(slice_from(inside, name.len)), SLICE("}")))
            return true;
    }
    return false;
}

static struct ast *alone(struct expansion *e, const struct ast *of)
{
    struct ast *a = ARENA_NEW(e->arena, struct ast);
    e->n_nodes++;
    *a = *of;
    a->next = NULL;
    a->tail = NULL;
    return a;
}

/* A text stays as it is written: the parameters that it names stand beside it, each with its type
 * and its value, and what becomes of them is for whoever reads the text. */
static void put_beside(struct expansion *e, const struct site *site, struct ast *string)
{
    struct ast **last = &string->first;
    for (uint32_t i = 0; i < site->n; i++) {
        const struct binding *b = &site->binding[i];
        if (!names(string->name, b->param->name))
            continue;
        struct ast *given = alone(e, b->param);
        given->kind = AST_ARGUMENT;
        given->first = alone(e, b->param->first);
        given->first->next = alone(e, b->value);
        *last = given;
        last = &given->next;
    }
}

static struct ast *copy(struct expansion *e, const struct site *site, const struct ast *of)
{
    struct ast *a = ARENA_NEW(e->arena, struct ast);
    e->n_nodes++;
    *a = *of;
    a->next = NULL;
    a->tail = NULL;
    const struct binding *b = has_fixed_name(of->kind) ? NULL : bound(site, of->name);
    if (b && of->kind == AST_WORD) {
        *a = *b->value;
        a->next = NULL;
        a->tail = NULL;
        return a;
    }
    a->span = moved(site, of->span);
    if (of->name.len > 0)
        a->name_span = moved(site, of->name_span);
    if (b && b->value->kind == AST_WORD) {
        a->name = b->value->name;
        a->name_span = b->value->span;
        if (of->kind == AST_USE_ACL)
            a->span = b->value->span;
    }
    put_port(e, site, a);
    struct ast **last = &a->first;
    a->first = NULL;
    if (of->kind == AST_STRING)
        put_beside(e, site, a);
    for (const struct ast *c = of->first; c && e->n_nodes <= EXPANSION_NODES_MAX; c = c->next) {
        *last = copy(e, site, c);
        last = &(*last)->next;
    }
    return a;
}

/* May a node of this kind stand in such a block? */
static bool fits(enum ast_kind kind, enum ast_kind into)
{
    const bool clause = kind == AST_WHEN || kind == AST_OTHERWISE;
    if (kind == AST_BAD || kind == AST_USE)
        return true;
    if (into == AST_ROUTE || into == AST_ON)
        return clause;
    if (into == AST_FILE)
        return !clause && kind != AST_SETTING && kind != AST_ON;
    return kind == AST_SETTING || (kind == AST_ON && into == AST_LISTENER);
}

static bool may_be_used(struct expansion *e, const struct ast *use, const struct ast *template,
                        const struct site *site)
{
    for (const struct site *up = site; up; up = up->up)
        if (up->template == template)
            return say(e, use->span, "the template uses itself");
    if (site && site->depth >= EXPANSION_DEPTH_MAX)
        return say(e, use->span, "templates use one another more than 16 deep");
    if (++e->n_uses > EXPANSIONS_MAX || e->n_nodes > EXPANSION_NODES_MAX)
        return e->n_uses == EXPANSIONS_MAX + 1 ? say(e, use->span, "there are too many uses")
                                               : false;
    return true;
}

/* What the template holds, for this use; NULL after a report. */
static struct ast *put_in(struct expansion *e, const struct ast *use, enum ast_kind into,
                          const struct site *site)
{
    const struct ast *template = find(e, use->name);
    VEC_ADD(&e->use, (struct sema_use){.use = use});
    if (!template || !may_be_used(e, use, template, site))
        return NULL; /* an unknown name is sema's to report */
    uint32_t n = 0;
    const struct ast *body = NULL;
    for (const struct ast *p = template->first; p; p = p->next) {
        n += p->kind == AST_PARAM;
        body = p;
    }
    ASSERT(body); /* the last one, which the grammar wants */
    struct binding *binding = ARENA_ARRAY(e->arena, struct binding, n);
    if (!bind_all(e, use, template, binding, n))
        return NULL;
    for (uint32_t i = 0; i < n; i++)
        VEC_ADD(&e->use,
                (struct sema_use){.type = binding[i].param->first, .value = binding[i].value});
    struct site here = {template, site, site ? site->depth + 1 : 1, binding, n, body->span.from, 0};
    if (sources_expand(e->sources, body->span, use->span, &here.shift) < 0) {
        say(e, use->span, "there are too many uses");
        return NULL;
    }
    struct ast *all = copy(e, &here, body);
    for (const struct ast *a = all->first; a; a = a->next) {
        if (fits(a->kind, into))
            continue;
        diag(e->diags, DIAG_BAD_USE, a->span, "this cannot stand where the template is used");
        return NULL;
    }
    list(e, &all->first, into, &here);
    return all->first;
}

static struct ast *broken(struct expansion *e, const struct ast *use)
{
    struct ast *a = ARENA_NEW(e->arena, struct ast);
    a->kind = AST_BAD;
    a->depth = 1;
    a->span = use->span;
    return a;
}

static bool holds_statements(enum ast_kind kind)
{
    return kind == AST_CLUSTER || kind == AST_LISTENER || kind == AST_ROUTE || kind == AST_ON ||
           kind == AST_SETTING || kind == AST_BLOCK || kind == AST_LIMIT || kind == AST_TLS ||
           kind == AST_ADMIN || kind == AST_LOG || kind == AST_NOTIFY || kind == AST_ALERT ||
           kind == AST_RESOLVER || kind == AST_SHARED;
}

/* Replaces each use in a list of statements. */
static void list(struct expansion *e, struct ast **first, enum ast_kind into,
                 const struct site *site)
{
    for (struct ast **at = first; *at;) {
        struct ast *a = *at;
        if (a->kind != AST_USE) {
            if (holds_statements(a->kind))
                list(e, &a->first, a->kind, site);
            at = &a->next;
            continue;
        }
        struct ast *put = put_in(e, a, into, site);
        if (!put && diag_errors(e->diags) == 0 && find(e, a->name)) {
            *at = a->next; /* an empty template */
            continue;
        }
        *at = put ? put : broken(e, a);
        while (*at)
            at = &(*at)->next;
        *at = a->next;
    }
}

void expand(struct expansion *e, struct ast *file)
{
    for (const struct ast *a = file->first; a; a = a->next)
        if (a->kind == AST_TEMPLATE)
            VEC_ADD(&e->template, a);
    list(e, &file->first, AST_FILE, NULL);
    VEC_DONE(&e->template);
}

#include "compiler/sema/sema.h"

#include "compiler/sema/sema_priv.h"
#include "runtime/base/number.h"

static void check_version(struct sema *s)
{
    const struct ast *first = s->in->file->first;
    if (first && first->kind == AST_BAD)
        return; /* who knows what it was */
    if (!first || first->kind != AST_VERSION) {
        const uint32_t at = s->in->file->span.from;
        diag(s->diags, DIAG_NO_VERSION, (struct span){at, at});
        diag_fix(s->diags, (struct span){at, at}, SLICE("lbconf 1\n"), "begin it with `lbconf 1`");
    }
    for (const struct ast *a = first; a; a = a->next) {
        if (a->kind != AST_VERSION)
            continue;
        if (a != first)
            diag(s->diags, DIAG_VERSION_TWICE, a->span);
        else if (a->first->kind != AST_LITERAL || !slice_eq(a->first->name, SLICE("1")))
            diag(s->diags, DIAG_BAD_VERSION, a->first->span);
    }
}

/* Numbers clusters, routes and listeners in source order, so that names can be resolved to them. */
static void number(struct sema *s, uint32_t n[DEF_LISTENER + 1])
{
    for (uint32_t i = 0; i < s->scope->all.n; i++) {
        struct definition *d = s->scope->all.at[i];
        d->index = n[d->kind]++;
    }
}

/* Those nobody asks for are checked all the same. */
static bool work_out(struct sema *s, struct definition *d)
{
    switch (d->kind) {
    case DEF_CONST:
    case DEF_ENV: return d->state == DEF_FAILED || definition_value(s, d);
    case DEF_SET: return d->state == DEF_FAILED || definition_set(s, d);
    case DEF_ACL: return d->state == DEF_FAILED || definition_acl(s, d);
    case DEF_CLUSTER:
    case DEF_ROUTE:
    case DEF_LISTENER: break;
    }
    return true;
}

static const struct program *build(struct sema *s)
{
    uint32_t n[DEF_LISTENER + 1] = {0};
    number(s, n);
    struct program_listener *listener =
        ARENA_ARRAY(s->arena, struct program_listener, n[DEF_LISTENER]);
    struct program_cluster *cluster = ARENA_ARRAY(s->arena, struct program_cluster, n[DEF_CLUSTER]);
    struct route *route = ARENA_ARRAY(s->arena, struct route, n[DEF_ROUTE]);
    bool ok = true;
    for (uint32_t i = 0; i < s->scope->all.n; i++) {
        struct definition *d = s->scope->all.at[i];
        if (d->kind == DEF_CLUSTER)
            ok &= cluster_read(s, d, &cluster[d->index]);
        else if (d->kind == DEF_ROUTE)
            ok &= route_read(s, d, &route[d->index]);
        else if (d->kind == DEF_LISTENER)
            ok &= listener_read(s, d, &listener[d->index]);
        else
            ok &= work_out(s, d);
    }
    struct program *p = ARENA_NEW(s->arena, struct program);
    *p = (struct program){s->in->sources,  listener,       cluster,     route,
                          n[DEF_LISTENER], n[DEF_CLUSTER], n[DEF_ROUTE]};
    return ok ? p : NULL;
}

static void check_whole(struct sema *s, const struct program *p)
{
    const uint32_t at = s->in->file->span.from;
    if (p && p->n_listeners == 0 && diag_errors(s->diags) == 0)
        diag(s->diags, DIAG_NO_LISTENER, (struct span){at, at});
    if (s->tests > PROGRAM_TESTS_MAX)
        diag(s->diags, DIAG_TOO_LARGE, (struct span){at, at},
             "too long: all conditions together make more than 4194304 tests");
}

const struct program *sema(const struct sema_input *in, struct arena *arena, struct diags *d,
                           struct scope *scope)
{
    struct sema s = {.in = in, .arena = arena, .diags = d, .scope = scope};
    define_all(&s);
    check_version(&s);
    const struct program *p = build(&s);
    check_whole(&s, p);
    VEC_DONE(&s.bound);
    ASSERT(p || diag_errors(d) > 0);
    return diag_errors(d) == 0 ? p : NULL;
}

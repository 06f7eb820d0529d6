#include "compiler/sema/sema.h"

#include "compiler/sema/sema_priv.h"
#include "grammar/form.h"
#include "runtime/base/number.h"

static void say_no_version(struct sema *s, uint32_t at)
{
    const enum convert_form form = sources_count(s->in->sources) > 0
                                       ? convert_form_of(sources_place(s->in->sources, at).file)
                                       : CONVERT_LBCONF;
    diag(s->diags, DIAG_NO_VERSION, (struct span){at, at});
    if (form == CONVERT_LBCONF)
        diag_fix(s->diags, (struct span){at, at}, SLICE("lbconf 1\n"), "begin it with `lbconf 1`");
    else
        diag_note(s->diags, "its first key says so: %s",
                  form == CONVERT_JSON ? "{ \"lbconf\": 1, ... }" : "lbconf: 1");
}

static void check_version(struct sema *s)
{
    const struct ast *first = s->in->file->first;
    if (first && first->kind == AST_BAD)
        return; /* who knows what it was */
    if (!first || first->kind != AST_VERSION)
        say_no_version(s, s->in->file->span.from);
    for (const struct ast *a = first; a; a = a->next) {
        if (a->kind != AST_VERSION)
            continue;
        if (a != first)
            diag(s->diags, DIAG_VERSION_TWICE, a->span);
        else if (a->first->kind != AST_LITERAL || !slice_eq(a->first->name, SLICE("1")))
            diag(s->diags, DIAG_BAD_VERSION, a->first->span);
    }
}

/* Numbers the definitions of each kind in source order, so that names can be resolved to them. */
static void number(struct sema *s, uint32_t n[DEF_KIND_COUNT])
{
    for (uint32_t i = 0; i < s->scope->all.n; i++) {
        struct definition *d = s->scope->all.at[i];
        d->index = n[d->kind]++;
    }
}

/* Those nobody asks for are checked all the same. */
static bool work_out(struct sema *s, struct definition *d)
{
    if (d->state == DEF_FAILED)
        return true;
    if (d->kind == DEF_CONST || d->kind == DEF_ENV)
        return definition_value(s, d);
    if (d->kind == DEF_SET)
        return definition_set(s, d);
    if (d->kind == DEF_MAP)
        return definition_map(s, d);
    return d->kind != DEF_ACL || definition_acl(s, d);
}

static bool build_definitions(struct sema *s, struct program *p, const uint32_t n[DEF_KIND_COUNT])
{
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
    p->listener = listener;
    p->cluster = cluster;
    p->route = route;
    p->n_listeners = n[DEF_LISTENER];
    p->n_clusters = n[DEF_CLUSTER];
    p->n_routes = n[DEF_ROUTE];
    return ok;
}

/* limit, tls, admin ...: those of a name that was defined before are out. */
static bool build_objects(struct sema *s, struct program *p)
{
    bool ok = true;
    for (enum object_kind k = 0; k < OBJECT_KIND_COUNT; k++) {
        uint32_t n = 0;
        enum object_kind kind;
        enum setting_block block;
        for (const struct ast *a = s->in->file->first; a; a = a->next)
            n += object_kind_of(a->kind, &kind, &block) && kind == k;
        struct program_object *object = ARENA_ARRAY(s->arena, struct program_object, n);
        n = 0;
        for (const struct ast *a = s->in->file->first; a; a = a->next)
            if (object_kind_of(a->kind, &kind, &block) && kind == k)
                ok &= object_read(s, a, block, &object[n++]);
        p->object[k] = object;
        p->n_objects[k] = n;
    }
    return ok;
}

static bool build_secrets(struct sema *s, struct program *p, uint32_t n)
{
    struct program_secret *secret = ARENA_ARRAY(s->arena, struct program_secret, n);
    bool ok = true;
    for (uint32_t i = 0; i < s->scope->all.n; i++) {
        const struct definition *d = s->scope->all.at[i];
        if (d->kind == DEF_SECRET)
            ok &= secret_read(s, d, &secret[d->index]);
    }
    p->secret = secret;
    p->n_secrets = n;
    return ok;
}

static bool build_tests(struct sema *s, struct program *p)
{
    const uint32_t unserved = s->unserved.n;
    uint32_t tests = 0, assertions = 0;
    for (const struct ast *a = s->in->file->first; a; a = a->next) {
        tests += a->kind == AST_TEST;
        assertions += a->kind == AST_ASSERT;
    }
    struct program_test *test = ARENA_ARRAY(s->arena, struct program_test, tests);
    struct program_assert *assertion = ARENA_ARRAY(s->arena, struct program_assert, assertions);
    bool ok = true;
    for (const struct ast *a = s->in->file->first; a; a = a->next) {
        if (a->kind == AST_TEST)
            ok &= test_block_read(s, a, &test[p->n_tests++]);
        else if (a->kind == AST_ASSERT)
            ok &= assert_read(s, a, &assertion[p->n_assertions++]);
    }
    p->test = test;
    p->assertion = assertion;
    s->unserved.n = unserved; /* they ask about a request, and none meets them */
    return ok;
}

/* The most places that are shown of what is not served. */
#define UNSERVED_SHOWN 12u

/* One mistake, one message: that a file is ahead of its program is said once. */
static void say_unserved(struct sema *s)
{
    const uint32_t n = s->unserved.n;
    if (n == 0 || diag_errors(s->diags) > 0)
        return;
    diag(s->diags, s->in->to_run ? DIAG_NOT_SERVED : DIAG_NOT_SERVED_YET, s->unserved.at[0]);
    for (uint32_t i = 1; i < n && i < UNSERVED_SHOWN; i++)
        diag_also(s->diags, s->unserved.at[i], "and this");
    if (n > UNSERVED_SHOWN)
        diag_note(s->diags, "and %u more", n - UNSERVED_SHOWN);
    if (!s->in->to_run)
        diag_note(s->diags, "`lbc run` refuses it: nothing is silently without effect");
}

static void keep_unserved(struct sema *s, struct program *p)
{
    struct span *span = ARENA_ARRAY(s->arena, struct span, s->unserved.n);
    if (s->unserved.n > 0)
        memcpy(span, s->unserved.at, s->unserved.n * sizeof(*span));
    p->unserved = span;
    p->n_unserved = s->unserved.n;
}

static struct program *build(struct sema *s)
{
    uint32_t n[DEF_KIND_COUNT] = {0};
    number(s, n);
    struct program *p = ARENA_NEW(s->arena, struct program);
    *p = (struct program){.sources = s->in->sources};
    bool ok = uses_read(s);
    ok &= build_definitions(s, p, n);
    ok &= build_objects(s, p);
    ok &= admin_read(s, p);
    ok &= build_secrets(s, p, n[DEF_SECRET]);
    ok &= build_tests(s, p);
    keep_unserved(s, p);
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
    struct sema s = {.phase = PHASE_REQUEST,
                     .in = in,
                     .arena = arena,
                     .diags = d,
                     .scope = scope,
                     .path_rules = path_rules_of(in->file)};
    define_all(&s);
    check_version(&s);
    struct program *p = build(&s);
    say_unserved(&s);
    check_whole(&s, p);
    if (p && diag_errors(d) == 0 &&
        !(gotos_check(&s, p) && protocols_check(&s, p) && limits_check(&s, p)))
        p = NULL;
    VEC_DONE(&s.bounds.all);
    free(s.bounds.slot);
    VEC_DONE(&s.unserved);
    VEC_DONE(&s.exceeded);
    ASSERT(p || diag_errors(d) > 0);
    return diag_errors(d) == 0 ? p : NULL;
}

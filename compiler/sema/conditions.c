/* Conditions: and, or, not and acls. Single tests are tests.c's. */
#include "compiler/sema/sema_priv.h"

bool is_condition(const struct ast *a)
{
    return a->kind >= AST_AND && a->kind <= AST_EXISTS;
}

static uint32_t more(uint32_t a, uint32_t b)
{
    return a > b ? a : b;
}

/*
 * The conditions [first, first + n) joined in pairs, and these in pairs again, so that a thousand
 * of them are ten levels deep. Which pairs does not matter: and, or are associative.
 */
static struct built join(struct sema *s, enum cond_kind kind, const struct built *first, uint32_t n)
{
    if (n == 1)
        return *first;
    const struct built left = join(s, kind, first, n / 2);
    const struct built right = join(s, kind, first + n / 2, n - n / 2);
    struct cond *c = ARENA_NEW(s->arena, struct cond);
    c->kind = kind;
    c->span = span_join(left.cond->span, right.cond->span);
    c->left = left.cond;
    c->right = right.cond;
    return (struct built){c, 1 + more(left.depth, right.depth), left.size + right.size,
                          more(left.acls, right.acls)};
}

static bool say_too_large(struct sema *s, struct span where, const char *how)
{
    diag(s->diags, DIAG_TOO_LARGE, where, how);
    return false;
}

static bool within_limits(struct sema *s, const struct built *b)
{
    if (b->depth > COND_DEPTH_MAX)
        return say_too_large(s, b->cond->span, "nested too deep: more than 200 levels");
    if (b->size > COND_TESTS_MAX)
        return say_too_large(s, b->cond->span, "too long: more than 262144 tests");
    return true;
}

static bool joined(struct sema *s, const struct ast *a, enum cond_kind kind, struct built *out)
{
    VEC(struct built) part = {0};
    bool ok = true;
    for (const struct ast *c = a->first; c; c = c->next) {
        struct built b = {0};
        if (condition(s, c, &b))
            VEC_ADD(&part, b);
        else
            ok = false;
    }
    uint64_t size = 0;
    for (uint32_t i = 0; i < part.n; i++)
        size += part.at[i].size;
    if (ok && size > COND_TESTS_MAX)
        ok = say_too_large(s, a->span, "too long: more than 262144 tests");
    if (ok)
        *out = join(s, kind, part.at, part.n);
    VEC_DONE(&part);
    return ok;
}

static bool negated(struct sema *s, const struct ast *a, struct built *out)
{
    struct built b = {0};
    if (!condition(s, a->first, &b))
        return false;
    struct cond *c = ARENA_NEW(s->arena, struct cond);
    c->kind = COND_NOT;
    c->span = a->span;
    c->left = b.cond;
    *out = (struct built){c, b.depth + 1, b.size, b.acls};
    return true;
}

/* A field where an acl may stand: what is asked of it is missing. */
static bool say_no_test(struct sema *s, const struct ast *a)
{
    diag(s->diags, DIAG_INCOMPLETE, a->span);
    diag_label(s->diags, "`" SLICE_FMT "` is a field; what is asked of it?", SLICE_ARG(a->name));
    diag_note(s->diags, "such as: " SLICE_FMT " == \"...\", " SLICE_FMT " in { ... }",
              SLICE_ARG(a->name), SLICE_ARG(a->name));
    return false;
}

static bool say_too_early(struct sema *s, const struct ast *a, const struct definition *d)
{
    static const char *const NAME[] = {"a connection", "a request", "a response"};
    diag(s->diags, DIAG_NOT_KNOWN_YET, a->span, NAME[s->phase],
         d->phase == PHASE_REQUEST ? "request" : "response");
    diag_also(s->diags, d->span, "this acl asks for it");
    return false;
}

static bool named(struct sema *s, const struct ast *a, struct built *out)
{
    struct slice key;
    enum table_field field = field_find(a->name, FIELD_PLAIN);
    if (field == FIELD_COUNT)
        field = field_find_named(a->name, &key);
    if (field < FIELD_COUNT && !scope_find(s->scope, DEF_ACL, a->name))
        return field_type(field) == TYPE_BOOLEAN ? boolean_read(s, a, out) : say_no_test(s, a);
    struct definition *d = resolve(s, DEF_ACL, a->name, a->span);
    if (!d || !definition_acl(s, d))
        return false;
    if (d->phase > s->phase)
        return say_too_early(s, a, d);
    struct cond *c = ARENA_NEW(s->arena, struct cond);
    c->kind = COND_ACL;
    c->span = a->span;
    c->acl = d->name;
    c->left = d->body;
    *out = (struct built){c, d->depth + 1, d->size, d->acls};
    return true;
}

bool condition(struct sema *s, const struct ast *a, struct built *out)
{
    bool ok = false;
    if (a->kind == AST_AND)
        ok = joined(s, a, COND_AND, out);
    else if (a->kind == AST_OR)
        ok = joined(s, a, COND_OR, out);
    else if (a->kind == AST_NOT)
        ok = negated(s, a, out);
    else if (a->kind == AST_USE_ACL)
        ok = named(s, a, out);
    else if (is_condition(a))
        ok = test_read(s, a, out);
    return ok && within_limits(s, out);
}

static bool say_acls_too_deep(struct sema *s, const struct definition *d)
{
    return say_too_large(s, d->span, "nested too deep: more than 32 acls one in another");
}

static enum table_phase later(enum table_phase a, enum table_phase b)
{
    return a > b ? a : b;
}

/* From when on everything is known that it asks for. */
static enum table_phase phase_of(const struct cond *c)
{
    switch (c->kind) {
    case COND_TRUE: return PHASE_CONNECT;
    case COND_ATOM: return table_field_phase(c->field);
    case COND_NOT:
    case COND_ACL: return phase_of(c->left);
    case COND_AND:
    case COND_OR: return later(phase_of(c->left), phase_of(c->right));
    }
    return PHASE_CONNECT;
}

/* An acl may be used in any phase that knows what it asks for, so its own text is read as if all
 * were known. */
static bool read_anywhere(struct sema *s, const struct ast *a, struct built *out)
{
    const enum table_phase phase = s->phase;
    const bool responding = s->responding;
    s->phase = PHASE_RESPONSE;
    s->responding = false;
    const bool ok = condition(s, a, out);
    s->phase = phase;
    s->responding = responding;
    return ok;
}

static bool work_out_acl(struct sema *s, struct definition *d)
{
    struct built b = {0};
    if (!read_anywhere(s, d->node->first, &b))
        return false;
    d->body = b.cond;
    d->phase = phase_of(b.cond);
    d->depth = b.depth;
    d->size = b.size;
    d->acls = b.acls + 1;
    return d->acls <= ACL_DEPTH_MAX || say_acls_too_deep(s, d);
}

bool definition_acl(struct sema *s, struct definition *d)
{
    if (d->state == DEF_UNTOUCHED && s->acl_depth == ACL_DEPTH_MAX)
        return say_acls_too_deep(s, d);
    s->acl_depth++;
    const bool ok = worked_out(s, d, work_out_acl);
    s->acl_depth--;
    return ok;
}

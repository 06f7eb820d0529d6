/* Uses of templates: that there is such a template, and that what is given is of the parameter's
 * type. */
#include "compiler/sema/sema_priv.h"

/* A parameter may be a name of any kind, or of one: the word is the kind's. */
static enum def_kind kind_of(struct slice word)
{
    enum def_kind k = 0;
    while (k < DEF_KIND_COUNT && !slice_eq(slice_of(def_kind_name(k)), word))
        k++;
    return k;
}

static bool name_given(struct sema *s, const struct ast *value, const char *wanted)
{
    if (value->kind == AST_WORD)
        return true;
    diag(s->diags, DIAG_WRONG_TYPE, value->span, wanted, "a value");
    return false;
}

static bool value_given(struct sema *s, const struct ast *type, const struct ast *value)
{
    const enum type t = type_find(type->name);
    struct value v;
    if (t < TYPE_COUNT)
        return value_read(s, value, t, &v);
    if (slice_eq(type->name, SLICE("name"))) {
        if (!name_given(s, value, "a name"))
            return false;
        name_check(s, value->name, value->span, false);
        return true;
    }
    const enum def_kind kind = kind_of(type->name);
    if (kind < DEF_KIND_COUNT)
        return name_given(s, value, def_kind_article(kind)) &&
               resolve(s, kind, value->name, value->span) != NULL;
    diag(s->diags, DIAG_UNKNOWN_WORD, type->span, "type", SLICE_ARG(type->name));
    suggest_fix(s, type->span, type_suggest(type->name));
    return false;
}

bool uses_read(struct sema *s)
{
    bool ok = true;
    for (uint32_t i = 0; i < s->in->n_uses; i++) {
        const struct sema_use *u = &s->in->use[i];
        if (u->use)
            ok &= resolve(s, DEF_TEMPLATE, u->use->name, u->use->name_span) != NULL;
        else
            ok &= value_given(s, u->type, u->value);
    }
    return ok;
}

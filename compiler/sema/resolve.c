/* From a name that is used to its definition. */
#include "compiler/sema/sema_priv.h"

void suggest_fix(struct sema *s, struct span where, struct slice meant)
{
    if (meant.at)
        diag_fix(s->diags, where, meant, "did you mean `" SLICE_FMT "`?", SLICE_ARG(meant));
}

void fix_quoted(struct sema *s, struct span where, struct slice text)
{
    struct text t = {0};
    text_addc(&t, '"');
    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] == '"' || text.at[i] == '\\')
            text_addc(&t, '\\');
        text_addc(&t, text.at[i]);
    }
    text_addc(&t, '"');
    const struct slice fix = text_slice(&t);
    diag_fix(s->diags, where, fix, "write `" SLICE_FMT "`", SLICE_ARG(fix));
    text_done(&t);
}

static void say_undefined(struct sema *s, enum def_kind kind, struct slice name, struct span where)
{
    /* Thousands of undefined names are one mistake, and each search takes as long as the file is.
     */
    struct definition *near =
        s->searches++ < SEARCHES_MAX ? scope_suggest(s->scope, kind, name) : NULL;
    const struct definition *other = near ? NULL : scope_find_other(s->scope, kind, name);
    if (other) {
        diag(s->diags, DIAG_WRONG_KIND, where, SLICE_ARG(name), def_kind_article(other->kind),
             def_kind_article(kind));
        diag_also(s->diags, other->span, "defined here");
        return;
    }
    diag(s->diags, DIAG_UNDEFINED, where, def_kind_name(kind), SLICE_ARG(name));
    if (!near)
        return;
    near->used = true;
    diag_also(s->diags, near->span, "a name like it");
    suggest_fix(s, where, near->name);
}

struct definition *resolve(struct sema *s, enum def_kind kind, struct slice name, struct span where)
{
    struct definition *d = scope_find(s->scope, kind, name);
    if (d) {
        d->used = true;
        uses_add(s->in->uses, where, d);
        return d;
    }
    if (!scope_is_broken(s->scope, name))
        say_undefined(s, kind, name, where);
    return NULL;
}

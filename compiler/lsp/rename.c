/* A new name for something, everywhere at once; never one that means something already. */
#include "compiler/lsp/server.h"

/* Operators are operators everywhere. */
static const struct slice reserved[] = {
#define KEYWORD(token, spelling)
#define OPERATOR(token, spelling) SLICE_INIT(spelling),
#include "grammar/keywords.def"
#undef KEYWORD
#undef OPERATOR
};

static bool is_reserved(struct slice name)
{
    for (size_t i = 0; i < COUNT_OF(reserved); i++)
        if (slice_eq(reserved[i], name))
            return true;
    return false;
}

static bool is_constant(enum def_kind kind)
{
    return kind == DEF_CONST || kind == DEF_ENV;
}

static bool is_name(struct slice name, bool constant)
{
    for (size_t i = 0; i < name.len; i++) {
        const char c = name.at[i];
        const bool letter = (c >= 'a' && c <= 'z') || (constant && c >= 'A' && c <= 'Z');
        const bool later = (c >= '0' && c <= '9') || c == '-' || (constant && c == '_');
        if (!letter && (i == 0 || !later))
            return false;
    }
    return name.len > 0;
}

/* Whom the name would be taken from, or NULL. */
static const struct definition *clash(const struct project *p, const struct definition *renamed,
                                      struct slice name)
{
    for (uint32_t i = 0; i < p->uses.all.n; i++) {
        const struct definition *d = p->uses.all.at[i].of;
        const bool same_kind =
            d->kind == renamed->kind || (is_constant(d->kind) && is_constant(renamed->kind));
        if (d != renamed && same_kind && slice_eq(d->name, name))
            return d;
    }
    return NULL;
}

bool prepare_rename(struct ask *a, struct text *out)
{
    const struct use *u = project_use(a->p, a->at);
    if (!u)
        return true; /* null: nothing to rename here */
    text_adds(out, "{\"range\":");
    project_add_range(a->p, a->s->encoding, project_name(a->p, u), out);
    text_adds(out, ",\"placeholder\":");
    text_add_json(out, u->of->name);
    text_addc(out, '}');
    return true;
}

static const char *why_not(const struct ask *a, const struct use *u, struct slice name)
{
    if (!u)
        return "there is no name here";
    if (!is_name(name, is_constant(u->of->kind)))
        return is_constant(u->of->kind)
                   ? "a name is letters, digits, dashes and underscores, and begins with a letter"
                   : "a name is lower case letters, digits and dashes, and begins with a letter";
    if (is_reserved(name))
        return "this is an operator, and nothing can be called by it";
    if (clash(a->p, u->of, name))
        return "there is one of this name already";
    for (uint32_t i = 0; i < a->p->uses.all.n; i++) {
        const struct use *place = &a->p->uses.all.at[i];
        if (project_same(a->p, place, u) &&
            !slice_eq(project_text(a->p, project_name(a->p, place)), u->of->name))
            return "one of its places is not spelt as its name";
    }
    return NULL;
}

bool rename_name(struct ask *a, struct text *out)
{
    const struct slice name = json_string(json_get(a->params, "newName"));
    const struct use *asked = project_use(a->p, a->at);
    if (!name.at)
        return false;
    a->refused = why_not(a, asked, name);
    if (a->refused)
        return false;
    struct edits e;
    edits_begin(&e, a->s, a->p, out);
    for (uint32_t i = 0; i < a->p->uses.all.n; i++)
        if (project_same(a->p, &a->p->uses.all.at[i], asked))
            edits_add(&e, project_name(a->p, &a->p->uses.all.at[i]), name);
    edits_end(&e);
    return true;
}

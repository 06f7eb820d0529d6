/* From a name to its definition, and to all its places. */
#include "compiler/lsp/server.h"

bool find_definition(struct ask *a, struct text *out)
{
    const struct use *u = project_use(a->p, a->at);
    if (u)
        project_add_location(a->p, &a->s->open, a->s->encoding, u->of->span, out);
    return true;
}

bool find_references(struct ask *a, struct text *out)
{
    const struct use *asked = project_use(a->p, a->at);
    const struct json *context = json_get(a->params, "context");
    const bool declaration = json_is_true(json_get(context, "includeDeclaration"));
    if (!asked)
        return true;
    uint32_t n = 0;
    text_addc(out, '[');
    for (uint32_t i = 0; i < a->p->uses.all.n; i++) {
        const struct use *u = &a->p->uses.all.at[i];
        if (!project_same(a->p, u, asked) || (!declaration && project_defines(a->p, u)))
            continue;
        text_adds(out, n++ ? "," : "");
        project_add_location(a->p, &a->s->open, a->s->encoding, project_name(a->p, u), out);
    }
    text_addc(out, ']');
    return true;
}

/* Its definition is marked as written, the others as read. */
bool highlight(struct ask *a, struct text *out)
{
    const struct use *asked = project_use(a->p, a->at);
    if (!asked)
        return true;
    uint32_t n = 0;
    text_addc(out, '[');
    for (uint32_t i = 0; i < a->p->uses.all.n; i++) {
        const struct use *u = &a->p->uses.all.at[i];
        if (!project_same(a->p, u, asked) ||
            project_file_at(a->p, u->span.from) != &a->p->file[a->file])
            continue;
        text_adds(out, n++ ? ",{\"range\":" : "{\"range\":");
        project_add_range(a->p, a->s->encoding, project_name(a->p, u), out);
        text_addf(out, ",\"kind\":%d}", project_defines(a->p, u) ? 3 : 2);
    }
    text_addc(out, ']');
    return true;
}

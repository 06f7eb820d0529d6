/* What stands here: a name with what it comes to, or a word with what it means. */
#include "compiler/lsp/describe.h"
#include "compiler/lsp/help.h"
#include "compiler/lsp/server.h"
#include "grammar/explanation.h"
#include "grammar/report.h"

static bool answer(const struct ask *a, struct span span, const struct text *markdown,
                   struct text *out)
{
    text_adds(out, "{\"contents\":{\"kind\":\"markdown\",\"value\":");
    text_add_json(out, text_slice(markdown));
    text_adds(out, "},\"range\":");
    project_add_range(a->p, a->s->encoding, span, out);
    text_addc(out, '}');
    return true;
}

struct explaining {
    uint32_t at;
    struct span span;
    struct text *out;
};

/* The long story of what is wrong here; the short one is on the screen already. */
static void explain(void *to, const struct report *r)
{
    struct explaining *e = to;
    if (e->at < r->primary.span.from || e->at > r->primary.span.to)
        return;
    const struct slice about = diag_explanation(r->code).about;
    if (about.len == 0)
        return;
    e->span = r->primary.span;
    text_addf(e->out, "%s**%s**  \n" SLICE_FMT, e->out->len ? "\n\n---\n\n" : "",
              diag_text(r->code)->code, SLICE_ARG(about));
}

bool hover(struct ask *a, struct text *out)
{
    struct text t = {0};
    const struct use *u = project_use(a->p, a->at);
    struct explaining e = {.at = a->at, .out = &t};
    if (u)
        describe(a->p, u->of, &t);
    diags_each(a->p->diags, explain, &e);
    if (t.len > 0) {
        answer(a, u ? project_name(a->p, u) : e.span, &t, out);
        text_done(&t);
        return true;
    }
    const struct tokens *tokens = &project_tree(a->p, a->file)->tokens;
    if (tokens->n == 0)
        return true; /* not text */
    const struct context c = context_at(tokens, a->at, true);
    const struct token *token = &tokens->at[c.at];
    if (token->span.from <= a->at) /* not in what stands between two */
        help_add(&c, &t);
    if (t.len > 0)
        answer(a, token->span, &t, out);
    text_done(&t);
    return true;
}

/* Colours for editors that have no grammar of their own: what each piece of the text is. */
#include "compiler/lsp/help.h"
#include "compiler/lsp/server.h"
#include "compiler/sema/types.h"
#include "grammar/words.h"

/* In the order of the legend of `initialize`. */
enum colour {
    COLOUR_KEYWORD,
    COLOUR_OPERATOR,
    COLOUR_STRING,
    COLOUR_NUMBER,
    COLOUR_COMMENT,
    COLOUR_VARIABLE,
    COLOUR_CLASS,
    COLOUR_PROPERTY,
    COLOUR_NONE,
};

struct painting {
    const struct ask *a;
    struct text *out;
    struct position last;
    uint32_t use, n;
};

/* Lines and characters since the one before, length, kind, no modifiers. One that is longer than a
 * line does not occur. */
static void paint(struct painting *p, struct span span, enum colour colour)
{
    const struct file *f = &p->a->p->file[p->a->file];
    const enum encoding e = p->a->s->encoding;
    const struct position at = lines_position(&f->lines, e, span.from - f->first);
    const struct position end = lines_position(&f->lines, e, span.to - f->first);
    if (colour == COLOUR_NONE || end.line != at.line || end.character == at.character)
        return;
    const uint32_t lines = at.line - p->last.line;
    text_addf(p->out, "%s%u,%u,%u,%d,0", p->n++ ? "," : "", lines,
              at.character - (lines ? 0 : p->last.character), end.character - at.character,
              (int)colour);
    p->last = at;
}

/* Comments stand between tokens. */
static void paint_lead(struct painting *p, struct span lead)
{
    const struct slice text = project_text(p->a->p, lead);
    for (uint32_t i = 0; i < text.len; i++) {
        if (text.at[i] != '#')
            continue;
        uint32_t end = i;
        while (end < text.len && text.at[end] != '\n' && text.at[end] != '\r')
            end++;
        paint(p, (struct span){lead.from + i, lead.from + end}, COLOUR_COMMENT);
        i = end;
    }
}

/* Is it a name that was defined, here or elsewhere? */
static bool is_use(struct painting *p, struct span span)
{
    const struct uses *u = &p->a->p->uses;
    while (p->use < u->all.n && u->all.at[p->use].span.from < span.from)
        p->use++;
    return p->use < u->all.n && u->all.at[p->use].span.from == span.from;
}

static enum colour colour_of(struct painting *p, const struct token *t, bool begins)
{
    const char c = t->text.at[0];
    if (c == '"' || c == '\'')
        return COLOUR_STRING;
    if ((c >= '0' && c <= '9') || c == '[')
        return COLOUR_NUMBER;
    if (is_use(p, t->span))
        return COLOUR_CLASS;
    struct text unused = {0};
    const bool is_operator = help_add_test(t->text, &unused);
    text_done(&unused);
    if (is_operator || strchr("=!<>-", c))
        return COLOUR_OPERATOR;
    if (begins)
        return words_keyword(t->text) ? COLOUR_KEYWORD : COLOUR_PROPERTY;
    struct slice name;
    if (field_find(t->text, FIELD_PLAIN) < FIELD_COUNT ||
        field_find(t->text, FIELD_KEYED) < FIELD_COUNT ||
        field_find_named(t->text, &name) < FIELD_COUNT)
        return COLOUR_VARIABLE;
    return words_keyword(t->text) ? COLOUR_KEYWORD : COLOUR_NONE;
}

bool semantic_tokens(struct ask *a, struct text *out)
{
    const struct tokens *tokens = &project_tree(a->p, a->file)->tokens;
    struct painting p = {.a = a, .out = out};
    bool begins = true; /* a statement */
    text_adds(out, "{\"data\":[");
    for (uint32_t i = 0; i < tokens->n; i++) {
        const struct token *t = &tokens->at[i];
        paint_lead(&p, (struct span){t->lead, t->span.from});
        if (t->text.len > 0)
            paint(&p, t->span, colour_of(&p, t, begins));
        begins = slice_eq(t->text, SLICE("{")) || slice_eq(t->text, SLICE("}")) ||
                 slice_eq(t->text, SLICE(";")) || slice_ends(t->text, SLICE("\n")) ||
                 (begins && t->text.len == 0);
    }
    text_adds(out, "]}");
    return true;
}

/* The outline of a file, and what of it can be folded. */
#include "compiler/lsp/server.h"

/* SymbolKind of LSP. */
enum symbol {
    SYMBOL_NONE = 0,
    SYMBOL_MODULE = 2,
    SYMBOL_CLASS = 5,
    SYMBOL_FIELD = 8,
    SYMBOL_INTERFACE = 11,
    SYMBOL_FUNCTION = 12,
    SYMBOL_VARIABLE = 13,
    SYMBOL_CONSTANT = 14,
    SYMBOL_ARRAY = 18,
    SYMBOL_EVENT = 24,
    SYMBOL_OPERATOR = 25,
};

/* The word a node begins with, as it was written. */
static struct slice first_word(const struct project *p, const struct ast *a)
{
    const struct slice text = project_text(p, a->span);
    size_t n = 0;
    while (n < text.len && memchr(" \t\r\n{}()#;\"'=", text.at[n], 13) == NULL)
        n++;
    return (struct slice){text.at, n};
}

static enum symbol symbol_of(struct slice word, bool inside)
{
    static const struct {
        struct slice word;
        enum symbol kind;
        bool inside;
    } kinds[] = {
        {SLICE_INIT("listener"), SYMBOL_INTERFACE, false},
        {SLICE_INIT("cluster"), SYMBOL_CLASS, false},
        {SLICE_INIT("route"), SYMBOL_FUNCTION, false},
        {SLICE_INIT("acl"), SYMBOL_OPERATOR, false},
        {SLICE_INIT("set"), SYMBOL_ARRAY, false},
        {SLICE_INIT("map"), SYMBOL_ARRAY, false},
        {SLICE_INIT("const"), SYMBOL_CONSTANT, false},
        {SLICE_INIT("env"), SYMBOL_VARIABLE, false},
        {SLICE_INIT("secret"), SYMBOL_VARIABLE, false},
        {SLICE_INIT("server"), SYMBOL_FIELD, true},
        {SLICE_INIT("when"), SYMBOL_EVENT, true},
        {SLICE_INIT("otherwise"), SYMBOL_EVENT, true},
    };
    for (size_t i = 0; i < COUNT_OF(kinds); i++)
        if (slice_eq(kinds[i].word, word) && kinds[i].inside == inside)
            return kinds[i].kind;
    return inside ? SYMBOL_NONE : SYMBOL_MODULE;
}

#define TITLE_BYTES_MAX 80u

/* What a clause is called: its condition, on one line. */
static void add_title(const struct project *p, const struct ast *a, struct text *out)
{
    struct slice text = project_text(p, a->span);
    const char *brace = memchr(text.at, '{', text.len);
    const struct ast *condition = a->first;
    if (condition && condition->span.to > a->span.from && brace)
        text.len = condition->span.to - a->span.from;
    if (slice_starts(text, SLICE("otherwise")))
        text.len = 9;
    struct text title = {0};
    bool blank = false;
    for (size_t i = 0; i < text.len && title.len < TITLE_BYTES_MAX; i++) {
        const char c = text.at[i];
        if (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
            blank = true;
            continue;
        }
        if (blank && title.len > 0)
            text_addc(&title, ' ');
        blank = false;
        text_addc(&title, c);
    }
    text_add_json(out, text_slice(&title)); /* a character cut in two becomes U+FFFD */
    text_done(&title);
}

static bool add_symbol(struct ask *a, const struct ast *node, bool inside, uint32_t n,
                       struct text *out);

static void add_children(struct ask *a, const struct ast *node, struct text *out)
{
    uint32_t n = 0;
    text_adds(out, ",\"children\":[");
    for (const struct ast *c = node->first; c; c = c->next)
        n += add_symbol(a, c, true, n, out);
    text_addc(out, ']');
}

static bool add_symbol(struct ask *a, const struct ast *node, bool inside, uint32_t n,
                       struct text *out)
{
    const struct slice word = first_word(a->p, node);
    const enum symbol kind = symbol_of(word, inside);
    /* What a setting is called stands behind its word: server a 10.0.0.1:80. */
    const struct ast *called = node->kind == AST_SETTING ? node->first : node;
    const bool named = called && called->name.len > 0 &&
                       called->name_span.from >= node->span.from &&
                       called->name_span.to <= node->span.to;
    if (node->kind == AST_BAD || node->kind == AST_VERSION || kind == SYMBOL_NONE ||
        (!named && kind != SYMBOL_EVENT))
        return false;
    text_adds(out, n ? ",{\"name\":" : "{\"name\":");
    if (kind == SYMBOL_EVENT)
        add_title(a->p, node, out);
    else
        text_add_json(out, called->name);
    text_addf(out, ",\"kind\":%d,\"detail\":", (int)kind);
    text_add_json(out, kind == SYMBOL_EVENT ? SLICE("") : word);
    text_adds(out, ",\"range\":");
    project_add_range(a->p, a->s->encoding, node->span, out);
    text_adds(out, ",\"selectionRange\":");
    const struct span begin = {node->span.from, node->span.from + (uint32_t)word.len};
    project_add_range(a->p, a->s->encoding, named ? called->name_span : begin, out);
    if (!inside)
        add_children(a, node, out);
    text_addc(out, '}');
    return true;
}

bool document_symbols(struct ask *a, struct text *out)
{
    uint32_t n = 0;
    text_addc(out, '[');
    for (const struct ast *c = project_tree(a->p, a->file)->root->first; c; c = c->next)
        n += add_symbol(a, c, false, n, out);
    text_addc(out, ']');
    return true;
}

struct folding {
    const struct lines *lines;
    uint32_t first;
    struct text *out;
    uint32_t n;
};

static uint32_t line_at(const struct folding *f, uint32_t place)
{
    return lines_position(f->lines, ENCODING_UTF8, place - f->first).line;
}

static void add_fold(struct folding *f, uint32_t from, uint32_t to, const char *kind)
{
    if (to <= from)
        return;
    text_addf(f->out, "%s{\"startLine\":%u,\"endLine\":%u", f->n++ ? "," : "", from, to);
    if (kind)
        text_addf(f->out, ",\"kind\":\"%s\"", kind);
    text_addc(f->out, '}');
}

/* Lines one below the other that hold a comment and nothing else. */
static void fold_comments(struct folding *f)
{
    uint32_t begin = 0;
    bool open = false;
    for (uint32_t i = 0; i <= f->lines->begin.n; i++) {
        const bool comment =
            i < f->lines->begin.n && slice_starts(slice_trim(lines_line(f->lines, i)), SLICE("#"));
        if (comment && !open)
            begin = i;
        else if (!comment && open)
            add_fold(f, begin, i - 1, "comment");
        open = comment;
    }
}

#define FOLD_DEPTH_MAX 64u

/* Braces; the line of the closing one stays visible. */
static void fold_braces(struct folding *f, const struct tokens *tokens)
{
    uint32_t open[FOLD_DEPTH_MAX], depth = 0;
    for (uint32_t i = 0; i < tokens->n; i++) {
        const struct token *t = &tokens->at[i];
        if (slice_eq(t->text, SLICE("{"))) {
            if (depth < FOLD_DEPTH_MAX)
                open[depth] = line_at(f, t->span.from);
            depth++;
        } else if (slice_eq(t->text, SLICE("}")) && depth > 0) {
            depth--;
            const uint32_t line = line_at(f, t->span.from);
            if (depth < FOLD_DEPTH_MAX && line > 0)
                add_fold(f, open[depth], line - 1, NULL);
        }
    }
}

bool folding_ranges(struct ask *a, struct text *out)
{
    const struct file *file = &a->p->file[a->file];
    struct folding f = {.lines = &file->lines, .first = file->first, .out = out};
    text_addc(out, '[');
    fold_braces(&f, &project_tree(a->p, a->file)->tokens);
    fold_comments(&f);
    text_addc(out, ']');
    return true;
}

#include "grammar/layout.h"

#include "grammar/diag.h"
#include "grammar/parser.h"
#include "grammar/words.h"
#include "runtime/base/arena.h"
#include "runtime/base/vec.h"

enum bracket_kind { BRACKET_BLOCK, BRACKET_SET, BRACKET_PAREN };

struct bracket {
    enum bracket_kind kind;
    struct span span;
};

typedef VEC(struct token) token_list;

struct layout {
    token_list piece; /* as the lexer gave them */
    token_list out;
    struct diags *diags;
    struct bracket open[LAYOUT_DEPTH_MAX];
    uint32_t depth;
    uint32_t lead;    /* where the trivia of the next token begin */
    int previous;     /* kind of the last token that came out; SEP at the beginning */
    bool line_begins; /* was the last piece, trivia aside, a line end? */
    bool too_deep;    /* was said once */
    uint32_t beyond;  /* brackets open beyond the limit: they are left out, and their ends too */
};

static void put(struct layout *l, struct token t)
{
    t.lead = l->lead;
    l->lead = t.span.to;
    if (t.kind != TK_EXTRA)
        l->previous = t.kind;
    VEC_ADD(&l->out, t);
}

/* A token that is not in the text, in front of `before`: in front of its trivia, that is. */
static void put_missing(struct layout *l, int kind)
{
    put(l, (struct token){.kind = kind, .span = {l->lead, l->lead}, .text = SLICE("")});
}

static void end_statement(struct layout *l)
{
    if (l->previous != TK_SEP && l->previous != TK_LBRACE)
        put_missing(l, TK_SEP);
}

static const struct bracket *innermost(const struct layout *l)
{
    return l->depth > 0 ? &l->open[l->depth - 1] : NULL;
}

static bool in_list(const struct layout *l)
{
    return l->depth > 0 && innermost(l)->kind != BRACKET_BLOCK;
}

static void open_bracket(struct layout *l, enum bracket_kind kind, struct token t, int as)
{
    if (l->depth == LAYOUT_DEPTH_MAX) {
        if (!l->too_deep)
            diag(l->diags, DIAG_NESTED_TOO_DEEP, t.span, LAYOUT_DEPTH_MAX);
        l->too_deep = true;
        l->beyond++;
        t.kind = TK_EXTRA;
        put(l, t);
        return;
    }
    l->open[l->depth++] = (struct bracket){kind, t.span};
    t.kind = as;
    put(l, t);
}

static void put_closing(struct layout *l)
{
    switch (innermost(l)->kind) {
    case BRACKET_BLOCK:
        end_statement(l);
        put_missing(l, TK_RBRACE);
        l->depth--;
        put_missing(l, TK_SEP);
        return;
    case BRACKET_SET: put_missing(l, TK_RSET); break;
    case BRACKET_PAREN: put_missing(l, TK_RPAREN); break;
    }
    l->depth--;
}

/* The innermost bracket is not closed where it has to be: says so and closes it. */
static void close_missing(struct layout *l, struct span found, const char *before)
{
    const struct bracket *b = innermost(l);
    const char *sign = b->kind == BRACKET_PAREN ? ")" : "}";
    diag(l->diags, DIAG_NOT_CLOSED, b->span, b->kind == BRACKET_PAREN ? "(" : "{");
    diag_label(l->diags, "opened here");
    diag_also(l->diags, found, "a `%s` is missing before %s", sign, before);
    put_closing(l);
}

static void close_lists(struct layout *l, struct span found, const char *before)
{
    while (in_list(l))
        close_missing(l, found, before);
}

/* The next piece after number `i` that is neither trivia nor a line end. */
static const struct token *ahead(const struct layout *l, uint32_t *i)
{
    do
        (*i)++;
    while (l->piece.at[*i].kind == TK_TRIVIA || l->piece.at[*i].kind == TK_NEWLINE);
    return &l->piece.at[*i];
}

/* Does a definition start with piece `i`? Nothing else looks like `cluster NAME {` or `set NAME :`,
 * so where one turns up inside a block, the block's end was forgotten. */
static bool starts_definition(const struct layout *l, uint32_t i)
{
    const int keyword = words_keyword(l->piece.at[i].text);
    if (keyword != TK_LISTENER && keyword != TK_CLUSTER && keyword != TK_ROUTE &&
        keyword != TK_ACL && keyword != TK_SET && keyword != TK_CONST && keyword != TK_ENV)
        return false;
    if (ahead(l, &i)->kind != TK_WORD)
        return false;
    const int sign = ahead(l, &i)->kind;
    if (keyword == TK_ACL)
        return sign == TK_ASSIGN;
    if (keyword == TK_SET || keyword == TK_CONST || keyword == TK_ENV)
        return sign == TK_COLON;
    return sign == TK_LBRACE;
}

/* Behind these a statement cannot be over. */
static bool wants_more(int kind)
{
    return kind == TK_AND || kind == TK_OR || kind == TK_NOT || kind == TK_EQ || kind == TK_NE ||
           kind == TK_IN || kind == TK_UNDER || kind == TK_STARTS_WITH || kind == TK_ENDS_WITH ||
           kind == TK_COMMA || kind == TK_ASSIGN || kind == TK_COLON;
}

static void newline(struct layout *l, uint32_t i)
{
    l->line_begins = true;
    if (in_list(l) || wants_more(l->previous) || l->previous == TK_SEP || l->previous == TK_LBRACE)
        return;
    uint32_t next = i;
    const struct token *t = ahead(l, &next);
    const int word = t->kind == TK_WORD ? words_keyword(t->text) : 0;
    if (t->kind == TK_LBRACE || word == TK_AND || word == TK_OR)
        return;
    struct token sep = l->piece.at[i];
    sep.kind = TK_SEP;
    put(l, sep);
}

static void left_brace(struct layout *l, struct token t)
{
    const bool set = l->previous == TK_ASSIGN || l->previous == TK_EQ || l->previous == TK_NE ||
                     l->previous == TK_IN || l->previous == TK_UNDER ||
                     l->previous == TK_STARTS_WITH || l->previous == TK_ENDS_WITH;
    if (set) {
        open_bracket(l, BRACKET_SET, t, TK_LSET);
        return;
    }
    close_lists(l, t.span, "this block");
    open_bracket(l, BRACKET_BLOCK, t, TK_LBRACE);
}

static void stray_closing(struct layout *l, struct token t)
{
    diag(l->diags, DIAG_NOT_OPENED, t.span, SLICE_ARG(t.text));
    diag_fix(l->diags, t.span, SLICE(""), "remove it");
    t.kind = TK_EXTRA;
    put(l, t);
}

/* Does it close one of those that are left out? */
static bool closes_beyond(struct layout *l, struct token t)
{
    if (l->beyond == 0)
        return false;
    l->beyond--;
    t.kind = TK_EXTRA;
    put(l, t);
    return true;
}

static void right_brace(struct layout *l, struct token t)
{
    if (closes_beyond(l, t))
        return;
    while (l->depth > 0 && innermost(l)->kind == BRACKET_PAREN)
        close_missing(l, t.span, "this brace");
    if (l->depth == 0) {
        stray_closing(l, t);
        return;
    }
    const bool block = innermost(l)->kind == BRACKET_BLOCK;
    if (block)
        end_statement(l);
    t.kind = block ? TK_RBRACE : TK_RSET;
    put(l, t);
    l->depth--;
    if (block)
        put_missing(l, TK_SEP);
}

static void right_paren(struct layout *l, struct token t)
{
    if (closes_beyond(l, t))
        return;
    while (l->depth > 0 && innermost(l)->kind == BRACKET_SET)
        close_missing(l, t.span, "this parenthesis");
    if (!in_list(l)) {
        stray_closing(l, t);
        return;
    }
    put(l, t);
    l->depth--;
}

static void word(struct layout *l, uint32_t i, bool line_begins)
{
    struct token t = l->piece.at[i];
    const bool may_start =
        l->previous == TK_SEP || l->previous == TK_LBRACE || (in_list(l) && line_begins);
    if (may_start && l->depth > 0 && starts_definition(l, i)) {
        while (l->depth > 0)
            close_missing(l, t.span, "this definition");
        end_statement(l);
    }
    const int keyword = words_keyword(t.text);
    if (keyword)
        t.kind = keyword;
    put(l, t);
}

static void end(struct layout *l, struct token t)
{
    while (l->depth > 0 && !l->too_deep)
        close_missing(l, t.span, "the end of the file");
    while (l->depth > 0)
        put_closing(l);
    end_statement(l);
    put(l, t);
}

static void place(struct layout *l, uint32_t i)
{
    const struct token t = l->piece.at[i];
    const bool line_begins = l->line_begins;
    if (t.kind == TK_TRIVIA)
        return;
    l->line_begins = false;
    if (t.kind == TK_NEWLINE) {
        newline(l, i);
    } else if (t.kind == TK_LBRACE) {
        left_brace(l, t);
    } else if (t.kind == TK_RBRACE) {
        right_brace(l, t);
    } else if (t.kind == TK_LPAREN) {
        open_bracket(l, BRACKET_PAREN, t, TK_LPAREN);
    } else if (t.kind == TK_RPAREN) {
        right_paren(l, t);
    } else if (t.kind == TK_WORD) {
        word(l, i, line_begins);
    } else {
        if (t.kind == TK_SEP)
            close_lists(l, t.span, "this semicolon");
        put(l, t);
    }
}

struct tokens layout(struct slice text, uint32_t first, struct arena *arena, struct diags *d)
{
    struct lexer lx = {text.at, text.at, text.at + text.len, first};
    struct layout l = {.diags = d, .lead = first, .previous = TK_SEP, .line_begins = true};
    do
        VEC_ADD(&l.piece, lex(&lx));
    while (l.piece.at[l.piece.n - 1].kind != 0);

    const uint32_t last = l.piece.n - 1;
    for (uint32_t i = 0; i < last; i++)
        place(&l, i);
    end(&l, l.piece.at[last]);

    struct tokens out = {ARENA_ARRAY(arena, struct token, l.out.n), l.out.n};
    memcpy(out.at, l.out.at, l.out.n * sizeof(*out.at));
    VEC_DONE(&l.piece);
    VEC_DONE(&l.out);
    return out;
}

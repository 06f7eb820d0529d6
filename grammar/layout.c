#include "grammar/layout.h"

#include "grammar/diag.h"
#include "grammar/parser.h"
#include "grammar/words.h"
#include "runtime/base/arena.h"
#include "runtime/base/vec.h"

enum bracket_kind { BRACKET_BLOCK, BRACKET_SET, BRACKET_PAREN };

struct bracket {
    enum bracket_kind kind;
    int opener;      /* of a block: the keyword its statement began with, or WORD */
    bool put;        /* it is not in the text, and that was said; then: */
    uint32_t indent; /* of the line that it should stand on */
    struct span span;
};

typedef VEC(struct token) token_list;

struct layout {
    struct {
        const struct token *at;
        uint32_t n;
    } piece;        /* as the lexer gave them */
    uint32_t *next; /* for each piece: the next one that is neither trivia nor a line end */
    token_list out;
    struct diags *diags;
    struct bracket open[LAYOUT_DEPTH_MAX];
    uint32_t depth;
    uint32_t lead;     /* where the trivia of the next token begin */
    int previous;      /* kind of the last token that came out; SEP at the beginning */
    int statement;     /* kind of the first token of the statement at hand */
    const char *begin; /* and where it stands */
    bool line_begins;  /* was the last piece, trivia aside, a line end? */
    bool too_deep;     /* was said once */
    uint32_t beyond;   /* brackets open beyond the limit: they are left out, and their ends too */
};

static void put(struct layout *l, struct token t)
{
    t.lead = l->lead;
    l->lead = t.span.to;
    if (l->previous == TK_SEP || l->previous == TK_LBRACE) {
        l->statement = t.kind;
        l->begin = t.text.len > 0 ? t.text.at : l->begin;
    }
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
        if (!l->too_deep) {
            diag(l->diags, DIAG_NESTED_TOO_DEEP, t.span, LAYOUT_DEPTH_MAX);
            diag_note(l->diags, "name a part of it with an acl");
        }
        l->too_deep = true;
        l->beyond++;
        t.kind = TK_EXTRA;
        put(l, t);
        return;
    }
    l->open[l->depth++] = (struct bracket){kind, l->statement, false, 0, t.span};
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

/* The number of the first piece that begins at this place or behind it. */
static uint32_t piece_at(const struct layout *l, uint32_t place)
{
    uint32_t low = 0, high = l->piece.n - 1;
    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        if (l->piece.at[middle].span.from < place)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Settings of the block around are in this one now, and most mean nothing there: what stands below
 * the line on which it was opened is not spoken of. */
static void hush_outer(struct layout *l, uint32_t opened, uint32_t closed)
{
    uint32_t i = piece_at(l, opened);
    while (i + 1 < l->piece.n && l->piece.at[i].kind != TK_NEWLINE)
        i++;
    if (l->piece.at[i].span.from < closed)
        diag_hush(l->diags, (struct span){l->piece.at[i].span.from, closed});
}

/* The innermost bracket is not closed where it has to be: says so and closes it. */
static void close_missing(struct layout *l, struct span found, const char *before)
{
    const struct bracket *b = innermost(l);
    const char *sign = b->kind == BRACKET_PAREN ? ")" : "}";
    if (b->put) {
        put_closing(l);
        return;
    }
    diag(l->diags, DIAG_NOT_CLOSED, b->span, b->kind == BRACKET_PAREN ? "(" : "{");
    diag_label(l->diags, "opened here");
    diag_also(l->diags, found, "a `%s` is missing before %s", sign, before);
    if (b->kind == BRACKET_BLOCK && b->opener == TK_WORD)
        hush_outer(l, b->span.to, found.from);
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
    *i = l->next[*i];
    return &l->piece.at[*i];
}

static void look_ahead(struct layout *l)
{
    l->next = MUST_ARRAY(uint32_t, l->piece.n);
    uint32_t next = l->piece.n - 1;
    for (uint32_t i = l->piece.n; i-- > 0;) {
        l->next[i] = next;
        if (l->piece.at[i].kind != TK_TRIVIA && l->piece.at[i].kind != TK_NEWLINE)
            next = i;
    }
}

/* The signs that only the definition of this keyword has behind its name; 0: none. */
static int sign_of(int keyword)
{
    static const struct {
        int keyword, sign;
    } signs[] = {{TK_LISTENER, TK_LBRACE}, {TK_CLUSTER, TK_LBRACE}, {TK_ROUTE, TK_LBRACE},
                 {TK_LIMIT, TK_LBRACE},    {TK_TLS, TK_LBRACE},     {TK_LOG, TK_LBRACE},
                 {TK_NOTIFY, TK_LBRACE},   {TK_ALERT, TK_LBRACE},   {TK_RESOLVER, TK_LBRACE},
                 {TK_SHARED, TK_LBRACE},   {TK_ACL, TK_ASSIGN},     {TK_SET, TK_COLON},
                 {TK_MAP, TK_COLON},       {TK_CONST, TK_COLON},    {TK_ENV, TK_COLON},
                 {TK_TEMPLATE, TK_LPAREN}};
    for (size_t i = 0; i < COUNT_OF(signs); i++)
        if (signs[i].keyword == keyword)
            return signs[i].sign;
    return 0;
}

/* Does a definition start with piece `i`? Nothing else looks like `cluster NAME {` or `set NAME :`,
 * so where one turns up inside a block, the block's end was forgotten. */
static bool starts_definition(const struct layout *l, uint32_t i)
{
    const int keyword = words_keyword(l->piece.at[i].text);
    const struct token *second = ahead(l, &i);
    if (keyword == TK_TEST)
        return second->kind == TK_STRING && ahead(l, &i)->kind == TK_LBRACE;
    if (keyword == TK_INCLUDE)
        return second->kind == TK_STRING;
    if (second->kind != TK_WORD)
        return false;
    if (keyword == TK_ASSERT)
        return slice_eq(second->text, SLICE("never")) || slice_eq(second->text, SLICE("always"));
    if (keyword == TK_SECRET)
        return words_keyword(ahead(l, &i)->text) == TK_FROM;
    const int sign = sign_of(keyword);
    return sign != 0 && ahead(l, &i)->kind == sign;
}

/* The blanks at the begin of the line that a piece of the text stands on. */
static uint32_t indent_of(const struct layout *l, const char *at)
{
    const char *begin = l->piece.at[0].text.at;
    while (at > begin && at[-1] != '\n')
        at--;
    uint32_t n = 0;
    while (at[n] == ' ' || at[n] == '\t')
        n++;
    return n;
}

/* A block begins here whose brace is not in the text. */
static void put_opening(struct layout *l)
{
    const struct token *last = &l->out.at[l->out.n - 1];
    if (l->depth == LAYOUT_DEPTH_MAX)
        return;
    l->open[l->depth++] = (struct bracket){.kind = BRACKET_BLOCK,
                                           .opener = l->statement,
                                           .put = true,
                                           .indent = indent_of(l, l->begin),
                                           .span = {last->span.to, last->span.to}};
    put_missing(l, TK_LBRACE);
}

static void open_missing(struct layout *l)
{
    ASSERT(l->out.n > 0);
    const uint32_t at = l->out.at[l->out.n - 1].span.to;
    diag(l->diags, DIAG_INCOMPLETE, (struct span){at, at});
    diag_label(l->diags, "expected `{`");
    put_opening(l);
}

static bool is_action(int keyword)
{
    return keyword == TK_FORWARD || keyword == TK_DENY || keyword == TK_RESPOND ||
           keyword == TK_REDIRECT || keyword == TK_SET || keyword == TK_ADD ||
           keyword == TK_REMOVE || keyword == TK_REWRITE || keyword == TK_STRIP ||
           keyword == TK_REPLACE || keyword == TK_TAG || keyword == TK_TIMEOUT ||
           keyword == TK_RETRY || keyword == TK_MIRROR || keyword == TK_LIMIT ||
           keyword == TK_REQUIRE || keyword == TK_COMPRESS || keyword == TK_CACHE ||
           keyword == TK_CORS || keyword == TK_SPLIT || keyword == TK_DROP ||
           keyword == TK_TARPIT || keyword == TK_GOTO || keyword == TK_ALLOW ||
           keyword == TK_CONTINUE;
}

/* Is the statement at hand a clause whose condition is complete, so that only its block can follow?
 */
static bool wants_block(const struct layout *l)
{
    const int last = l->previous;
    if (in_list(l) || (l->statement != TK_WHEN && l->statement != TK_OTHERWISE))
        return false;
    return l->statement == TK_OTHERWISE
               ? last == TK_OTHERWISE
               : last == TK_WORD || last == TK_STRING || last == TK_RAW || last == TK_LITERAL ||
                     last == TK_REGEX || last == TK_SLASH || last == TK_RSET || last == TK_RPAREN ||
                     last == TK_EXISTS;
}

/* Is the statement at hand the head of a definition (or test, or `on`) and nothing else: has the
 * line ended before its block? Piece `next` stands on the next one. */
static bool lacks_block(const struct layout *l, uint32_t next)
{
    const struct token *out = l->out.at + l->out.n;
    const struct token *after = &l->piece.at[next];
    const int keyword = after->kind == TK_WORD ? words_keyword(after->text) : 0;
    const bool clause = keyword == TK_WHEN || keyword == TK_OTHERWISE;
    if (after->kind != TK_WORD || l->out.n < 2 || out[-2].kind != l->statement)
        return false;
    if (l->statement == TK_ON)
        return clause;
    if (l->depth > 0 || starts_definition(l, next) || out[-1].kind == TK_EXTRA)
        return false;
    if (l->statement == TK_TEST)
        return out[-1].kind == TK_STRING && (keyword == TK_REQUEST || keyword == TK_EXPECT);
    return sign_of(l->statement) == TK_LBRACE && out[-1].kind == TK_WORD &&
           (l->statement == TK_ROUTE ? clause || keyword == TK_USE : !clause);
}

static bool is_template(const struct layout *l)
{
    return l->depth > 0 && innermost(l)->kind == BRACKET_BLOCK &&
           innermost(l)->opener == TK_TEMPLATE;
}

/* Is it a block in which clauses (or else: servers) stand? */
static bool is_home(const struct bracket *b, bool of_clauses)
{
    if (b->kind != BRACKET_BLOCK)
        return false;
    if (of_clauses)
        return b->opener == TK_ROUTE || b->opener == TK_ON || b->opener == TK_TEMPLATE;
    return b->opener == TK_CLUSTER || b->opener == TK_TEMPLATE;
}

/* Clauses stand in routes, and servers in clusters: where one turns up further in, the block
 * between was not closed. Returns the number of brackets that are to stay open; `depth` when all is
 * well. */
static uint32_t home_of(const struct layout *l, struct slice word)
{
    const int keyword = words_keyword(word);
    const bool clause = keyword == TK_WHEN || keyword == TK_OTHERWISE;
    if (!clause && !slice_eq(word, SLICE("server")) && !slice_eq(word, SLICE("balance")))
        return l->depth;
    for (uint32_t depth = l->depth; depth > 0; depth--)
        if (is_home(&l->open[depth - 1], clause))
            return depth;
    return l->depth;
}

/* Behind these a statement cannot be over. */
static bool wants_more(int kind)
{
    return kind == TK_AND || kind == TK_OR || kind == TK_NOT || kind == TK_EQ || kind == TK_NE ||
           kind == TK_IN || kind == TK_UNDER || kind == TK_STARTS_WITH || kind == TK_ENDS_WITH ||
           kind == TK_CONTAINS || kind == TK_MATCHES || kind == TK_ALL || kind == TK_LT ||
           kind == TK_LE || kind == TK_GT || kind == TK_GE || kind == TK_COMMA ||
           kind == TK_ASSIGN || kind == TK_COLON || kind == TK_ARROW;
}

/* A clause without either brace ends with its line, where what follows is less indented. */
static bool ends_clause(const struct layout *l, const struct token *after)
{
    const struct bracket *b = innermost(l);
    return b && b->put && (b->opener == TK_WHEN || b->opener == TK_OTHERWISE) &&
           after->kind == TK_RBRACE && indent_of(l, after->text.at) < b->indent;
}

static void newline(struct layout *l, uint32_t i)
{
    l->line_begins = true;
    if (in_list(l) || wants_more(l->previous) || l->previous == TK_SEP || l->previous == TK_LBRACE)
        return;
    uint32_t next = i;
    const struct token *t = ahead(l, &next);
    const int word = t->kind == TK_WORD ? words_keyword(t->text) : 0;
    if (t->kind == TK_LBRACE || word == TK_AND || word == TK_OR ||
        (is_action(word) && wants_block(l)))
        return;
    if (lacks_block(l, next)) {
        open_missing(l);
        return;
    }
    if (ends_clause(l, t)) {
        put_closing(l);
        return;
    }
    struct token sep = l->piece.at[i];
    sep.kind = TK_SEP;
    put(l, sep);
}

/* The most pieces that are looked at to tell a set from a block. */
#define SET_PIECES_MAX 200u

/* `when path == { deny }`: the value is missing, and this is the block of the clause. Behind a set
 * there would be another brace, or more of the condition. */
static bool is_block_of_clause(const struct layout *l, uint32_t i)
{
    if (l->statement != TK_WHEN || in_list(l))
        return false;
    uint32_t depth = 0;
    for (uint32_t n = 0; n < SET_PIECES_MAX; n++, i = l->next[i]) {
        const int kind = l->piece.at[i].kind;
        depth += kind == TK_LBRACE;
        depth -= kind == TK_RBRACE;
        if (kind == 0)
            return false;
        if (depth > 0)
            continue;
        const struct token *t = ahead(l, &i);
        const int word = t->kind == TK_WORD ? words_keyword(t->text) : 0;
        return t->kind != TK_LBRACE && word != TK_AND && word != TK_OR && !is_action(word);
    }
    return false;
}

static void left_brace(struct layout *l, uint32_t i)
{
    const struct token t = l->piece.at[i];
    const bool set = l->previous == TK_ASSIGN || l->previous == TK_EQ || l->previous == TK_NE ||
                     l->previous == TK_IN || l->previous == TK_UNDER ||
                     l->previous == TK_STARTS_WITH || l->previous == TK_ENDS_WITH;
    if (set && !is_block_of_clause(l, i)) {
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
    if (may_start && l->depth > 0 && !is_template(l) && starts_definition(l, i)) {
        while (l->depth > 0 && !is_template(l))
            close_missing(l, t.span, "this definition");
        end_statement(l);
    }
    const uint32_t home = may_start ? home_of(l, t.text) : l->depth;
    while (l->depth > home)
        close_missing(l, t.span, words_keyword(t.text) ? "this clause" : "this setting");
    const int keyword = words_keyword(t.text);
    if (is_action(keyword) && wants_block(l))
        open_missing(l);
    if (keyword)
        t.kind = keyword;
    put(l, t);
}

/* A string that does not end on its line has taken the braces with it that stand there. */
static void open_string(struct layout *l, struct token t)
{
    int closing = 0;
    for (size_t i = 0; i < t.text.len; i++)
        closing += t.text.at[i] == '}' ? 1 : t.text.at[i] == '{' ? -1 : 0;
    put(l, t);
    for (; closing < 0; closing++)
        put_opening(l);
    for (; closing > 0 && l->depth > 0; closing--) {
        while (l->depth > 1 && innermost(l)->kind == BRACKET_PAREN)
            put_closing(l);
        put_closing(l);
    }
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
        left_brace(l, i);
    } else if (t.kind == TK_RBRACE) {
        right_brace(l, t);
    } else if (t.kind == TK_LPAREN) {
        open_bracket(l, BRACKET_PAREN, t, TK_LPAREN);
    } else if (t.kind == TK_RPAREN) {
        right_paren(l, t);
    } else if (t.kind == TK_WORD) {
        word(l, i, line_begins);
    } else if (t.kind == TK_OPEN_STRING) {
        open_string(l, t);
    } else {
        if (t.kind == TK_SEP)
            close_lists(l, t.span, "this semicolon");
        put(l, t);
    }
}

struct tokens layout_pieces(const struct token *piece, uint32_t n, uint32_t first,
                            struct arena *arena, struct diags *d)
{
    struct layout l = {.diags = d, .lead = first, .previous = TK_SEP, .line_begins = true};
    l.piece.at = piece;
    l.piece.n = n;
    look_ahead(&l);
    for (uint32_t i = 0; i + 1 < n; i++)
        place(&l, i);
    end(&l, piece[n - 1]);

    struct tokens out = {ARENA_ARRAY(arena, struct token, l.out.n), l.out.n};
    memcpy(out.at, l.out.at, l.out.n * sizeof(*out.at));
    free(l.next);
    VEC_DONE(&l.out);
    return out;
}

struct tokens layout(struct slice text, uint32_t first, struct arena *arena, struct diags *d)
{
    struct lexer lx = {text.at, text.at, text.at + text.len, first};
    token_list piece = {0};
    do
        VEC_ADD(&piece, lex(&lx));
    while (piece.at[piece.n - 1].kind != 0);
    const struct tokens out = layout_pieces(piece.at, piece.n, first, arena, d);
    VEC_DONE(&piece);
    return out;
}

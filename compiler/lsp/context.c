#include "compiler/lsp/context.h"

#include "grammar/words.h"

static bool is(const struct token *t, struct slice sign)
{
    return slice_eq(t->text, sign);
}

/* A brace behind one of these opens a set. */
static bool opens_list(const struct tokens *tokens, uint32_t i)
{
    static const struct slice before[] = {
        SLICE_INIT("="),  SLICE_INIT("=="),    SLICE_INIT("!="),          SLICE_INIT("<"),
        SLICE_INIT("<="), SLICE_INIT(">"),     SLICE_INIT(">="),          SLICE_INIT("in"),
        SLICE_INIT(","),  SLICE_INIT("under"), SLICE_INIT("starts-with"), SLICE_INIT("ends-with"),
    };
    for (size_t n = 0; i > 0 && n < sizeof(before) / sizeof(before[0]); n++)
        if (slice_eq(tokens->at[i - 1].text, before[n]))
            return true;
    return false;
}

/* Does a statement end with this token? One that is missing in the text has none. */
static bool ends(const struct token *t)
{
    return is(t, SLICE(";")) || slice_ends(t->text, SLICE("\n"));
}

/* Words and literals go on being written at their end. */
static bool goes_on(const struct token *t)
{
    const char c = t->text.len > 0 ? ascii_lower(t->text.at[0]) : ' ';
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '/';
}

static bool lies_before(const struct token *t, uint32_t place, bool begins)
{
    return t->span.to < place || (t->span.to == place && (begins || !goes_on(t)));
}

struct walk {
    struct context c;
    uint32_t lists;   /* sets that are open */
    uint32_t beyond;  /* blocks that are open beyond the limit */
    uint32_t missing; /* closing braces that were put in, for whoever comes behind them */
};

static void open_brace(struct walk *w, uint32_t i)
{
    if (w->lists > 0 || opens_list(w->c.tokens, i)) {
        w->lists++;
        return;
    }
    if (w->c.depth < CONTEXT_DEPTH_MAX)
        w->c.block[w->c.depth++] = w->c.begin;
    else
        w->beyond++;
    w->c.begin = i + 1;
}

static void close_brace(struct walk *w, uint32_t i)
{
    if (w->lists > 0) {
        w->lists--;
        return;
    }
    if (w->beyond > 0)
        w->beyond--;
    else if (w->c.depth > 0)
        w->c.depth--;
    w->c.begin = i + 1;
}

static void pass(struct walk *w, uint32_t i)
{
    const struct token *t = &w->c.tokens->at[i];
    if (t->text.len == 0) {
        w->missing += strcmp(words_name(t->kind), "}") == 0;
        return;
    }
    for (; w->missing > 0; w->missing--)
        close_brace(w, i - 1);
    if (is(t, SLICE("{")))
        open_brace(w, i);
    else if (is(t, SLICE("}")))
        close_brace(w, i);
    else if (w->lists == 0 && ends(t))
        w->c.begin = i + 1;
}

struct context context_at(const struct tokens *tokens, uint32_t place, bool begins)
{
    struct walk w = {.c = {.tokens = tokens}};
    uint32_t i = 0;
    for (; i + 1 < tokens->n && lies_before(&tokens->at[i], place, begins); i++)
        pass(&w, i);
    w.c.at = i;
    while (w.c.begin < i && tokens->at[w.c.begin].text.len == 0)
        w.c.begin++;
    w.c.in_list = w.lists > 0;
    return w.c;
}

struct slice context_block(const struct context *c, uint32_t level, uint32_t word)
{
    if (level >= c->depth)
        return SLICE_NONE;
    uint32_t i = c->block[c->depth - 1 - level];
    while (i + 1 < c->tokens->n && c->tokens->at[i].text.len == 0)
        i++; /* an end that was put in */
    i += word;
    return i < c->tokens->n ? c->tokens->at[i].text : SLICE_NONE;
}

struct slice context_before(const struct context *c, uint32_t back)
{
    uint32_t i = c->at;
    while (back > 0 && i > c->begin) {
        i--;
        back -= c->tokens->at[i].text.len > 0;
    }
    return back == 0 && i < c->at ? c->tokens->at[i].text : SLICE_NONE;
}

struct slice context_word(const struct context *c, uint32_t i)
{
    return c->begin + i < c->at ? c->tokens->at[c->begin + i].text : SLICE_NONE;
}

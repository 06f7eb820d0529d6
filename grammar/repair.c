/*
 * repair - what to say about a token that does not fit, and whether it is clear what was meant.
 *
 * The automaton itself is asked what would fit. Where that contains a keyword near to the word that
 * was written, the message names it and parsing goes on as if it had been written: so one misspelt
 * word gives one message, and what it introduced is still checked.
 */
#include "grammar/parse_priv.h"
#include "grammar/parser.h"
#include "grammar/words.h"
#include "runtime/base/nearest.h"
#include "runtime/base/text.h"

/* The most alternatives that are worth listing. */
#define EXPECTED_MAX 5

/* Signs of other languages, and ours. */
static const struct {
    struct slice written;
    int meant;
} foreign[] = {
    {SLICE_INIT("&&"), TK_AND},
    {SLICE_INIT("||"), TK_OR},
    {SLICE_INIT("!"), TK_NOT},
    {SLICE_INIT("="), TK_EQ},
    {SLICE_INIT("=="), TK_ASSIGN},
    {SLICE_INIT("default"), TK_OTHERWISE},
    {SLICE_INIT("else"), TK_OTHERWISE},
    {SLICE_INIT("if"), TK_WHEN},
    {SLICE_INIT("backend"), TK_CLUSTER},
    {SLICE_INIT("upstream"), TK_CLUSTER},
    {SLICE_INIT("frontend"), TK_LISTENER},
    {SLICE_INIT("listen"), TK_LISTENER},
    {SLICE_INIT("use_backend"), TK_FORWARD},
    {SLICE_INIT("proxy_pass"), TK_FORWARD},
    {SLICE_INIT("reject"), TK_DENY},
    {SLICE_INIT("return"), TK_RESPOND},
};

static bool replace(struct token *t, int meant)
{
    t->kind = meant;
    return true;
}

static bool repair_foreign(struct parse *p, struct token *t)
{
    for (size_t i = 0; i < COUNT_OF(foreign); i++) {
        const int meant = foreign[i].meant;
        if (!slice_eq(t->text, foreign[i].written) || !parser_accepts(p->parser, meant))
            continue;
        diag(p->diags, DIAG_WORD_OF_OTHERS, t->span, SLICE_ARG(t->text));
        diag_fix(p->diags, t->span, slice_of(words_name(meant)), "write `%s`", words_name(meant));
        return replace(t, meant);
    }
    return false;
}

static bool repair_spelling(struct parse *p, struct token *t)
{
    struct nearest s = {.wanted = t->text};
    for (int kind = 1; kind < parser_kinds(); kind++)
        if (words_keyword(slice_of(words_name(kind))) == kind && parser_accepts(p->parser, kind))
            nearest_offer(&s, slice_of(words_name(kind)));
    if (!s.best.at)
        return false;
    diag(p->diags, DIAG_MISSPELT, t->span, SLICE_ARG(t->text));
    diag_fix(p->diags, t->span, s.best, "did you mean `" SLICE_FMT "`?", SLICE_ARG(s.best));
    return replace(t, words_keyword(s.best));
}

static bool is_word(int kind)
{
    return kind == TK_WORD || words_keyword(slice_of(words_name(kind))) == kind;
}

/* Adds what could have stood here instead, when that can be said in a few words. */
static void note_expected(struct parse *p)
{
    int expected[EXPECTED_MAX];
    size_t n = 0;
    for (int kind = 1; kind < parser_kinds(); kind++) {
        /* A path is accepted only to say that it wants quotes; a raw string is a string. */
        if (kind == TK_SLASH || kind == TK_RAW || !parser_accepts(p->parser, kind))
            continue;
        if (n == EXPECTED_MAX)
            return;
        expected[n++] = kind;
    }
    struct text t = {0};
    for (size_t i = 0; i < n; i++) {
        const char *quote = words_fixed(expected[i]) ? "`" : "";
        text_addf(&t, "%s%s%s%s",
                  i == 0       ? ""
                  : i + 1 == n ? " or "
                               : ", ",
                  quote, words_name(expected[i]), quote);
    }
    if (n > 0)
        diag_label(p->diags, "expected " SLICE_FMT, SLICE_ARG(text_slice(&t)));
    text_done(&t);
}

/* Where something is missing: behind the last token that was understood. */
static struct span missing_at(const struct parse *p)
{
    return (struct span){p->previous.span.to, p->previous.span.to};
}

static void say_unexpected(struct parse *p, const struct token *t)
{
    if (t->kind == TK_OPEN_STRING) {
        diag(p->diags, DIAG_OPEN_STRING, t->span);
    } else if (words_later(t->text)) {
        diag(p->diags, DIAG_NOT_YET, t->span, SLICE_ARG(t->text));
    } else if (t->kind == TK_STRAY) {
        diag(p->diags, DIAG_STRAY, t->span, SLICE_ARG(t->text));
    } else if (t->kind == TK_SEP || t->kind == 0 || t->text.len == 0) {
        diag(p->diags, DIAG_INCOMPLETE, missing_at(p));
        note_expected(p);
    } else {
        diag(p->diags, DIAG_UNEXPECTED, t->span, SLICE_ARG(t->text));
        note_expected(p);
    }
}

bool repair(struct parse *p, struct token *t)
{
    if (repair_foreign(p, t))
        return true;
    if (is_word(t->kind) && !words_later(t->text) && repair_spelling(p, t))
        return true;
    say_unexpected(p, t);
    return false;
}

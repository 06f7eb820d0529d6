/*
 * repair - what to say about a token that does not fit, and whether it is clear what was meant.
 *
 * The automaton itself is asked what would fit. Where that contains a keyword near to the word that
 * was written, the message names it and parsing goes on as if it had been written: so one misspelt
 * word gives one message, and what it introduced is still checked.
 */
#include "grammar/foreign.h"
#include "grammar/parse_priv.h"
#include "grammar/parser.h"
#include "grammar/words.h"
#include "runtime/base/nearest.h"
#include "runtime/base/text.h"

/* The most alternatives that are worth listing. */
#define EXPECTED_MAX 5

static bool replace(struct token *t, int meant)
{
    t->kind = meant;
    return true;
}

/* The token of a keyword or sign, or 0. */
static int kind_of(struct slice spelling)
{
    const int keyword = words_keyword(spelling);
    if (keyword)
        return keyword;
    return slice_eq(spelling, SLICE("==")) ? TK_EQ : slice_eq(spelling, SLICE("=")) ? TK_ASSIGN : 0;
}

static bool repair_foreign(struct parse *p, struct token *t)
{
    const struct foreign *f = foreign_find(t->text);
    const int meant = f ? kind_of(f->meant) : 0;
    if (meant == 0 || !parser_accepts(p->parser, meant))
        return false;
    diag(p->diags, DIAG_WORD_OF_OTHERS, t->span, SLICE_ARG(t->text));
    diag_fix(p->diags, t->span, f->meant, "write `" SLICE_FMT "`", SLICE_ARG(f->meant));
    return replace(t, meant);
}

/* A word of others for which there is no one word here. */
static bool say_foreign(struct parse *p, const struct token *t)
{
    const struct foreign *f = foreign_find(t->text);
    if (!f || !f->advice)
        return false;
    diag(p->diags, DIAG_WORD_OF_OTHERS, t->span, SLICE_ARG(t->text));
    diag_note(p->diags, "%s", f->advice);
    return true;
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
    if (parser_accepts(p->parser, TK_NOT) || parser_accepts(p->parser, TK_LSET)) {
        diag_label(p->diags,
                   parser_accepts(p->parser, TK_NOT) ? "expected a condition" : "expected a value");
        return;
    }
    int expected[EXPECTED_MAX];
    size_t n = 0;
    for (int kind = 1; kind < parser_kinds(); kind++) {
        /* A path is accepted only to say that it wants quotes; a raw string is a string; and where
         * any name may stand, few want to read of those that mean something. */
        if (kind == TK_SLASH || kind == TK_RAW || !parser_accepts(p->parser, kind) ||
            (parser_is_name(kind) && parser_accepts(p->parser, TK_WORD)))
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

/* Where a word has its place that cannot stand here. */
static void note_home(struct parse *p, const struct token *t)
{
    static const struct {
        int kind;
        const char *home;
    } homes[] = {
        {TK_WHEN, "clauses stand in a route: route NAME { when ... { ... } otherwise { ... } }"},
        {TK_OTHERWISE,
         "clauses stand in a route: route NAME { when ... { ... } otherwise { ... } }"},
        {TK_FORWARD,
         "it is the action of a clause: when ... { forward NAME } or otherwise { forward NAME }"},
        {TK_DENY, "it is the action of a clause: when ... { deny 403 }"},
        {TK_RESPOND, "it is the action of a clause: when ... { respond 200 \"text\" }"},
        {TK_REDIRECT, "it is the action of a clause: when ... { redirect 308 \"...\" }"},
        {TK_GOTO, "it is the action of a clause: when ... { goto NAME }"},
        {TK_SPLIT, "it is the action of a clause: when ... { split { ... } }"},
    };
    for (size_t i = 0; i < COUNT_OF(homes); i++)
        if (homes[i].kind == t->kind)
            diag_note(p->diags, "%s", homes[i].home);
}

/* A block begins before the statement is as long as it must be. */
static bool cuts_short(const struct parse *p, const struct token *t)
{
    const int before = p->previous.kind;
    return t->kind == TK_LBRACE && before != 0 && before != TK_SEP && before != TK_LBRACE &&
           before != TK_RBRACE;
}

static void say_unexpected(struct parse *p, const struct token *t)
{
    if (t->kind == TK_OPEN_STRING) {
        diag(p->diags, DIAG_OPEN_STRING, t->span);
    } else if (t->kind == TK_STRAY && slice_starts(t->text, SLICE("\r"))) {
        diag(p->diags, DIAG_STRAY, t->span, SLICE_ARG(SLICE("\\r")));
        diag_note(p->diags, "a carriage return ends a line only together with a line feed");
    } else if (t->kind == TK_STRAY) {
        diag(p->diags, DIAG_STRAY, t->span, SLICE_ARG(t->text));
    } else if (t->kind == TK_SEP || t->kind == 0 || t->text.len == 0 || cuts_short(p, t)) {
        diag(p->diags, DIAG_INCOMPLETE, missing_at(p));
        note_expected(p);
    } else {
        diag(p->diags, DIAG_UNEXPECTED, t->span, SLICE_ARG(t->text));
        if (t->kind == TK_ASSIGN && parser_accepts(p->parser, TK_LBRACE) &&
            parser_accepts(p->parser, TK_LSET)) {
            diag_fix(p->diags, (struct span){p->previous.span.to, t->span.to}, SLICE(""),
                     "a setting and its value have no sign between");
            return;
        }
        note_expected(p);
        note_home(p, t);
    }
}

bool repair(struct parse *p, struct token *t)
{
    if (repair_foreign(p, t))
        return true;
    if (is_word(t->kind) && repair_spelling(p, t))
        return true;
    if (!say_foreign(p, t))
        say_unexpected(p, t);
    return false;
}

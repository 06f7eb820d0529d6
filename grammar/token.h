/*
 * token - the pieces a text is made of.
 *
 * Nothing is lost: what stands between two tokens (blanks, comments, line ends that end nothing) is
 * the `lead` of the later one, so the tokens of a source one after the other, each with its lead,
 * are the source, byte for byte.
 */
#pragma once

#include "grammar/source.h"
#include "runtime/base/slice.h"

struct token {
    int kind;      /* TK_* of parser.h, which lemon writes */
    uint32_t lead; /* where the trivia before it begin; they end at span.from */
    struct span span;
    struct slice text; /* points into the source; empty for what was put in where it was missing */
};

struct tokens {
    struct token *at;
    uint32_t n;
};

struct lexer {
    const char *text, *at, *end; /* the whole source, the next byte, the NUL behind the last */
    uint32_t first;              /* the place of text[0] in the common numbering */
};

/* The next piece, trivia included, with an empty lead. At the end: kind 0, again and again. */
struct token lex(struct lexer *lx);

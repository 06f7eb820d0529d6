/* Shared by parse.c, repair.c, ast.c and the generated parser; nobody else includes this. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "grammar/ast.h"
#include "grammar/diag.h"
#include "grammar/token.h"

struct arena;

struct parse {
    struct arena *arena;
    struct diags *diags;
    struct ast *root;
    void *parser;          /* lemon's */
    struct token previous; /* the last one that was understood */
    uint32_t begin;        /* number of the first token of the statement at hand */
    struct token broken;   /* what the statement that is being left out would have defined */
    bool failed;           /* the token at hand does not fit: set by the generated parser */
    bool too_deep;         /* was said once */
};

/* What lemon generates. */
void *parser_Alloc(void *(*alloc)(size_t));
void parser_Free(void *parser, void (*release)(void *));
void parser_(void *parser, int kind, struct token t, struct parse *p);

/* The number of kinds of tokens: they are 0 (the end) and what lies below it. */
int parser_kinds(void);

/* Could a token of this kind come next, as itself (not as a name)? Changes nothing. */
bool parser_accepts(const void *parser, int kind);

/* The same, and a keyword may also be taken for a name. */
bool parser_takes(const void *parser, int kind);

/* Is this keyword a name wherever it is not wanted? */
bool parser_is_name(int kind);

/* Lets the next mistake be reported, however near it is to the last. */
void parser_forgive(void *parser);

/* What is wrong with `t` is said. Returns true, and in *t what was meant, when that is clear enough
 * to go on with. */
bool repair(struct parse *p, struct token *t);

void parse_too_deep(struct parse *p, struct span where);

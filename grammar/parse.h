/*
 * parse - the door of the front end: one source to one tree.
 *
 * The tree is lossless (its tokens are the text) and always there: what could not be understood was
 * reported and left out, the rest is as if it had not been written.
 */
#pragma once

#include "grammar/ast.h"
#include "grammar/token.h"

struct arena;
struct diags;

/* A longer source is refused: no configuration is, and the tree takes some twenty times the text.
 */
#define PARSE_BYTES_MAX ((size_t)64 * 1024 * 1024)

struct tree {
    struct tokens tokens; /* all of them, in order, the end included; their spans tile the source */
    struct ast *root;     /* AST_FILE; never NULL */
};

/* Parses source number `index` of `sources`. All memory is the arena's. */
struct tree parse(const struct sources *sources, int index, struct arena *arena, struct diags *d);

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

/* Its two halves, for texts in another form. Is it text at all, and not too much of it? */
bool parse_readable(struct slice text, uint32_t first, struct diags *d);

/* The tree of tokens that layout made; NULL: nothing could be made of the source. `whole` is the
 * span of the source. */
struct tree parse_tokens(const struct tokens *tokens, struct span whole, struct arena *arena,
                         struct diags *d);

/*
 * Sets `fits[kind]` for each kind of token (TK_*, by words_name()) that could stand where token
 * number `i` of the tree stands, whatever stands there and behind it. `fits` has parse_kinds()
 * places. False, and all of them false, where the statement is broken before it.
 */
bool parse_expected(const struct tokens *tokens, uint32_t i, bool *fits);
uint32_t parse_kinds(void);

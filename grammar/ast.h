/*
 * ast - the program as written: shapes and spans, and no meaning yet.
 *
 * Lives in the compilation's arena; read-only once parsed. A tree is at most AST_DEPTH_MAX deep, so
 * it may be walked by recursion; `a and b and c …` is one AND with many children.
 */
#pragma once

#include <stdbool.h>

#include "grammar/source.h"
#include "grammar/token.h"
#include "runtime/base/slice.h"

#define AST_DEPTH_MAX 100u

enum ast_kind {
#define NODE(kind, holds) AST_##kind,
#include "grammar/ast.def"
#undef NODE
    AST_KIND_COUNT
};

struct ast {
    enum ast_kind kind;
    uint32_t depth;   /* 1 for a leaf */
    struct span span; /* from its first token to its last */
    struct slice name;
    struct span name_span;
    struct ast *first; /* children, in source order */
    struct ast *next;  /* the next sibling */
    struct ast *tail;  /* while it heads a list that is being built: the last one of the list */
    bool closed;       /* a condition in parentheses: not to be merged into its neighbour */
};

struct parse;

/* A node of one token, which is its name too. */
struct ast *ast_leaf(struct parse *p, enum ast_kind kind, struct token t);

/* A node that begins with the token `from`, is called by `name` (NULL: by nothing), has the list
 * `children` (NULL: none) and ends with the later of these and the token `to` (NULL: with these).
 */
struct ast *ast_new(struct parse *p, enum ast_kind kind, struct token from,
                    const struct token *name, struct ast *children, const struct token *to);

/* A test: the same, but it begins with its first child. */
struct ast *ast_test(struct parse *p, enum ast_kind kind, struct ast *field, struct ast *value,
                     const struct token *to);

/* Two values with a sign between them. */
struct ast *ast_pair(struct parse *p, struct token sign, struct ast *left, struct ast *right);

/* AND or OR of two; a left one of the same kind that is not in parentheses grows instead. */
struct ast *ast_both(struct parse *p, enum ast_kind kind, struct ast *left, struct ast *right);

/* A BAD node for the statement that is being left out; its name is what it would have defined. */
struct ast *ast_broken(struct parse *p);

/* Marks what stood in parentheses. */
struct ast *ast_close(struct ast *condition);

/* Appends the list `item` (NULL: nothing) to `list` (NULL: empty). */
struct ast *ast_append(struct ast *list, struct ast *item);

/* The name of a kind in lower case, for tests and tools. */
const char *ast_kind_name(enum ast_kind kind);

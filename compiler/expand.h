/*
 * expand - puts in the place of every `use` what its template holds.
 *
 * On the tree, never on the text: a parameter stands for a value or a name that was read where the
 * template is used, and everything else means what it means where the template is written. What is
 * put in has places of its own (sources_expand), so that whatever is said about it shows the
 * template and its use.
 */
#pragma once

#include "compiler/sema/sema.h"
#include "grammar/ast.h"
#include "runtime/base/vec.h"

struct expansion {
    struct sources *sources;
    struct arena *arena;
    struct diags *diags;
    VEC(const struct ast *) template; /* all there are */
    VEC(struct sema_use) use;         /* what sema has to check; VEC_DONE() it */
    uint32_t n_nodes, n_uses;
};

#define EXPANSION_DEPTH_MAX 16u
#define EXPANSIONS_MAX      100000u
#define EXPANSION_NODES_MAX 2000000u

/* Expands what is in `file`. */
void expand(struct expansion *e, struct ast *file);

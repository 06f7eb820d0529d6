/* sema - the tree as written to the checked tree: what it all means, and whether it is right. */
#pragma once

#include "compiler/sema/program.h"
#include "compiler/sema/scope.h"

struct arena;
struct diags;

struct sema_input {
    const struct ast *file;
    const struct sources *sources;
    const char *(*env)(void *from, const char *name); /* NULL: nothing is set */
    void *env_from;
};

/*
 * Reports all mistakes. Returns the program, or NULL when there are any (here or earlier).
 * Everything lives in the arena but `scope`, which is made in any case: scope_done() it.
 */
const struct program *sema(const struct sema_input *in, struct arena *arena, struct diags *d,
                           struct scope *scope);

/* sema - the tree as written to the checked tree: what it all means, and whether it is right. */
#pragma once

#include "compiler/sema/program.h"
#include "compiler/sema/scope.h"

struct arena;
struct diags;
struct uses;

/* The file that a FROM node names, once it is among the sources. */
struct sema_file {
    const struct ast *from;
    int index;
};

/* What the use of a template leaves to be checked: `use` names a template; or `value` is given for
 * a parameter of the type that the word `type` names. */
struct sema_use {
    const struct ast *use, *type, *value;
};

struct sema_input {
    const struct ast *file;
    const struct sources *sources;
    const char *(*env)(void *from, const char *name); /* NULL: nothing is set */
    void *env_from;
    const struct sema_use *use;
    uint32_t n_uses;
    const struct sema_file *file_of;
    uint32_t n_files;
    bool to_run;       /* what this version does not serve is an error */
    struct uses *uses; /* NULL: nobody asks which names stand where */
};

/*
 * Reports all mistakes. Returns the program, or NULL when there are any (here or earlier).
 * Everything lives in the arena but `scope`, which is made in any case: scope_done() it.
 */
const struct program *sema(const struct sema_input *in, struct arena *arena, struct diags *d,
                           struct scope *scope);

/*
 * gather - the source, what it includes, and the lists it names: one list of statements.
 *
 * An include stands for the statements of its files, in place: names are one name space, and the
 * order of the text is the order. Files are read through a function of the caller's.
 */
#pragma once

#include "compiler/compile.h"
#include "compiler/sema/sema.h"
#include "runtime/base/vec.h"

struct include {
    struct slice path;
    struct span where;
};

struct gathered {
    struct sources *sources;
    compile_files *files;
    struct arena *arena;
    struct diags *diags;
    VEC(struct sema_file) list;  /* VEC_DONE() it */
    VEC(struct include) include; /* what was read so far */
};

/* How deep files may include one another, and how many there may be. */
#define INCLUDE_DEPTH_MAX 16u
#define INCLUDES_MAX      10000u

/* Parses source number 0 and all that it includes, and reads the lists it names. Returns the file
 * with all statements, which lives in the arena. Reports what cannot be read. */
struct ast *gather(struct gathered *g);

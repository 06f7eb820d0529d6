/*
 * compile - the door of the compiler, and the only place that knows the order of its passes.
 *
 * Pure: text and environment variables in, table or diagnostics out. It reads no file, opens no
 * socket, looks at no clock; whoever calls has loaded the sources.
 */
#pragma once

#include "compiler/table/table.h"

struct arena;
struct diags;
struct program;
struct sources;

/* What `env` declarations read; NULL when the variable is not set. */
typedef const char *compile_env(void *from, const char *name);

struct compile_options {
    compile_env *env; /* NULL: nothing is set */
    void *env_from;
};

/*
 * Parses, resolves, checks and lowers what has been loaded into `sources`.
 *
 * Reports everything it finds into `d`. Returns a verified table, which the caller frees with
 * table_free(), or NULL when any of the reports is an error. The checked tree is put into *program
 * where `program` is not NULL (NULL too after an error); it lives in `arena`, as everything else
 * that is made on the way. Any thread; takes as long as the text is long.
 */
struct table *compile(struct sources *sources, const struct compile_options *options,
                      struct arena *arena, struct diags *d, const struct program **program);

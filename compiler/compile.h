/*
 * compile - the door of the compiler, and the only place that knows the order of its passes.
 *
 * Pure: text and environment variables in, table or diagnostics out. It reads no file, opens no
 * socket, looks at no clock; whoever calls has loaded the source, and lends a function that loads
 * more.
 */
#pragma once

#include "compiler/table/table.h"
#include "runtime/base/slice.h"

struct arena;
struct diags;
struct program;
struct prove_count;
struct sources;
struct uses;

/* What `env` declarations read; NULL when the variable is not set. */
typedef const char *compile_env(void *from, const char *name);

/*
 * Adds to `sources` what `pattern` means in source number `from`: one file, or those that match, in
 * the order of their names. Returns the number of the first and how many there are in *n, or a
 * negative errno. sources_include() is one; a test may have another.
 */
typedef int compile_files(struct sources *sources, int from, struct slice pattern, uint32_t *n);

struct compile_options {
    compile_env *env; /* NULL: nothing is set */
    void *env_from;
    compile_files *files; /* NULL: no other file can be read */
    bool to_run;       /* what this version checks and does not serve is an error, not a warning */
    struct uses *uses; /* gets which names stand where (sema/uses.h), errors or not; may be NULL */
    bool without_proofs; /* clauses that are never reached go unnoticed, and so does a route that
                            leaves requests undecided: the table answers those with 404 */
    bool only_program; /* no table is made, and NULL is returned: *program says whether all is well
                        */
    struct prove_count *count; /* gets what was proven; may be NULL */
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

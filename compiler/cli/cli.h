/*
 * cli - the commands that read configurations, and what they have in common.
 *
 * A command is a main of its own: argv[0] is its name. Exit codes are the same everywhere.
 */
#pragma once

#include <stdbool.h>

#include "compiler/compile.h"
#include "grammar/diag.h"
#include "grammar/source.h"
#include "runtime/base/arena.h"

enum { EXIT_CLEAN = 0, EXIT_ERRORS = 1, EXIT_USAGE = 2, EXIT_UNREADABLE = 3 };

int check_main(int argc, char **argv);
int dump_main(int argc, char **argv);

/* One configuration, loaded and compiled. */
struct loaded {
    struct sources *sources;
    struct arena arena;
    struct diags *diags;
    const struct program *program; /* NULL after errors */
    struct table *table;           /* the same */
};

/* Loads and compiles a file with the process's environment. Returns 0 when there is something to
 * say about it, a table or diagnostics, or a negative errno: it can't be read. loaded_done() it in
 * any case. Any thread; blocks on the disk. */
MUST_CHECK int load_into(const char *path, struct loaded *out);

/* The same for a command's main. Returns EXIT_CLEAN, EXIT_ERRORS or,
 * said on standard error, EXIT_UNREADABLE; loaded_done() it in any case. */
int load(const char *path, struct loaded *out);
void loaded_done(struct loaded *l);

/* Writes all diagnostics: people read standard error, programs standard output. HUMAN becomes
 * HUMAN_COLOR where standard error is a terminal and NO_COLOR is not set. */
void report(const struct loaded *l, enum diag_format format);

/* What an option of a command is; a list ends with a NULL name. */
struct cli_option {
    const char *name;  /* "--format" */
    const char *value; /* "human|json": what it takes; NULL: nothing */
    const char *help;
};

struct cli_command {
    const char *name;      /* "check" */
    const char *arguments; /* "FILE" */
    const char *what;      /* a paragraph */
    const struct cli_option *option;
    const char *more; /* what follows the options in --help; may be NULL */
};

/*
 * Goes through the arguments. `value[i]` is set for option number i (to its value, or to "" where
 * it takes none); what is no option is moved to argv[1..]. Returns the number of those, or a
 * negative number when everything is said and the program is over: -1 - its exit code.
 */
int cli_parse(const struct cli_command *c, int argc, char **argv, const char **value);

/* Says on standard error how the command is used; returns EXIT_USAGE. */
int cli_usage(const struct cli_command *c, const char *why);

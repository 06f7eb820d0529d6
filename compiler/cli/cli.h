/*
 * cli - the commands that read configurations, and what they have in common.
 *
 * A command is a main of its own: argv[0] is its name. Exit codes are the same everywhere.
 */
#pragma once

#include <stdbool.h>
#include <stdio.h>

#include "compiler/compile.h"
#include "grammar/diag.h"
#include "grammar/source.h"
#include "runtime/base/arena.h"

/*
 * What every command ends with; CLI_EXIT_CODES says the same in every --help.
 *   ERRORS      the configuration has errors, or what was asked for does not hold
 *   USAGE       the command line is wrong
 *   UNREADABLE  a file cannot be read, or the output cannot be written
 */
enum { EXIT_CLEAN = 0, EXIT_ERRORS = 1, EXIT_USAGE = 2, EXIT_UNREADABLE = 3 };
#define CLI_EXIT_CODES                                                                             \
    "exit code: 0 all is well, 1 errors or findings, 2 the command line is wrong, 3 a file "       \
    "cannot\n"                                                                                     \
    "be read or written\n"

/* What `lbc check --env` looks at is no business of the compiler's: whoever calls hands it in.
 * Reports what this machine does not have of what the program names. */
typedef void check_environment(const struct program *p, struct diags *d);
/* `costs` is what the runtime says that each thing takes, for --stats. */
struct memory_costs;
int check_with(int argc, char **argv, check_environment *environment,
               const struct memory_costs *costs);
int convert_main(int argc, char **argv);
int dump_main(int argc, char **argv);
int diff_main(int argc, char **argv);
int edit_main(int argc, char **argv);
int explain_main(int argc, char **argv);
int replay_main(int argc, char **argv);
int test_main(int argc, char **argv);
int fmt_main(int argc, char **argv);
int lsp_main(int argc, char **argv);

/* How every command compiles: with the process's environment, and files from the disk. */
extern const struct compile_options cli_compile;

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

/* The same for what is then run: what this version checks and does not serve is an error. */
MUST_CHECK int load_to_run(const char *path, struct loaded *out);

/* The same as load_into() for a command's main. Returns EXIT_CLEAN, EXIT_ERRORS or,
 * said on standard error, EXIT_UNREADABLE; loaded_done() it in any case. */
int load(const char *path, struct loaded *out);

/* The same; *count gets what was proven, where it is not NULL. */
int load_counted(const char *path, struct prove_count *count, struct loaded *out);

/* The same without a table, and so without what is proven about routes. */
int load_program(const char *path, struct loaded *out);
void loaded_done(struct loaded *l);

/* Writes all diagnostics: people read standard error, programs standard output. HUMAN becomes
 * HUMAN_COLOR where standard error is a terminal and NO_COLOR is not set. */
void report(const struct loaded *l, enum diag_format format);

/* What an option of a command is; a list ends with a NULL name. */
struct cli_option {
    const char *name;  /* "--format" */
    const char *value; /* "human|json": what it takes; NULL: nothing */
    const char *help;

    /* An option that may be repeated: called for each, with what cli_parse_into() was given.
     * Returns NULL, or what is wrong with the value. */
    const char *(*take)(void *to, const char *value);
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

/* The same, for commands that have options with `take`: it is called with `to`. */
int cli_parse_into(const struct cli_command *c, int argc, char **argv, const char **value,
                   void *to);

/* Says on standard error how the command is used; returns EXIT_USAGE. */
int cli_usage(const struct cli_command *c, const char *why);

/* Is `f` a terminal that may have colours? Not where NO_COLOR is set. */
bool cli_color(FILE *f);

/* Writes it to standard output, and frees it. That it could not be written is noticed at the end,
 * by cli_close(). */
void cli_print(struct text *out);

/* The last thing a program does: was all of the output written? Returns `code`, or, said on
 * standard error, EXIT_UNREADABLE. */
int cli_close(int code);

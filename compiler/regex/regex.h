/*
 * regex - regular expressions compiled: text to tree, tree to automaton (compiler/table/regex.h).
 *
 * The language keeps to what an automaton can do, so matching takes linear time whatever the
 * expression and the subject, and proofs can reason about it. What it leaves out (back-references,
 * look-around and the like) is refused by name. README.md has the syntax.
 *
 * Pure; any thread.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "compiler/table/regex.h"
#include "runtime/base/arena.h"
#include "runtime/base/slice.h"

/* What an expression may take. All are refused with an error that says the number. */
#define REGEX_PATTERN_BYTES_MAX 4096u
#define REGEX_REPEAT_MAX        1000u
#define REGEX_DEPTH_MAX         100u
#define REGEX_NFA_MAX           8000u /* instructions of an automaton's program */

enum regex_problem {
#define PROBLEM(id, reason, help) REGEX_##id,
#include "compiler/regex/problems.def"
#undef PROBLEM
    REGEX_PROBLEM_COUNT
};

struct regex_error {
    enum regex_problem problem;
    uint32_t at, len; /* in bytes of the pattern; of the flags where in_flags; at + len fits */
    bool in_flags;
    struct slice reason; /* "a back-reference is not supported" */
    struct slice help;   /* what to write instead; may be empty */
};

struct regex;

/*
 * Parses what stands between the slashes of /pattern/flags, escapes and all. The only flag is i:
 * ASCII letters match in either case. NULL when there is a mistake, and then *error says the first.
 * The result, and the text of *error, live in `a`.
 */
MUST_CHECK const struct regex *regex_parse(struct arena *a, struct slice pattern,
                                           struct slice flags, struct regex_error *error);

/* The number of ( ) groups. */
uint32_t regex_groups(const struct regex *re);

struct regex_limits {
    uint32_t states; /* while compiling, before the automaton is made minimal */
    uint64_t work;   /* steps of compiling; a few ns each */
    size_t bytes;    /* of the automaton */
};

#define REGEX_LIMITS                                                                               \
    ((struct regex_limits){REGEX_STATES_MAX, UINT64_C(20000000), (size_t)1024 * 1024})

/*
 * The automaton of all subjects in which the expression matches somewhere. Its arrays are taken
 * from `into`, which may be the arena of a table. False when it would pass a limit; then *error
 * says which, with its text in `into`, and *out is left alone. `limits` may be NULL: REGEX_LIMITS.
 */
MUST_CHECK bool regex_compile_dfa(const struct regex *re, const struct regex_limits *limits,
                                  struct arena *into, struct regex_dfa *out,
                                  struct regex_error *error);

/* The program that finds groups; as above. */
MUST_CHECK bool regex_compile_program(const struct regex *re, struct arena *into,
                                      struct regex_program *out, struct regex_error *error);

/* What text comparisons ask, as automata. */
enum regex_literal {
    REGEX_EQUALS,
    REGEX_STARTS_WITH,
    REGEX_ENDS_WITH,
    REGEX_CONTAINS,
    REGEX_UNDER, /* of paths: it, or it and a slash and more; where it ends in a slash, STARTS_WITH
                  */
};

/* The automaton of a comparison with `text`, so that comparisons and expressions can be asked
 * together. False where `text` is too long for one (some thousand bytes). */
MUST_CHECK bool regex_compile_literal(enum regex_literal how, struct slice text, bool ignore_case,
                                      struct arena *into, struct regex_dfa *out);

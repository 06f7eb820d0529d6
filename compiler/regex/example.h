/*
 * example - is there a text that matches these expressions and not those? And which?
 *
 * A breadth-first walk over the product of the automata: the first text found is a shortest one,
 * and of the shortest one with letters rather than signs. Pure; any thread.
 */
#pragma once

#include "compiler/regex/regex.h"

/* One expression, or comparison (regex_compile_literal()), that must hold, or must not. */
struct regex_demand {
    const struct regex_dfa *dfa;
    bool negated;
};

#define REGEX_EXAMPLE_BUDGET 100000u

struct regex_question {
    const struct regex_demand *demand; /* all of them at once */
    uint32_t n_demands;
    struct slice prefix, suffix;      /* what the text begins and ends with; they may overlap */
    const struct regex_set *alphabet; /* of all between them; NULL: any byte */
    uint32_t budget;                  /* states of the product; 0: REGEX_EXAMPLE_BUDGET */
};

enum regex_answer {
    REGEX_FOUND,
    REGEX_NONE,   /* proven, for texts over this alphabet */
    REGEX_UNKNOWN /* out of budget */
};

/* FOUND: *out is the text, from `into`, and every demand holds of it. NONE, UNKNOWN: *out is left
 * alone. */
enum regex_answer regex_example(const struct regex_question *q, struct arena *into,
                                struct slice *out);

/* Alphabets for texts that a request can carry and a terminal can show. Each is less than what is
 * allowed: where these find NONE, ask again with NULL before calling it proven. */
const struct regex_set *regex_alphabet_of_headers(void); /* what can be seen, and no quote */
const struct regex_set *regex_alphabet_of_hosts(void);   /* a-z 0-9 . - */
const struct regex_set *regex_alphabet_of_paths(void);   /* what a path has without escapes */

/* The automaton of paths in normal form: they begin with a slash, no segment is empty, . or .., and
 * the bytes are those of the alphabet above. Demand it of a path to get one that stays as it is. */
bool regex_compile_paths(struct arena *into, struct regex_dfa *out);

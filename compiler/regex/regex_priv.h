/* regex_priv - the tree of an expression, and its program; for this room. */
#pragma once

#include "compiler/regex/regex.h"

#define REPEAT_FOREVER UINT32_MAX

enum tree_kind {
    TREE_EMPTY,
    TREE_BYTES,
    TREE_SEQUENCE,
    TREE_EITHER,
    TREE_REPEAT,
    TREE_GROUP,
    TREE_EDGE
};

struct tree {
    enum tree_kind kind;
    uint32_t at, len; /* in the pattern */
    uint32_t size;    /* at most as many instructions; 1..REGEX_NFA_MAX */
    bool nullable;    /* it can match nothing */

    struct regex_set set;            /* BYTES: one of these */
    const struct tree *const *child; /* the others have n; 1 for REPEAT and GROUP */
    uint32_t n;
    uint32_t min, max;  /* REPEAT; max may be REPEAT_FOREVER */
    bool lazy;          /* REPEAT */
    uint32_t group;     /* GROUP: from 1 */
    enum regex_op edge; /* EDGE: one of the four conditions */
};

struct regex {
    const struct tree *tree;
    uint32_t groups;
    uint32_t pattern_len;
};

/* Fills *error in from problems.def; `reason` replaces its reason where it isn't empty. */
void regex_error_set(struct regex_error *error, enum regex_problem problem, uint32_t at,
                     uint32_t len, struct slice reason);

void set_add(struct regex_set *s, uint8_t first, uint8_t last);
void set_join(struct regex_set *s, const struct regex_set *more);
void set_invert(struct regex_set *s);
void set_ignore_case(struct regex_set *s);
bool set_is_empty(const struct regex_set *s);

/* The set of \d \w \s \D \W \S. False for any other letter. */
bool set_of_letter(char letter, struct regex_set *s);

/* The set of [:name:], of all but that where it begins with ^. False where there is none. */
bool set_of_name(struct slice name, struct regex_set *s);

/* What parse_class() needs of the parser. */
struct parser {
    struct arena *arena;
    struct slice text;
    uint32_t at;
    bool ignore_case;
    uint32_t depth, groups;
    bool failed;
    struct regex_error *error;
};

/* Notes the first problem. NULL, so that it can be returned. */
void *regex_fail(struct parser *p, enum regex_problem problem, uint32_t at, uint32_t len);

/* A class, from its [, which is at p->at, to behind its ]. False when that failed. */
MUST_CHECK bool parse_class(struct parser *p, struct regex_set *out);

/* The two digits behind \x, which is at p->at. False when that failed. */
MUST_CHECK bool parse_hex(struct parser *p, uint8_t *out);

/* The byte that \letter stands for, or -1. */
int escaped_byte(char letter);

/* Bytes of the character at p->at: 1 for what is not UTF-8. */
uint32_t character_len(const struct parser *p);

/* The tree as a program; groups are noted only where `with_groups`. Its arrays live in `into`, and
 * have room for the tree's size; n_groups is left 0. */
void nfa_build(const struct tree *tree, bool with_groups, struct arena *into,
               struct regex_program *out);

/* An automaton in the making, with states 0 and 1 as a regex_dfa has them, others as they come. */
struct automaton {
    uint8_t class_of[256];
    uint16_t *next;
    bool *accepts;
    uint32_t n_states, n_classes, start;
};

/* The smallest automaton that accepts the same, in canonical order; its arrays live in `into`. */
void minimise(const struct automaton *from, struct arena *into, struct regex_dfa *out);

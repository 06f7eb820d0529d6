/*
 * regex - regular expressions as they run: an automaton that says whether a subject matches, and a
 * small program that also says where its groups are. compiler/regex makes both.
 *
 * Both take time linear in the subject, allocate nothing, and touch nothing but what they are
 * given. Once verified they can't read out of bounds, whatever the subject.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "runtime/base/check.h"
#include "runtime/base/slice.h"

#define REGEX_STATES_MAX       10000u
#define REGEX_INSTRUCTIONS_MAX 1000u
#define REGEX_GROUPS_MAX       9u

/* Two states have fixed numbers, in every automaton: no end of the subject matches any more, and
 * every end does. Matching stops there. */
#define REGEX_DEAD   0u
#define REGEX_ALWAYS 1u

/*
 * A deterministic automaton over classes of bytes. Minimal, and its states in canonical order: two
 * expressions that match the same subjects have the same automaton.
 */
struct regex_dfa {
    uint8_t class_of[256];
    const uint16_t *next; /* of state s and class c: next[s * n_classes + c] */
    uint32_t n_states, n_classes;
    uint32_t start;
    uint32_t first_accepting; /* states from here on accept at the end; REGEX_ALWAYS does too */
};

static inline uint32_t regex_dfa_step(const struct regex_dfa *d, uint32_t state, uint8_t byte)
{
    return d->next[state * d->n_classes + d->class_of[byte]];
}

static inline bool regex_dfa_accepts(const struct regex_dfa *d, uint32_t state)
{
    return state == REGEX_ALWAYS || state >= d->first_accepting;
}

/* Does the expression match somewhere in the subject? */
bool regex_dfa_matches(const struct regex_dfa *d, struct slice subject);

/* Do both match the same subjects? Exact. */
bool regex_dfa_equal(const struct regex_dfa *a, const struct regex_dfa *b);

/* NULL, or a sentence that says what is wrong (static memory). */
MUST_CHECK const char *regex_dfa_verify(const struct regex_dfa *d);

enum regex_op {
    REGEX_BYTE,  /* takes the byte `byte` */
    REGEX_SET,   /* takes a byte of set[other] */
    REGEX_SPLIT, /* goes on at `next`, or else at `other` */
    REGEX_SAVE,  /* notes the position in slot `byte` */
    REGEX_BEGIN, /* these four hold or don't, and take nothing */
    REGEX_END,
    REGEX_WORD_EDGE,
    REGEX_NO_WORD_EDGE,
    REGEX_MATCH
};

struct regex_instruction {
    uint8_t op; /* enum regex_op */
    uint8_t byte;
    uint16_t next;
    uint16_t other;
};

struct regex_set {
    uint64_t bits[4];
};

static inline bool regex_set_has(const struct regex_set *s, uint8_t byte)
{
    return (s->bits[byte >> 6] >> (byte & 63)) & 1;
}

static inline bool regex_is_word(uint8_t c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';
}

/* A non-deterministic program; it begins at `entry`. */
struct regex_program {
    const struct regex_instruction *instruction;
    const struct regex_set *set;
    uint32_t n_instructions, n_sets, entry;
    uint32_t n_groups; /* without group 0, which is the whole match */
};

/*
 * The leftmost match, and of those that begin there the one that Perl would find: earlier
 * alternatives first, greedy repeats as long, lazy ones as short as they can be. True when there is
 * one; then group[0] is the match and group[1..n_groups] are the groups, slices of the subject
 * whose `at` is NULL where a group took no part. The rest of `group` is left alone.
 *
 * Takes time n_instructions x subject.len at most, and up to 200 KiB of stack.
 */
bool regex_search(const struct regex_program *p, struct slice subject,
                  struct slice group[REGEX_GROUPS_MAX + 1]);

/* NULL, or a sentence that says what is wrong (static memory). */
MUST_CHECK const char *regex_program_verify(const struct regex_program *p);

/*
 * classifier - all that is asked about one field, looked up at once.
 *
 * A classifier maps a value to its class: the set of those conditions that hold for it. It is a
 * part (a facet) of one field: what begins a text (equality, sets, under, starts-with), what ends
 * it, the networks of an address, the ranges of a number, or one condition by itself, whatever it
 * is. The compiler makes them (compiler/classify), table_verify() checks them.
 *
 * Texts take one look into a hash for whole values, about log2 of the number of different lengths
 * for beginnings, and of different numbers of segments for `under` (Waldvogel et al., Scalable High
 * Speed IP Routing Lookups, 1997): the number of conditions does not matter. Addresses and numbers
 * are searched by halving.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "compiler/table/table.h"

enum classifier_kind {
    CLASSIFIER_HEAD,
    CLASSIFIER_TAIL,
    CLASSIFIER_NETWORKS,
    CLASSIFIER_NUMBERS,
    CLASSIFIER_ATOM
};

/* The classes every classifier has: the field is absent; it is there, and nothing holds. (Of an
 * ATOM: the atom fails; it holds.) */
enum { CLASS_ABSENT, CLASS_OTHER, CLASS_FIRST };

/* An open-addressing hash of texts. `at` is where the record begins in classifier.record: the
 * class, the text's length, its bytes. 0: free. */
struct classifier_slot {
    uint32_t tag; /* the upper half of the hash */
    uint32_t at;
};

struct classifier_texts {
    const struct classifier_slot *slot;
    uint32_t mask; /* number of slots - 1; there is always a free one */
    uint32_t n;
};

/* Sorted; each range is of a class up to the next one's first. */
struct classifier_v4 {
    uint32_t first, class;
};

struct classifier_v6 {
    struct address first;
    uint32_t class;
};

struct classifier_number {
    uint64_t first;
    uint32_t class;
};

struct table_classifier {
    enum classifier_kind kind;
    enum table_field field;
    struct slice key;
    uint32_t n_classes;
    uint32_t atom; /* ATOM */

    /* HEAD, TAIL: of each class, the last one that holds whatever this one does. Those in between
     * do too. */
    const uint32_t *last;
    const uint32_t *record; /* 0 is not used */
    uint32_t n_record;
    struct classifier_texts whole, piece, segments;
    uint32_t whole_bytes_max;
    const uint32_t *length;  /* the lengths of pieces, ascending */
    const uint32_t *slashes; /* how many are in what is `under`, ascending */
    uint32_t n_lengths, n_slashes;

    /* NETWORKS: at least one each, the first with the lowest address. */
    const struct classifier_v4 *v4;
    const struct classifier_v6 *v6;
    uint32_t n_v4, n_v6;

    /* NUMBERS: at least one, the first with 0. */
    const struct classifier_number *number;
    uint32_t n_numbers;
};

/* HEAD, TAIL: of one value. */
uint32_t classifier_of_text(const struct table_classifier *c, struct slice value);

/* NETWORKS */
uint32_t classifier_of_address(const struct table_classifier *c, const struct address *a);

/* NUMBERS */
uint32_t classifier_of_number(const struct table_classifier *c, uint64_t number);

/* HEAD, TAIL: the class of a field that has values of both classes; false when there is none. */
bool classifier_both(const struct table_classifier *c, uint32_t a, uint32_t b, uint32_t *out);

/* A field with several values may be of no class: then its answer is one more number, n_classes.
 * The number of answers, that one included: */
static inline uint32_t classifier_answers(const struct table_classifier *c)
{
    return c->n_classes + (c->kind == CLASSIFIER_HEAD || c->kind == CLASSIFIER_TAIL);
}

/* Where to begin looking, and the tag. */
uint64_t classifier_hash(struct slice s);

/* What is before the slash behind `slashes` others, or all where there is none; false when there
 * are fewer. */
bool classifier_segments(struct slice value, uint32_t slashes, struct slice *out);

/* Finds a record, or NULL. */
const uint32_t *classifier_record(const struct table_classifier *c,
                                  const struct classifier_texts *in, struct slice s);

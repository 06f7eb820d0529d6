/* classify_priv - what the files of this room share. */
#pragma once

#include "compiler/classify/classify.h"
#include "runtime/base/arena.h"
#include "runtime/base/vec.h"

/* One group while it is being cut. `atom` are positions in what was asked for. */
struct group {
    enum table_field field;
    struct slice key;
    VEC(uint32_t) atom;
};

struct classifying {
    const struct table *table;
    const uint32_t *asked; /* indices into table->atom */
    const struct classify_options *options;
    struct arena *arena, *keep; /* what runs is put into `keep` */
    VEC(struct classified_facet) facet;
    struct classified_atom *atom;
    const struct group *group;
    uint32_t group_number;
};

static inline const struct table_atom *classifying_atom(const struct classifying *c, uint32_t i)
{
    return &c->table->atom[c->asked[i]];
}

/* Which facet an atom belongs to. */
enum classifier_kind classify_kind(const struct classifying *c, const struct table_atom *atom);

/* Adds the facet and says which classes each of its atoms holds for. */
void classify_texts(struct classifying *c, enum classifier_kind kind);
void classify_ranges(struct classifying *c, enum classifier_kind kind); /* NETWORKS, NUMBERS */

/* Puts a copy of the runs into the arena, for the atom at position `i`; they are sorted and joined.
 */
void classify_hold(struct classifying *c, uint32_t i, struct class_run *run, uint32_t n);

/* Adds a facet of the current group; returns its classifier. `info` has n_classes. */
struct table_classifier *classify_facet(struct classifying *c, enum classifier_kind kind,
                                        uint32_t n_classes, const struct class_info *info);

/* ---- a tree of texts (tree.c) ---- */

/* By how much they contain: what begins with a text; the text and what has it as first segments;
 * the text alone. */
enum text_extent { TEXT_BEGINS, TEXT_SEGMENT, TEXT_EXACT };

/* An atom says something of the values that `text` stands for. Of a TAIL, `text` is reversed. */
struct text_saying {
    struct slice text;
    enum text_extent extent;
    uint32_t atom;
};

struct text_node {
    struct slice text;
    enum text_extent extent;
    uint32_t parent; /* UINT32_MAX: the root */
    uint32_t first_saying, n_sayings;
    uint32_t class;
};

/* Sorts the sayings; makes a node for each text and extent, parents before children. */
struct text_node *text_tree(struct text_saying *saying, uint32_t n, struct arena *arena,
                            uint32_t *n_nodes);

/* The lookups for a tree whose nodes have their classes (texts.c). */
void texts_index(struct table_classifier *c, const struct text_node *node, uint32_t n,
                 struct arena *arena);

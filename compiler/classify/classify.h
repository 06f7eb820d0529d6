/*
 * classify - the conditions of a table, sorted by what they ask, and the classes they cut values
 * into.
 *
 * Atoms on one field and key form a group, cut into facets: a HEAD for what looks at whole texts
 * and their beginnings, a TAIL for their ends, NETWORKS for addresses, NUMBERS, and an ATOM for
 * each condition that is neither. Each facet has a classifier (compiler/table/classifier.h) and
 * numbers its classes such that what an atom covers is few runs of classes: a tree of prefixes is
 * numbered in pre-order, networks by address. That is what decision diagrams want
 * (compiler/diagram).
 *
 * Pure; any thread.
 */
#pragma once

#include "compiler/table/classifier.h"

struct class_run {
    uint32_t first, last; /* inclusive */
};

/* An atom is true of the classes in its runs, which ascend and do not touch. None: never true. */
struct classified_atom {
    uint32_t facet;
    const struct class_run *run;
    uint32_t n;
};

enum class_kind {
    CLASS_KIND_ABSENT,  /* there is no value */
    CLASS_KIND_NEVER,   /* nothing is of this class */
    CLASS_KIND_OTHER,   /* a value of which nothing is known */
    CLASS_KIND_EXACT,   /* `example` is one of finitely many such values */
    CLASS_KIND_BEGINS,  /* values that begin with `example` */
    CLASS_KIND_SEGMENT, /* `example`, and what begins with it and a slash */
    CLASS_KIND_ENDS,    /* values that end with `example` */
    CLASS_KIND_ADDRESS, /* `address` is one of them */
    CLASS_KIND_NUMBER,  /* `number` is one of them */
    CLASS_KIND_HOLDS,   /* of an ATOM: it does */
    CLASS_KIND_FAILS    /* of an ATOM: it doesn't, or there is no value */
};

/* An example, and what it is one of. A class may stand for several texts of which the same is true
 * (the members of a set): then the example is the first of them. */
struct class_info {
    enum class_kind kind;
    uint32_t parent; /* HEAD and TAIL: the class that contains it; else CLASS_OTHER */
    struct slice example;
    struct address address;
    uint64_t number;
};

struct classified_facet {
    const struct table_classifier *classifier;
    const struct class_info *class; /* [classifier->n_classes] */
    uint32_t group;                 /* facets of one field and key have the same, side by side */
};

struct classified {
    struct classified_facet *facet;
    uint32_t n_facets, n_groups;
    struct classified_atom *atom; /* in the order of the atoms that were asked for */
    uint32_t n_atoms;
};

struct classify_options {
    /* A set of more members is a facet by itself (an ATOM): there is nothing to learn about each
     * of its members, and the set can be asked. */
    uint32_t members_max;

    /* Whole texts that differ in the other facets of their group (they end otherwise, or match
     * another expression) have different classes. So the example of an EXACT class stands for all
     * its values, in every facet. */
    bool exact_across_facets;

    /* Where the classifiers are put, and what they point to; NULL: into the same arena as all else.
     */
    struct arena *classifiers;
};

/*
 * `atom`: indices into t->atom, each at most once. All that is made lives in `arena`, and borrows
 * texts from the table. Takes n log n, sets counted by their members.
 */
struct classified classify(const struct table *t, const uint32_t *atom, uint32_t n,
                           const struct classify_options *options, struct arena *arena);

/*
 * node - a YAML or JSON document: mappings, lists, scalars, each with its place.
 *
 * An alias is a second way to the same node, so a document is a graph without circles, and walking
 * it may take much longer than it is large: whoever walks counts.
 */
#pragma once

#include <stdbool.h>

#include "grammar/source.h"
#include "runtime/base/slice.h"

#define NODE_DEPTH_MAX 200u

enum node_kind { NODE_NONE, NODE_SCALAR, NODE_LIST, NODE_MAP };

/* Where the bytes of a scalar's text stand in the source, run by run; a run of other length there
 * than here is an escape. */
struct run {
    uint32_t len; /* of the text */
    struct span span;
};

struct node {
    enum node_kind kind;
    struct span span;
    struct slice text; /* a scalar's */
    struct run *run;   /* that cover the text; none: nobody knows */
    uint32_t n_runs;
    struct item *first;
};

/* An entry of a list or (with a key) a mapping. */
struct item {
    struct node *key, *value;
    struct item *next;
    bool is_alias; /* the value stands elsewhere, under an anchor */
};

struct arena;
struct diags;

/* Reads source number `index` as YAML 1.1, of which JSON is a part. NULL when it is not: `d` says
 * why. An empty document is a NONE. All memory is the arena's. */
struct node *node_read(const struct sources *sources, int index, struct arena *arena,
                       struct diags *d);

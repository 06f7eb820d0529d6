/*
 * document - a configuration as mappings and lists, with its comments, ready to be written as YAML
 * or JSON.
 *
 * What node is for reading, this is for writing: it knows how a person would write it.
 */
#pragma once

#include "grammar/convert/node.h"
#include "grammar/outline.h"

struct arena;
struct text;

struct note {
    struct slice text;
    bool blank_behind;
    struct note *next;
};

struct entry {
    struct slice key; /* in a mapping */
    enum node_kind kind;
    struct slice text;   /* of a scalar */
    struct entry *first; /* of a mapping or list */
    struct entry *next;
    struct note *before; /* comments on lines of their own */
    struct note *behind; /* the same, at the end of the mapping or list */
    struct slice comment;
    bool blank_before;
    bool is_short; /* was on one line */
};

/* The document that reads back as the statements of `o`, in their order. */
const struct entry *document_of(const struct outline *o, struct arena *arena);

void document_write_yaml(const struct entry *document, struct text *out);
void document_write_json(const struct entry *document, struct text *out);

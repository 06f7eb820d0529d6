/*
 * script - a YAML or JSON document as the text of a configuration that says the same, and for each
 * byte of it where it came from.
 *
 * The mapping back is what lets every later message name the place in the file that somebody wrote.
 */
#pragma once

#include "grammar/convert/node.h"
#include "runtime/base/text.h"
#include "runtime/base/vec.h"

struct script {
    struct text text;
    VEC(struct run) run; /* tile the text */
};

/* Appends the statements of a document that was read from `source`, with its comments. What cannot
 * be a statement is reported and left out. */
void script_write(struct script *s, const struct node *root, const struct sources *sources,
                  int index, struct diags *d);

/* How far places were looked up; all zero at first. */
struct script_reader {
    uint32_t run, at;
};

/* The place in the document that bytes [from, to) of the text come from; fast when asked for in the
 * order of the text. */
struct span script_place(const struct script *s, struct script_reader *r, uint32_t from,
                         uint32_t to);

void script_done(struct script *s);

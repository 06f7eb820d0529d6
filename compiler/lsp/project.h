/*
 * project - what is known of one configuration: all that compiling it said and found.
 *
 * Made anew whenever a text of it changes, and read-only then. Places in it are bytes of the common
 * numbering of its sources (grammar/source.h); here they become positions in files, and back.
 */
#pragma once

#include "compiler/compile.h"
#include "compiler/lsp/document.h"
#include "compiler/sema/uses.h"
#include "grammar/diag.h"
#include "grammar/parse.h"
#include "runtime/base/arena.h"

struct file {
    struct slice path; /* as it was loaded */
    int index;         /* its number among the sources, of which some are no files */
    uint32_t first;    /* its first byte in the common numbering */
    struct lines lines;
    struct tree tree; /* once somebody asked */
    bool parsed;
};

struct project {
    struct sources *sources;
    struct arena arena;
    struct diags *diags;
    const struct program *program; /* NULL after errors */
    struct table *table;           /* the same */
    struct uses uses;              /* in order of place, each place once */
    bool proven;                   /* compiled with proofs */
    struct file *file;             /* number 0 is the one that was opened */
    uint32_t n_files;
};

/* Compiles the document with the files it names, open ones as they are in the editor, and the
 * process's environment; with `proofs` it takes longer. */
struct project *project_new(struct documents *open, const struct document *root, bool proofs);
void project_free(struct project *p);

/* The number of the file with this path, or n_files. */
uint32_t project_file(const struct project *p, struct slice path);
const struct file *project_file_at(const struct project *p, uint32_t place);

/* What was put in by a template has places of its own; this is where it is written. */
struct span project_origin(const struct project *p, struct span span);

/* Is it the place where the name is defined? Do both mean the same? */
bool project_defines(const struct project *p, const struct use *u);
bool project_same(const struct project *p, const struct use *a, const struct use *b);

/* The tokens and the tree of a file, whatever is wrong with it. */
const struct tree *project_tree(struct project *p, uint32_t file);

/* The text of a span, which lies in one file. */
struct slice project_text(const struct project *p, struct span span);

/* The name that stands at `place`, or ends there; NULL when none does. */
const struct use *project_use(const struct project *p, uint32_t place);

/* Of a use, the name alone: without quotes, and of limit.NAME.exceeded the middle. */
struct span project_name(const struct project *p, const struct use *u);

/* Write JSON: a Range; a DocumentUri, as the editor writes it where it has it open; a Location. */
void project_add_range(const struct project *p, enum encoding e, struct span span,
                       struct text *out);
void project_add_uri(const struct project *p, const struct documents *open, uint32_t place,
                     struct text *out);
void project_add_location(const struct project *p, const struct documents *open, enum encoding e,
                          struct span span, struct text *out);

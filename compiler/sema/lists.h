/* lists - files with an entry a line: blanks around it, empty lines and # comments do not count. */
#pragma once

#include "compiler/sema/sema_priv.h"

struct list_lines {
    struct slice rest;
    uint32_t at; /* where `rest` begins, in the common numbering */
};

/* The lines of the file that a FROM node names; false when there is none (reported already). */
bool list_open(const struct sema *s, const struct ast *from, struct list_lines *out);

/* The next entry and where it stands; false at the end. */
bool list_next(struct list_lines *l, struct slice *entry, struct span *where);

uint32_t list_count(struct list_lines l);

/* The set that the file has; false after a report. */
bool list_set(struct sema *s, const struct ast *from, enum type type, struct program_set *out);

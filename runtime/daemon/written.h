/*
 * written - configuration files that got another text, before it is known whether that is ever
 * served.
 *
 * Blocks on the disk.
 */
#pragma once

#include "runtime/state/copies.h"

struct written {
    struct copies before; /* what they had */
    struct copies made;   /* those that were not there; without a text */
    struct copies after;  /* what both have got */
};

/* Is the file as it was loaded? Else a sentence goes to `said`. */
MUST_CHECK bool written_is_as(const char *path, struct slice loaded, struct text *said);

/* The same: there is none. */
MUST_CHECK bool written_is_missing(const char *path, struct text *said);

/* Each file keeps being whole: see replace_file(). False, with a sentence in `said`. */
MUST_CHECK bool written_over(struct written *w, const char *path, struct slice before,
                             struct slice after, struct text *said);
MUST_CHECK bool written_anew(struct written *w, const char *path, struct slice text,
                             struct text *said);

/* They get back what they had, unless somebody has written something else since; what can't be is
 * told in the log. */
void written_back(struct written *w);

/* They keep what they have. */
void written_done(struct written *w);

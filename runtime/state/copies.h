/* copies - texts of files, by their paths. */
#pragma once

#include "runtime/base/slice.h"
#include "runtime/base/text.h"
#include "runtime/base/vec.h"

struct copy {
    char *path; /* owned */
    struct text text;
};

struct copies {
    VEC(struct copy) list;
};

/* NULL where there is none. Goes through all: a configuration has few files. */
struct copy *copies_find(const struct copies *c, struct slice path);

/* False: there is none. The text is borrowed. */
bool copies_text(const struct copies *c, struct slice path, struct slice *text);

/* In the place of one that was there. */
void copies_put(struct copies *c, struct slice path, struct slice text);

struct copy copy_of(struct slice path, struct slice text);
void copy_done(struct copy *c);
void copies_done(struct copies *c);

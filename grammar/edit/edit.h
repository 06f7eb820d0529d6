/*
 * edit - one change of a configuration as the smallest change of its text.
 *
 * What the stats socket and the web UI use to write down what somebody changed. All bytes but those
 * that must change stay, comments too, and what is new looks like its neighbours. A request is a
 * sentence:
 *
 *   set api/a weight 5              a setting of a server; add, or change
 *   set api/a 10.0.0.9:8080         the address of a server or bind
 *   set api timeout read 5s         a setting of a block
 *   set PATIENT 45s                 what a const, env or acl stands for
 *   add api server d 10.0.0.4:80    a statement to a block, behind its like
 *   add shop before 2 when ... { }  a clause; also `after 2`; before `otherwise` if not said
 *   add office 10.1.0.0/16          an entry to a literal set
 *   add hosts "b.test" -> shop      to a map; `set` if the key may be there, `remove` its key
 *   remove api/a                    a statement; also api timeout read, shop/2
 *   remove api/a weight             an option on its line
 *   remove office 10.1.0.0/16       an entry
 *   move shop/3 before 1            a clause
 *   replace shop/2 when ... { }     a statement by another
 *
 * A place is a name and further ones in its block, or numbers from 1: api/a, shop/3. Where several
 * things have a name, the kind stands before it: cluster:api/a. `/` is the whole file.
 */
#pragma once

#include <stdbool.h>

#include "grammar/source.h"

struct arena;
struct diags;

/* Bytes [from, to) of the text, from its begin, become `replacement`. */
struct edit_patch {
    uint32_t from, to;
    struct slice replacement; /* in the arena */
};

/*
 * Works out what source number `request`, a sentence, changes in source number `file`. False when
 * that cannot be done: then `d` says why, at the sentence. The patched text parses. Pure; any
 * thread.
 */
bool edit(const struct sources *sources, int file, int request, struct arena *arena,
          struct diags *d, struct edit_patch *out);

/* The same for several sentences, one a line, each on what the one before has left: all or none. */
bool edit_all(const struct sources *sources, int file, int requests, struct arena *arena,
              struct diags *d, struct edit_patch *out);

/* The text with a patch applied, in the arena. */
struct slice edit_apply(struct slice text, const struct edit_patch *patch, struct arena *arena);

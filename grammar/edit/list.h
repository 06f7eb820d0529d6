/*
 * list - the entries of a set or map that are in a file of their own, a line each.
 *
 * A sentence is about one of them where its place is a set or map `from file`: `add banned
 * 10.1.0.0/16`, `set tenants "b" -> web`. Then the list is edited and not the file, by the rules of
 * edit.h: all other bytes stay.
 */
#pragma once

#include "grammar/source.h"

struct arena;

struct list_change {
    bool removes;
    bool replaces;      /* it does not matter whether it was there */
    bool pairs;         /* lines are KEY CLUSTER, and the same if their keys are */
    struct slice path;  /* of the list, as the set names it */
    struct slice entry; /* as a line has it, without quotes; of a pair that goes, the key */
};

/* Is the source number `request` a sentence about an entry of a list that source number `file`
 * names? What is written to *out is the arena's. Pure. */
bool list_change_of(const struct sources *sources, int file, int request, struct arena *arena,
                    struct list_change *out);

/*
 * The text with all of these changes, in the arena; of those about one entry the last counts. One
 * pass, however many there are. *was_there: was the last one's entry there before, or, where
 * earlier ones are about it, after them? Networks are compared as networks, pairs by their keys,
 * other entries as they are written. Lines that are new end as the first one does.
 */
struct slice list_changed(struct slice text, const struct list_change *change, uint32_t n,
                          struct arena *arena, bool *was_there);

/* dump - a table as text for people: what `lbc dump --table` prints. */
#pragma once

#include "compiler/table/table.h"

struct text;

/* Listeners and clusters with their settings, then each route's nodes in order, one a line:
 *
 *     12  #3  path under "/api"  yes 13  no 15
 *
 * a node's number, its clause's, what it asks, and where it goes; then the classifiers it is
 * decided by, and its stages with their branches and leaves:
 *
 *     c0  path: 3 classes
 *             2  under "/api"
 *     b0  asks c0: 0.. l1, 2.. l0
 *     l0  #3 at 14
 *
 * From class 0 on it goes to leaf 1, from class 2 on to leaf 0, where clause 3 does what begins at
 * node 14. Not an interface: it may change.
 */
void table_dump(const struct table *t, struct text *out);

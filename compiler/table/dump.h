/* dump - a table as text for people: what `lbc dump --table` prints. */
#pragma once

#include "compiler/table/table.h"

struct text;

/* Listeners and clusters with their settings, then each route's nodes in order, one a line:
 *
 *     12  #3  path under "/api"  yes 13  no 15
 *
 * a node's number, its clause's, what it asks, and where it goes. Not an interface: it may change.
 */
void table_dump(const struct table *t, struct text *out);

/*
 * match - does one value pass an atom's test?
 *
 * Pure functions over a verified table. The choice of the values (which header, before or after
 * which change) is made in values.h; "any value" is made in eval.c.
 */
#pragma once

#include "compiler/table/table.h"

/* Not for IN_NETWORKS. */
bool match_value(const struct table *t, const struct table_atom *atom, struct slice value);

/* The same for a value that is still encoded as in a query: it is compared as if decoded. */
bool match_encoded(const struct table *t, const struct table_atom *atom, struct slice raw);

/* Is `path` the path `above` or below it? Whole segments count; a final slash of `above` does not
 * loosen that: "/api/" has "/api/x" below it, and not "/api". */
bool match_under(struct slice path, struct slice above);

/* Does a dot in `s`, with what follows it, stand in the set? */
bool domain_set_has(const struct table_string_set *set, struct slice s);

bool number_set_has(const struct table_number_set *set, uint64_t number);
bool network_set_has(const struct table_network_set *set, const struct address *a);
/* Its index among the set's strings, or UINT32_MAX. */
uint32_t string_set_find(const struct table_string_set *set, struct slice s);
bool string_set_has(const struct table_string_set *set, struct slice s);

/* Where to begin looking for `s`: its slot is this & mask, or the next, and so on round. */
uint64_t string_set_hash(struct slice s);

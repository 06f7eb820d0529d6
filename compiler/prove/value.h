/*
 * value - is there a value that passes these tests and fails those, and which?
 *
 * Exact over equality, prefix, suffix, path, set and network tests: what they leave room for shows
 * in one of a few values that are tried (the literal itself; the longest prefix, something that
 * stands in no literal, and the longest suffix; the edges of the networks). Where that is not
 * enough the answer is MAYBE, which proves nothing.
 */
#pragma once

#include "compiler/table/table.h"

struct arena;

/* One atom, and whether the value is to pass it. */
struct demand {
    const struct table *table;
    const struct table_atom *atom;
    bool holds;
};

enum value_found { VALUE_NONE, VALUE_FOUND, VALUE_MAYBE };

struct found_value {
    struct slice text;      /* of all fields but */
    struct address address; /* addresses */
    uint64_t number;        /* and numbers */
};

/* The names a listener may have. */
struct value_names {
    const struct slice *at;
    uint32_t n;
};

/*
 * All demands ask the same field. Every value found is one that a request can have (a path in its
 * normal form, a host that is a host). `listeners` is only looked at for the field of that name,
 * and leaves it any name when it is empty. Text that is made lives in `arena`; *out is written for
 * VALUE_FOUND only.
 */
enum value_found value_find(const struct demand *demand, uint32_t n, enum table_field field,
                            struct value_names listeners, struct arena *arena,
                            struct found_value *out);

/* Does the value pass the atom's test? `exists` holds. */
bool value_passes(const struct table *t, const struct table_atom *atom,
                  const struct found_value *value);

/* Several at once, such as headers; each test is about any of them. */
bool value_may_repeat(enum table_field field);

/* May a request be without it? */
bool value_may_be_absent(enum table_field field);

/* types - the types of values and what may be asked of each; the words for them. */
#pragma once

#include <stdbool.h>

#include "compiler/sema/program.h"

enum type {
#define TYPE(id, spelling, example) TYPE_##id,
#include "compiler/sema/types.def"
#undef TYPE
    TYPE_COUNT
};

/* "duration"; what it looks like: "250ms, 5s, 2m, 1h". Never NULL. */
const char *type_name(enum type t);
const char *type_example(enum type t);

/* "a duration", "an address". */
const char *type_article(enum type t);

/* TYPE_COUNT when there is none of this name. */
enum type type_find(struct slice name);

/* The nearest name of a type, or SLICE_NONE. */
struct slice type_suggest(struct slice name);

/* Are its literals written in quotes? */
bool type_is_quoted(enum type t);

/* Is it kept in value.number, and ordered? */
bool type_is_number(enum type t);

/* Are there sets of it? */
bool type_has_sets(enum type t);

/* The type of a field's values. */
enum type field_type(enum table_field f);
bool field_is_always_there(enum table_field f);

/* Has it ever a value in this version? */
bool field_is_served(enum table_field f);

const char *field_spelling(enum table_field f);

/* The field with this spelling that is told apart so; FIELD_COUNT when there is none. */
enum table_field field_find(struct slice spelling, enum table_keyed keyed);

/* The field that has a name in it, as limit.NAME.exceeded, and the name. */
enum table_field field_find_named(struct slice written, struct slice *name);
struct slice field_suggest(struct slice spelling);

/* May values of this type be compared so? */
bool type_allows(enum type t, enum compare c);
const char *compare_name(enum compare c);

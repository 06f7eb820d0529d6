#include "compiler/sema/types.h"

#include "runtime/base/check.h"
#include "runtime/base/nearest.h"

static const struct {
    const char *name, *example;
} types[] = {
#define TYPE(id, spelling, example) {spelling, example},
#include "compiler/sema/types.def"
#undef TYPE
};

enum { PLAIN, KEYED };
enum { MAYBE, ALWAYS };

static const struct {
    const char *spelling;
    enum type type;
    bool keyed, always;
} fields[] = {
#define FIELD(id, spelling, type, keyed, present, help) {spelling, TYPE_##type, keyed, present},
#include "compiler/table/fields.def"
#undef FIELD
};

const char *type_name(enum type t)
{
    ASSERT(t < TYPE_COUNT);
    return types[t].name;
}

const char *type_example(enum type t)
{
    ASSERT(t < TYPE_COUNT);
    return types[t].example;
}

const char *type_article(enum type t)
{
    static const char *const articles[] = {
        [TYPE_STRING] = "a string",      [TYPE_INTEGER] = "an integer",
        [TYPE_PERCENT] = "a percentage", [TYPE_DURATION] = "a duration",
        [TYPE_SIZE] = "a size",          [TYPE_PORT] = "a port",
        [TYPE_ADDRESS] = "an address",   [TYPE_NETWORK] = "a network",
        [TYPE_ENDPOINT] = "an endpoint", [TYPE_METHOD] = "a method",
        [TYPE_SCHEME] = "a scheme",      [TYPE_HOST] = "a host",
        [TYPE_PATH] = "a path",
    };
    ASSERT(t < TYPE_COUNT);
    return articles[t];
}

enum type type_find(struct slice name)
{
    enum type t = 0;
    while (t < TYPE_COUNT && !slice_eq(name, slice_of(types[t].name)))
        t++;
    return t;
}

struct slice type_suggest(struct slice name)
{
    struct nearest s = {.wanted = name};
    for (size_t i = 0; i < COUNT_OF(types); i++)
        nearest_offer(&s, slice_of(types[i].name));
    return s.best;
}

bool type_is_quoted(enum type t)
{
    return t == TYPE_STRING || t == TYPE_HOST || t == TYPE_PATH;
}

bool type_has_sets(enum type t)
{
    return t == TYPE_NETWORK || t == TYPE_STRING || t == TYPE_HOST || t == TYPE_PATH ||
           t == TYPE_METHOD;
}

enum type field_type(enum table_field f)
{
    ASSERT(f < FIELD_COUNT);
    return fields[f].type;
}

bool field_is_keyed(enum table_field f)
{
    ASSERT(f < FIELD_COUNT);
    return fields[f].keyed;
}

bool field_is_always_there(enum table_field f)
{
    ASSERT(f < FIELD_COUNT);
    return fields[f].always;
}

enum table_field field_find(struct slice spelling, bool keyed)
{
    enum table_field f = 0;
    while (f < FIELD_COUNT &&
           !(fields[f].keyed == keyed && slice_eq(spelling, slice_of(fields[f].spelling))))
        f++;
    return f;
}

struct slice field_suggest(struct slice spelling)
{
    struct nearest s = {.wanted = spelling};
    for (size_t i = 0; i < COUNT_OF(fields); i++)
        nearest_offer(&s, slice_of(fields[i].spelling));
    return s.best;
}

const char *field_spelling(enum table_field f)
{
    ASSERT(f < FIELD_COUNT);
    return fields[f].spelling;
}

/* A row a type, a column a test; types that no field has allow nothing. */
bool type_allows(enum type t, enum compare c)
{
    static const bool allowed[TYPE_COUNT][COMPARE_EXISTS + 1] = {
        /*               ==    !=    in    under  starts ends   exists */
        [TYPE_ADDRESS] = {true, true, true, false, false, false, true},
        [TYPE_METHOD] = {true, true, true, false, false, false, true},
        [TYPE_SCHEME] = {true, true, true, false, false, false, true},
        [TYPE_HOST] = {true, true, true, false, true, true, true},
        [TYPE_PATH] = {true, true, true, true, true, true, true},
        [TYPE_STRING] = {true, true, true, false, true, true, true},
    };
    ASSERT(t < TYPE_COUNT);
    return allowed[t][c];
}

const char *compare_name(enum compare c)
{
    switch (c) {
    case COMPARE_EQUAL: return "==";
    case COMPARE_NOT_EQUAL: return "!=";
    case COMPARE_IN: return "in";
    case COMPARE_UNDER: return "under";
    case COMPARE_STARTS_WITH: return "starts-with";
    case COMPARE_ENDS_WITH: return "ends-with";
    case COMPARE_EXISTS: return "exists";
    }
    return "?";
}

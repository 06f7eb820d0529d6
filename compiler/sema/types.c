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

enum { MAYBE, ALWAYS, ANY };

static const struct {
    const char *spelling;
    enum type type;
    enum table_keyed keyed;
    bool always, served;
} fields[] = {
#define IS_SERVED true
#define IS_LATER  false
#define FIELD(id, spelling, type, keyed, present, phase, served, help)                             \
    {spelling, TYPE_##type, FIELD_##keyed, (present) == ALWAYS, IS_##served},
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
        [TYPE_STRING] = "a string",
        [TYPE_INTEGER] = "an integer",
        [TYPE_PERCENT] = "a percentage",
        [TYPE_DURATION] = "a duration",
        [TYPE_SIZE] = "a size",
        [TYPE_PORT] = "a port",
        [TYPE_ADDRESS] = "an address",
        [TYPE_NETWORK] = "a network",
        [TYPE_ENDPOINT] = "an endpoint",
        [TYPE_METHOD] = "a method",
        [TYPE_SCHEME] = "a scheme",
        [TYPE_HOST] = "a host",
        [TYPE_PATH] = "a path",
        [TYPE_PROTOCOL] = "a protocol",
        [TYPE_STATUS] = "a status",
        [TYPE_BOOLEAN] = "true or false",
        [TYPE_TLS_VERSION] = "a version of TLS",
        [TYPE_RATE] = "a rate",
        [TYPE_BANDWIDTH] = "a bandwidth",
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

bool type_is_number(enum type t)
{
    return t == TYPE_INTEGER || t == TYPE_PERCENT || t == TYPE_SIZE || t == TYPE_PORT ||
           t == TYPE_STATUS || t == TYPE_TLS_VERSION;
}

bool type_has_sets(enum type t)
{
    return t == TYPE_NETWORK || t == TYPE_STRING || t == TYPE_HOST || t == TYPE_PATH ||
           t == TYPE_METHOD || t == TYPE_PORT || t == TYPE_STATUS;
}

enum type field_type(enum table_field f)
{
    ASSERT(f < FIELD_COUNT);
    return fields[f].type;
}

bool field_is_always_there(enum table_field f)
{
    ASSERT(f < FIELD_COUNT);
    return fields[f].always;
}

bool field_is_served(enum table_field f)
{
    ASSERT(f < FIELD_COUNT);
    return fields[f].served;
}

enum table_field field_find(struct slice spelling, enum table_keyed keyed)
{
    enum table_field f = 0;
    while (f < FIELD_COUNT &&
           !(fields[f].keyed == keyed && slice_eq(spelling, slice_of(fields[f].spelling))))
        f++;
    return f;
}

enum table_field field_find_named(struct slice written, struct slice *name)
{
    for (enum table_field f = 0; f < FIELD_COUNT; f++) {
        if (fields[f].keyed != FIELD_NAMED)
            continue;
        const char *at = strstr(fields[f].spelling, "NAME");
        const struct slice before = {fields[f].spelling, (size_t)(at - fields[f].spelling)};
        const struct slice behind = slice_of(at + 4);
        if (written.len <= before.len + behind.len || !slice_starts(written, before) ||
            !slice_ends(written, behind))
            continue;
        *name = (struct slice){written.at + before.len, written.len - before.len - behind.len};
        return f;
    }
    return FIELD_COUNT;
}

/* What requests have comes first: of two names that are as near it is likelier. */
struct slice field_suggest(struct slice spelling)
{
    struct nearest s = {.wanted = spelling};
    for (enum table_field f = 0; f < FIELD_COUNT; f++)
        if (table_field_phase(f) == PHASE_REQUEST)
            nearest_offer(&s, slice_of(fields[f].spelling));
    for (enum table_field f = 0; f < FIELD_COUNT; f++)
        nearest_offer(&s, slice_of(fields[f].spelling));
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
    enum { SAME = 1, PARTS = 2, PATHS = 4, ORDER = 8, THERE = 16 };
    static const unsigned allowed[TYPE_COUNT] = {
        [TYPE_ADDRESS] = SAME | THERE,
        [TYPE_METHOD] = SAME | THERE,
        [TYPE_SCHEME] = SAME | THERE,
        [TYPE_PROTOCOL] = SAME | THERE,
        [TYPE_HOST] = SAME | PARTS | THERE,
        [TYPE_PATH] = SAME | PARTS | PATHS | THERE,
        [TYPE_STRING] = SAME | PARTS | THERE,
        [TYPE_INTEGER] = SAME | ORDER | THERE,
        [TYPE_PERCENT] = SAME | ORDER | THERE,
        [TYPE_SIZE] = SAME | ORDER | THERE,
        [TYPE_PORT] = SAME | ORDER | THERE,
        [TYPE_STATUS] = SAME | ORDER | THERE,
        [TYPE_TLS_VERSION] = SAME | ORDER | THERE,
    };
    ASSERT(t < TYPE_COUNT);
    switch (c) {
    case COMPARE_EQUAL:
    case COMPARE_NOT_EQUAL:
    case COMPARE_IN: return allowed[t] & SAME;
    case COMPARE_UNDER: return allowed[t] & PATHS;
    case COMPARE_STARTS_WITH:
    case COMPARE_ENDS_WITH:
    case COMPARE_CONTAINS:
    case COMPARE_MATCHES: return allowed[t] & PARTS;
    case COMPARE_LESS:
    case COMPARE_LESS_EQUAL:
    case COMPARE_GREATER:
    case COMPARE_GREATER_EQUAL: return allowed[t] & ORDER;
    case COMPARE_EXISTS: return allowed[t] & THERE;
    }
    return false;
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
    case COMPARE_CONTAINS: return "contains";
    case COMPARE_MATCHES: return "matches";
    case COMPARE_LESS: return "<";
    case COMPARE_LESS_EQUAL: return "<=";
    case COMPARE_GREATER: return ">";
    case COMPARE_GREATER_EQUAL: return ">=";
    case COMPARE_EXISTS: return "exists";
    }
    return "?";
}

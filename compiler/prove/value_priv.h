/* Shared by the files of value; nobody else includes this. */
#pragma once

#include "compiler/prove/value.h"
#include "runtime/base/arena.h"

/* So many members of a set that a value must not be in are looked at before it is made up. */
#define VALUE_MEMBERS_SEEN 64u

struct finder {
    const struct demand *demand;
    uint32_t n;
    enum table_field field;
    struct value_names listeners;
    struct arena *arena;
    struct found_value *out;
    bool doubtful; /* something was refused for a reason that need not hold for all values */
};

/* Is this one it? Notes it then. */
bool value_try(struct finder *f, const struct found_value *value);
bool value_try_text(struct finder *f, struct slice text);

enum value_found value_find_text(struct finder *f);
enum value_found value_find_address(struct finder *f);
enum value_found value_find_number(struct finder *f);

/* One that begins so, ends so, and does what the regular expressions among the demands ask for. */
bool value_find_matching(struct finder *f, const struct slice *start, uint32_t n,
                         struct slice finish);

/* Proven: nothing begins so, or ends so, and does what the regular expressions ask for. */
bool value_never_matches(struct finder *f);

/* Can a request have this text as a value of the field, by some listener? */
bool value_is_possible(enum table_field field, unsigned path_rules, struct slice text);

/* What a request usually has. */
struct slice value_default(enum table_field field);

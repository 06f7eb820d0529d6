#include "compiler/table/table.h"

static const char *const FIELD_NAMES[] = {
#define FIELD(id, spelling, type, keyed, present, phase, served, help) [FIELD_##id] = spelling,
#include "compiler/table/fields.def"
#undef FIELD
};

static const char *const OP_NAMES[] = {
#define OP(id, spelling, operand, meaning) [OP_##id] = spelling,
#include "compiler/table/ops.def"
#undef OP
};

static const char *const BALANCE_NAMES[] = {
#define BALANCE(id, spelling, function, takes, help) [BALANCE_##id] = spelling,
#include "compiler/table/balance.def"
#undef BALANCE
};

enum { TAKES_NONE, TAKES_FIELD };

static const bool BALANCE_TAKES[] = {
#define BALANCE(id, spelling, function, takes, help) [BALANCE_##id] = TAKES_##takes,
#include "compiler/table/balance.def"
#undef BALANCE
};

static const char *const STATE_NAMES[] = {"ready", "drain", "maintenance"};

static const char *const TIMEOUT_NAMES[] = {
#define TIMEOUT(scope, id, spelling, default_ms, help) [TIMEOUT_##scope##_##id] = spelling,
#include "compiler/table/timeouts.def"
#undef TIMEOUT
};

static const char *const EFFECT_NAMES[] = {
#define EFFECT(id, spelling) [EFFECT_##id] = spelling,
    TABLE_EFFECTS(EFFECT)
#undef EFFECT
};

static const char *const END_NAMES[] = {
#define END(id, spelling) [END_##id] = spelling,
    TABLE_ENDS(END)
#undef END
};

static const char *name_in(const char *const *names, size_t n, size_t i)
{
    return i < n ? names[i] : "?";
}

const char *table_field_name(enum table_field field)
{
    return name_in(FIELD_NAMES, COUNT_OF(FIELD_NAMES), field);
}

/* The types of fields as this room needs them; what else there is to types is sema's. */
enum kind { ADDRESS, STRING, BOOLEAN, NUMBER };
enum {
    PORT = NUMBER,
    SIZE = NUMBER,
    INTEGER = NUMBER,
    PERCENT = NUMBER,
    STATUS = NUMBER,
    TLS_VERSION = NUMBER,
    PROTOCOL = STRING,
    METHOD = STRING,
    SCHEME = STRING,
    HOST = STRING,
    PATH = STRING,
};

static const struct {
    enum table_keyed keyed;
    enum table_phase phase;
    enum kind kind;
} FIELDS[] = {
#define FIELD(id, spelling, type, keyed, present, phase, served, help)                             \
    [FIELD_##id] = {FIELD_##keyed, PHASE_##phase, (enum kind)type},
#include "compiler/table/fields.def"
#undef FIELD
};

enum table_keyed table_field_keyed(enum table_field field)
{
    return field < FIELD_COUNT ? FIELDS[field].keyed : FIELD_PLAIN;
}

bool table_field_is_keyed(enum table_field field)
{
    return table_field_keyed(field) != FIELD_PLAIN;
}

enum table_phase table_field_phase(enum table_field field)
{
    return field < FIELD_COUNT ? FIELDS[field].phase : PHASE_CONNECT;
}

bool table_field_is_number(enum table_field field)
{
    return field < FIELD_COUNT && FIELDS[field].kind == NUMBER;
}

bool table_field_is_boolean(enum table_field field)
{
    return field < FIELD_COUNT && FIELDS[field].kind == BOOLEAN;
}

bool table_field_is_address(enum table_field field)
{
    return field < FIELD_COUNT && FIELDS[field].kind == ADDRESS;
}

const char *table_op_name(enum table_op op)
{
    return name_in(OP_NAMES, COUNT_OF(OP_NAMES), op);
}

const char *table_coding_name(enum table_coding coding)
{
    static const char *const NAMES[] = {
#define CODING(id, name) name,
        TABLE_CODINGS(CODING)
#undef CODING
    };
    return name_in(NAMES, COUNT_OF(NAMES), coding);
}

const char *table_balance_name(enum table_balance balance)
{
    return name_in(BALANCE_NAMES, COUNT_OF(BALANCE_NAMES), balance);
}

bool table_balance_takes_field(enum table_balance balance)
{
    ASSERT(balance < BALANCE_COUNT);
    return BALANCE_TAKES[balance];
}

const char *table_state_name(enum table_state state)
{
    return name_in(STATE_NAMES, COUNT_OF(STATE_NAMES), state);
}

const char *table_timeout_name(enum table_timeout timeout)
{
    return name_in(TIMEOUT_NAMES, COUNT_OF(TIMEOUT_NAMES), timeout);
}

const char *table_effect_name(enum table_effect_kind kind)
{
    return name_in(EFFECT_NAMES, COUNT_OF(EFFECT_NAMES), kind);
}

const char *table_end_name(enum table_end_kind kind)
{
    return name_in(END_NAMES, COUNT_OF(END_NAMES), kind);
}

bool table_effect_is_header(enum table_effect_kind kind, bool response)
{
    return response ? kind >= EFFECT_SET_RESPONSE_HEADER && kind <= EFFECT_REMOVE_RESPONSE_HEADER
                    : kind <= EFFECT_REMOVE_HEADER;
}

bool table_effect_is_target(enum table_effect_kind kind)
{
    return kind >= EFFECT_REWRITE_PATH && kind <= EFFECT_REMOVE_QUERY;
}

bool table_effect_is_require(enum table_effect_kind kind)
{
    return kind == EFFECT_REQUIRE_BASIC || kind == EFFECT_REQUIRE_JWT;
}

bool table_effect_is_served(enum table_effect_kind kind)
{
    return kind < EFFECT_MIRROR;
}

static bool is_header_of(enum table_field field, struct slice key, bool response, struct slice name)
{
    if (response)
        return (field == FIELD_RESPONSE_HEADER || field == FIELD_RESPONSE_ITEM) &&
               slice_eq(key, name);
    if (field == FIELD_COOKIE)
        return slice_eq(name, SLICE("cookie"));
    return (field == FIELD_HEADER || field == FIELD_HEADER_ITEM) && slice_eq(key, name);
}

bool table_effect_changes(const struct table_effect *e, enum table_field field, struct slice key)
{
    if (table_effect_is_header(e->kind, false))
        return is_header_of(field, key, false, e->name);
    if (table_effect_is_header(e->kind, true))
        return is_header_of(field, key, true, e->name);
    if (e->kind == EFFECT_SET_QUERY || e->kind == EFFECT_REMOVE_QUERY)
        return field == FIELD_URI || field == FIELD_QUERY ||
               (field == FIELD_QUERY_KEY && slice_eq(key, e->name));
    if (table_effect_is_require(e->kind))
        return field == FIELD_USER || field == FIELD_CLAIM;
    return table_effect_is_target(e->kind) && (field == FIELD_PATH || field == FIELD_URI);
}

void table_free(struct table *t)
{
    if (!t)
        return;
    arena_free(&t->arena);
    free(t);
}

bool table_clause_decides(const struct table *t, uint32_t clause)
{
    uint32_t i = t->clause[clause].then;
    while (t->node[i].clause == clause && t->node[i].kind == NODE_EFFECT)
        i = t->node[i].yes;
    const struct table_node *last = &t->node[i];
    return last->clause == clause && last->kind == NODE_END && t->end[last->what].kind != END_PASS;
}

uint32_t table_find_limit(const struct table *t, struct slice name)
{
    for (uint32_t i = 0; i < t->n_limits; i++)
        if (slice_eq(t->limit[i].name, name))
            return i;
    return UINT32_MAX;
}

uint32_t table_find_cluster(const struct table *t, struct slice name)
{
    for (uint32_t i = 0; i < t->n_clusters; i++)
        if (slice_eq(t->cluster[i].name, name))
            return i;
    return UINT32_MAX;
}

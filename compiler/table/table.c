#include "compiler/table/table.h"

static const char *const FIELD_NAMES[] = {
#define FIELD(id, spelling, type, keyed, present, help) [FIELD_##id] = spelling,
#include "compiler/table/fields.def"
#undef FIELD
};

static const char *const OP_NAMES[] = {
#define OP(id, spelling, operand, meaning) [OP_##id] = spelling,
#include "compiler/table/ops.def"
#undef OP
};

static const char *const BALANCE_NAMES[] = {
#define BALANCE(id, spelling, function, help) [BALANCE_##id] = spelling,
#include "compiler/table/balance.def"
#undef BALANCE
};

static const char *const TIMEOUT_NAMES[] = {
#define TIMEOUT(scope, id, spelling, default_ms, help) [TIMEOUT_##scope##_##id] = spelling,
#include "compiler/table/timeouts.def"
#undef TIMEOUT
};

static const char *const EFFECT_NAMES[] = {[EFFECT_SET_HEADER] = "set header",
                                           [EFFECT_ADD_HEADER] = "add header",
                                           [EFFECT_REMOVE_HEADER] = "remove header"};

static const char *const END_NAMES[] = {[END_FORWARD] = "forward",
                                        [END_DENY] = "deny",
                                        [END_RESPOND] = "respond",
                                        [END_REDIRECT] = "redirect"};

static const char *name_in(const char *const *names, size_t n, size_t i)
{
    return i < n ? names[i] : "?";
}

const char *table_field_name(enum table_field field)
{
    return name_in(FIELD_NAMES, COUNT_OF(FIELD_NAMES), field);
}

bool table_field_is_keyed(enum table_field field)
{
    enum { PLAIN, KEYED };
    static const bool KEY[] = {
#define FIELD(id, spelling, type, keyed, present, help) [FIELD_##id] = keyed,
#include "compiler/table/fields.def"
#undef FIELD
    };
    return field < COUNT_OF(KEY) && KEY[field];
}

const char *table_op_name(enum table_op op)
{
    return name_in(OP_NAMES, COUNT_OF(OP_NAMES), op);
}

const char *table_balance_name(enum table_balance balance)
{
    return name_in(BALANCE_NAMES, COUNT_OF(BALANCE_NAMES), balance);
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

void table_free(struct table *t)
{
    if (!t)
        return;
    arena_free(&t->arena);
    free(t);
}

uint32_t table_find_cluster(const struct table *t, struct slice name)
{
    for (uint32_t i = 0; i < t->n_clusters; i++)
        if (slice_eq(t->cluster[i].name, name))
            return i;
    return UINT32_MAX;
}

uint32_t table_find_server(const struct table *t, uint32_t cluster, struct slice name)
{
    const struct table_cluster *c = &t->cluster[cluster];
    for (uint32_t i = c->first_server; i < c->first_server + c->n_servers; i++)
        if (slice_eq(t->server[i].name, name))
            return i;
    return UINT32_MAX;
}

/* Conditions, strings and templates as text. */
#include "compiler/sema/types.h"
#include "compiler/tools/unparse_priv.h"
#include "runtime/base/vec.h"

static void escaped(struct text *out, struct slice s, bool braces)
{
    for (size_t i = 0; i < s.len; i++) {
        const char c = s.at[i];
        if (c == '\n' || c == '\r' || c == '\t') {
            text_adds(out, c == '\n' ? "\\n" : c == '\r' ? "\\r" : "\\t");
            continue;
        }
        if (c == '"' || c == '\\')
            text_addc(out, '\\');
        else if (braces && (c == '{' || c == '}'))
            text_addc(out, c);
        text_addc(out, c);
    }
}

void unparse_string(struct text *out, struct slice s)
{
    text_addc(out, '"');
    escaped(out, s, false);
    text_addc(out, '"');
}

void unparse_template(struct text *out, const struct table_template *t, bool responding)
{
    text_addc(out, '"');
    for (uint32_t i = 0; i < t->n; i++) {
        const struct table_part *part = &t->part[i];
        if (part->literal.at) {
            escaped(out, part->literal, true);
            continue;
        }
        text_addc(out, '{');
        if (part->field == FIELD_COUNT)
            text_addf(out, "%u", part->group);
        else
            unparse_field(out, part->field, part->key, responding);
        text_addc(out, '}');
    }
    text_addc(out, '"');
}

void unparse_field(struct text *out, enum table_field field, struct slice key, bool responding)
{
    if (table_field_keyed(field) != FIELD_KEYED && table_field_keyed(field) != FIELD_ITEMS) {
        table_field_write(field, key, '"', out);
        return;
    }
    const bool request = field == FIELD_HEADER || field == FIELD_HEADER_ITEM;
    text_addf(out, "%s%s ", request && responding ? "request " : "", field_spelling(field));
    unparse_string(out, key);
    text_adds(out, table_field_keyed(field) == FIELD_ITEMS ? " items" : "");
}

static void value(struct text *out, enum type type, struct slice s)
{
    if (type_is_quoted(type))
        unparse_string(out, s);
    else
        text_add(out, s);
}

static void range(struct text *out, enum table_field field, const struct table_number_range *r)
{
    table_number_write(field, r->first, out);
    if (r->first == r->last)
        return;
    text_adds(out, "..");
    table_number_write(field, r->last, out);
}

static void set_values(struct text *out, enum table_field field, const struct program_set *set)
{
    const enum type type = field_type(field);
    text_adds(out, "{ ");
    for (uint32_t i = 0; i < set->n_strings; i++) {
        text_adds(out, i ? ", " : "");
        value(out, type, set->string[i]);
    }
    for (uint32_t i = 0; i < set->n_networks; i++) {
        char network[NETWORK_TEXT_MAX];
        network_format(&set->network[i], network);
        text_addf(out, "%s%s", i ? ", " : "", network);
    }
    for (uint32_t i = 0; i < set->n_ranges; i++) {
        text_adds(out, i ? ", " : "");
        range(out, field, &set->range[i]);
    }
    text_adds(out, " }");
}

static void atom(struct text *out, const struct cond *c, bool responding)
{
    text_adds(out, c->all ? "all " : "");
    unparse_field(out, c->field, c->key, responding);
    if (table_field_is_boolean(c->field))
        return;
    text_addf(out, " %s", compare_name(c->compare));
    if (c->compare == COMPARE_EXISTS)
        return;
    text_addc(out, ' ');
    if (c->compare == COMPARE_IN && c->set->name.len > 0)
        text_add(out, c->set->name);
    else if (c->compare == COMPARE_IN)
        set_values(out, c->field, c->set);
    else if (table_field_is_number(c->field))
        table_number_write(c->field, c->number, out);
    else if (c->compare == COMPARE_MATCHES)
        text_addf(out, "/" SLICE_FMT "/" SLICE_FMT, SLICE_ARG(c->string), SLICE_ARG(c->flags));
    else if (c->compare == COMPARE_CONTAINS)
        unparse_string(out, c->string);
    else
        value(out, field_type(c->field), c->string);
}

/* In parentheses where it binds less tightly than what stands around it. */
static void nested(struct text *out, const struct cond *c, enum cond_kind around, bool responding)
{
    const bool loose =
        (c->kind == COND_OR && around != COND_OR) || (c->kind == COND_AND && around == COND_NOT);
    text_adds(out, loose ? "(" : "");
    unparse_condition(out, c, responding);
    text_adds(out, loose ? ")" : "");
}

void unparse_condition(struct text *out, const struct cond *c, bool responding)
{
    switch (c->kind) {
    case COND_TRUE: return;
    case COND_ATOM: atom(out, c, responding); return;
    case COND_ACL: text_add(out, c->acl); return;
    case COND_NOT:
        text_adds(out, "not ");
        nested(out, c->left, COND_NOT, responding);
        return;
    case COND_AND:
    case COND_OR:
        nested(out, c->left, c->kind, responding);
        text_adds(out, c->kind == COND_AND ? " and " : " or ");
        nested(out, c->right, c->kind, responding);
        return;
    }
}

/* A set of pointers: what was written already. Slots are a power of two, more than twice `n`. */
struct seen {
    const void **slot;
    uint32_t n, slots;
};

static void seen_grow(struct seen *s);

/* False when it was there before. */
static bool seen_add(struct seen *s, const void *p)
{
    if (s->n * 2 >= s->slots)
        seen_grow(s);
    uint32_t i = (uint32_t)((uintptr_t)p >> 4) * 2654435761u;
    for (;; i++) {
        const void **slot = &s->slot[i & (s->slots - 1)];
        if (*slot == p)
            return false;
        if (*slot)
            continue;
        *slot = p;
        s->n++;
        return true;
    }
}

static void seen_grow(struct seen *s)
{
    struct seen more = {.slots = s->slots ? s->slots * 2 : 64};
    more.slot = MUST_ARRAY(const void *, more.slots);
    for (uint32_t i = 0; i < s->slots; i++)
        if (s->slot[i])
            seen_add(&more, s->slot[i]);
    free(s->slot);
    *s = more;
}

static void set_definition(struct text *out, const struct cond *c)
{
    const enum type of = field_type(c->field);
    text_addf(out, "set " SLICE_FMT " : %s = ", SLICE_ARG(c->set->name),
              type_name(of == TYPE_ADDRESS ? TYPE_NETWORK : of));
    set_values(out, c->field, c->set);
    text_addc(out, '\n');
}

static void definitions_of(struct text *out, struct seen *seen, const struct cond *c)
{
    switch (c->kind) {
    case COND_TRUE: return;
    case COND_ATOM:
        if (c->compare == COMPARE_IN && c->set->name.len > 0 && seen_add(seen, c->set))
            set_definition(out, c);
        return;
    case COND_NOT: definitions_of(out, seen, c->left); return;
    case COND_AND:
    case COND_OR:
        definitions_of(out, seen, c->left);
        definitions_of(out, seen, c->right);
        return;
    case COND_ACL: break;
    }
    if (!seen_add(seen, c->left))
        return;
    definitions_of(out, seen, c->left);
    text_addf(out, "acl " SLICE_FMT " = ", SLICE_ARG(c->acl));
    unparse_condition(out, c->left, false);
    text_addc(out, '\n');
}

static void map_definition(struct text *out, const struct program *p, const struct program_map *m)
{
    text_addf(out, "map " SLICE_FMT " : string -> cluster = { ", SLICE_ARG(m->name));
    for (uint32_t i = 0; i < m->n; i++) {
        text_adds(out, i ? ", " : "");
        unparse_string(out, m->key[i]);
        text_addf(out, " -> " SLICE_FMT, SLICE_ARG(p->cluster[m->cluster[i]].name));
    }
    text_adds(out, " }\n");
}

static void definitions_of_route(struct text *out, struct seen *seen, const struct program *p,
                                 const struct route *r)
{
    for (uint32_t i = 0; i < r->n_clauses; i++) {
        definitions_of(out, seen, r->clause[i].when);
        for (uint32_t k = 0; k < r->clause[i].n_actions; k++) {
            const struct action *a = &r->clause[i].action[k];
            if (a->kind == ACTION_FORWARD_MAP && seen_add(seen, a->map->name.at))
                map_definition(out, p, a->map);
        }
    }
}

void unparse_definitions(struct text *out, const struct program *p)
{
    struct seen seen = {0};
    for (uint32_t r = 0; r < program_n_routes(p); r++)
        definitions_of_route(out, &seen, p, program_route(p, r));
    free(seen.slot);
}

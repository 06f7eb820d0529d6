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

void unparse_template(struct text *out, const struct table_template *t)
{
    text_addc(out, '"');
    for (uint32_t i = 0; i < t->n; i++) {
        const struct table_part *part = &t->part[i];
        if (part->literal.at) {
            escaped(out, part->literal, true);
            continue;
        }
        text_addf(out, "{%s", field_spelling(part->field));
        if (field_is_keyed(part->field))
            text_addf(out, " \"" SLICE_FMT "\"", SLICE_ARG(part->key));
        text_addc(out, '}');
    }
    text_addc(out, '"');
}

void unparse_field(struct text *out, enum table_field field, struct slice key)
{
    text_adds(out, field_spelling(field));
    if (!field_is_keyed(field))
        return;
    text_addc(out, ' ');
    unparse_string(out, key);
}

static void value(struct text *out, enum type type, struct slice s)
{
    if (type_is_quoted(type))
        unparse_string(out, s);
    else
        text_add(out, s);
}

static void set_values(struct text *out, enum type type, const struct program_set *set)
{
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
    text_adds(out, " }");
}

static void atom(struct text *out, const struct cond *c)
{
    unparse_field(out, c->field, c->key);
    text_addf(out, " %s", compare_name(c->compare));
    if (c->compare == COMPARE_EXISTS)
        return;
    text_addc(out, ' ');
    if (c->compare != COMPARE_IN)
        value(out, field_type(c->field), c->string);
    else if (c->set->name.len > 0)
        text_add(out, c->set->name);
    else
        set_values(out, field_type(c->field), c->set);
}

/* In parentheses where it binds less tightly than what stands around it. */
static void nested(struct text *out, const struct cond *c, enum cond_kind around)
{
    const bool loose =
        (c->kind == COND_OR && around != COND_OR) || (c->kind == COND_AND && around == COND_NOT);
    text_adds(out, loose ? "(" : "");
    unparse_condition(out, c);
    text_adds(out, loose ? ")" : "");
}

void unparse_condition(struct text *out, const struct cond *c)
{
    switch (c->kind) {
    case COND_TRUE: return;
    case COND_ATOM: atom(out, c); return;
    case COND_ACL: text_add(out, c->acl); return;
    case COND_NOT:
        text_adds(out, "not ");
        nested(out, c->left, COND_NOT);
        return;
    case COND_AND:
    case COND_OR:
        nested(out, c->left, c->kind);
        text_adds(out, c->kind == COND_AND ? " and " : " or ");
        nested(out, c->right, c->kind);
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
    set_values(out, of, c->set);
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
    unparse_condition(out, c->left);
    text_addc(out, '\n');
}

void unparse_definitions(struct text *out, const struct program *p)
{
    struct seen seen = {0};
    for (uint32_t r = 0; r < p->n_routes; r++)
        for (uint32_t i = 0; i < p->route[r].n_clauses; i++)
            definitions_of(out, &seen, p->route[r].clause[i].when);
    free(seen.slot);
}

/* One test: a field, how it is compared, and with what. */
#include "compiler/sema/sema_priv.h"

static enum compare compare_of(enum ast_kind kind)
{
    static const enum compare of[AST_KIND_COUNT] = {
        [AST_EQUAL] = COMPARE_EQUAL,
        [AST_NOT_EQUAL] = COMPARE_NOT_EQUAL,
        [AST_IN] = COMPARE_IN,
        [AST_UNDER] = COMPARE_UNDER,
        [AST_STARTS_WITH] = COMPARE_STARTS_WITH,
        [AST_ENDS_WITH] = COMPARE_ENDS_WITH,
        [AST_CONTAINS] = COMPARE_CONTAINS,
        [AST_MATCHES] = COMPARE_MATCHES,
        [AST_LESS] = COMPARE_LESS,
        [AST_LESS_EQUAL] = COMPARE_LESS_EQUAL,
        [AST_GREATER] = COMPARE_GREATER,
        [AST_GREATER_EQUAL] = COMPARE_GREATER_EQUAL,
        [AST_EXISTS] = COMPARE_EXISTS,
    };
    return of[kind];
}

bool field_read(struct sema *s, const struct ast *a, enum table_field *out, struct slice *key)
{
    struct field_name n = {.name = a->name, .name_span = a->name_span};
    for (const struct ast *c = a->first; c; c = c->next) {
        if (c->kind == AST_REQUEST || c->kind == AST_RESPONSE) {
            n.side = c->kind == AST_REQUEST ? SIDE_REQUEST : SIDE_RESPONSE;
        } else if (c->kind == AST_ITEMS) {
            n.items = true;
        } else {
            n.key_span = c->span;
            if (!string_read(s, c, &n.key))
                return false;
        }
    }
    return field_find_said(s, &n, a->span, out, key);
}

static bool say_no_such_test(struct sema *s, const struct ast *a, const struct cond *c,
                             enum compare compare)
{
    const enum type type = field_type(c->field);
    diag(s->diags, DIAG_NO_SUCH_TEST, a->span, type_article(type), compare_name(compare));
    if (type == TYPE_BOOLEAN)
        diag_note(s->diags, "it stands alone: when %s, when not %s", field_spelling(c->field),
                  field_spelling(c->field));
    else if (type == TYPE_ADDRESS)
        diag_note(s->diags, "for all addresses that begin alike: src in 10.0.0.0/8");
    else if (compare == COMPARE_UNDER)
        diag_note(s->diags,
                  "`under` goes by the segments of a path; here `starts-with` may be meant");
    return false;
}

static bool exists(struct sema *s, const struct ast *a, struct cond *c)
{
    c->kind = COND_ATOM;
    c->compare = COMPARE_EXISTS;
    if (!field_is_always_there(c->field))
        return true;
    diag(s->diags, DIAG_ALWAYS_HOLDS, a->span);
    diag_note(s->diags, "every request has a `%s`", field_spelling(c->field));
    return false;
}

/* A named set, where a word stands that is one. */
static const struct program_set *named_set(struct sema *s, const struct ast *word, enum type type,
                                           bool *ok)
{
    struct definition *d = scope_find(s->scope, DEF_SET, word->name);
    if (!d)
        return NULL;
    d->used = true;
    uses_add(s->in->uses, word->span, d);
    *ok = definition_set(s, d);
    if (*ok && d->type != type) {
        diag(s->diags, DIAG_WRONG_TYPE, word->span, type_article(type), type_article(d->type));
        diag_also(s->diags, d->span, "a set of type %s", type_name(d->type));
        *ok = false;
    }
    return &d->set;
}

/* Does a word name a constant, or can it be a value by itself? Otherwise a set was meant. */
static bool is_value_word(struct sema *s, const struct ast *word, enum type type)
{
    return scope_find(s->scope, DEF_CONST, word->name) || type == TYPE_SCHEME ||
           type == TYPE_PROTOCOL ||
           (type == TYPE_METHOD && !scope_suggest(s->scope, DEF_SET, word->name));
}

static bool in_set(struct sema *s, const struct ast *value, struct cond *c)
{
    const enum type of = field_type(c->field);
    const enum type type = of == TYPE_ADDRESS ? TYPE_NETWORK : of;
    c->kind = COND_ATOM;
    c->compare = COMPARE_IN;
    if (value->kind == AST_WORD) {
        bool ok = true;
        c->set = named_set(s, value, type, &ok);
        if (c->set)
            return ok;
        if (!is_value_word(s, value, type)) {
            (void)resolve(s, DEF_SET, value->name, value->span); /* says that there is none */
            return false;
        }
    }
    struct program_set *set = ARENA_NEW(s->arena, struct program_set);
    c->set = set;
    return set_read(s, value, type, set);
}

/* src == 10.0.0.7 is a set of one; != is that negated. */
static bool same_address(struct sema *s, const struct ast *value, struct cond *c, bool negate)
{
    struct value v;
    if (!value_read(s, value, TYPE_ADDRESS, &v))
        return false;
    struct network *one = ARENA_NEW(s->arena, struct network);
    *one = v.network;
    struct program_set *set = ARENA_NEW(s->arena, struct program_set);
    *set = (struct program_set){.span = value->span, .network = one, .n_networks = 1};
    c->kind = COND_ATOM;
    c->compare = COMPARE_IN;
    c->set = set;
    if (!negate)
        return true;
    struct cond *atom = ARENA_NEW(s->arena, struct cond);
    *atom = *c;
    c->kind = COND_NOT;
    c->left = atom;
    return true;
}

static bool is_text(const struct ast *value)
{
    return value->kind == AST_STRING || value->kind == AST_RAW;
}

/* A beginning or an end of a host or path is read less strictly than a whole one. */
static bool compared_text(struct sema *s, const struct ast *value, enum type type,
                          enum compare compare, struct slice *out)
{
    const bool text = is_text(value);
    const bool partial = compare == COMPARE_STARTS_WITH || compare == COMPARE_ENDS_WITH;
    const bool inner = compare == COMPARE_CONTAINS;
    const enum part part = compare == COMPARE_ENDS_WITH ? PART_END : PART_BEGIN;
    if (text && partial && type == TYPE_HOST)
        return string_read(s, value, out) && host_literal(s, *out, value->span, part, out);
    if (text && partial && type == TYPE_PATH)
        return string_read(s, value, out) && path_literal(s, *out, value->span, part, out);
    struct value v;
    if (!value_read(s, value, inner ? TYPE_STRING : type, &v))
        return false;
    *out = v.text;
    return true;
}

static bool listener_exists(struct sema *s, const struct ast *value, struct slice name)
{
    struct span where = value->span;
    if (is_text(value)) /* without its quotes: what is offered has none */
        where = (struct span){where.from + 1, where.to - 1};
    return resolve(s, DEF_LISTENER, name, where) != NULL;
}

/* What a number can be: comparisons that all of these pass, or none, are mistakes. */
static struct table_number_range domain(enum table_field f)
{
    if (f == FIELD_RANDOM)
        return (struct table_number_range){0, 99};
    if (f == FIELD_STATUS)
        return (struct table_number_range){200, 599};
    if (f == FIELD_TLS_VERSION)
        return (struct table_number_range){10, 13};
    if (field_type(f) == TYPE_PORT)
        return (struct table_number_range){1, 65535};
    return (struct table_number_range){0, UINT64_MAX};
}

/* The numbers that pass; false when none does, because it begins behind the last number. */
static bool passing(enum compare compare, uint64_t n, struct table_number_range *out)
{
    switch (compare) {
    case COMPARE_LESS: *out = (struct table_number_range){0, n - 1}; return n > 0;
    case COMPARE_LESS_EQUAL: *out = (struct table_number_range){0, n}; return true;
    case COMPARE_GREATER:
        *out = (struct table_number_range){n + 1, UINT64_MAX};
        return n < UINT64_MAX;
    case COMPARE_GREATER_EQUAL: *out = (struct table_number_range){n, UINT64_MAX}; return true;
    case COMPARE_EQUAL:
    case COMPARE_NOT_EQUAL:
    case COMPARE_IN:
    case COMPARE_UNDER:
    case COMPARE_STARTS_WITH:
    case COMPARE_ENDS_WITH:
    case COMPARE_CONTAINS:
    case COMPARE_MATCHES:
    case COMPARE_EXISTS: break;
    }
    *out = (struct table_number_range){n, n};
    return true;
}

static bool within_domain(struct sema *s, const struct ast *value, const struct cond *c)
{
    const struct table_number_range all = domain(c->field);
    struct table_number_range pass;
    if (!passing(c->compare, c->number, &pass) || pass.last < all.first || pass.first > all.last) {
        struct text least = {0};
        table_number_write(c->field, all.first, &least);
        text_adds(&least, " to ");
        table_number_write(c->field, all.last, &least);
        struct text why = {0};
        text_addf(&why, "`%s` is ", field_spelling(c->field));
        if (all.last == UINT64_MAX)
            text_adds(&why, "never below zero");
        else
            text_add(&why, text_slice(&least));
        diag(s->diags, DIAG_NEVER_HOLDS, value->span, why.at);
        text_done(&least);
        text_done(&why);
        return false;
    }
    if (pass.first > all.first || pass.last < all.last || !field_is_always_there(c->field))
        return true;
    diag(s->diags, DIAG_ALWAYS_HOLDS, value->span);
    return false;
}

static bool compare_number(struct sema *s, const struct ast *value, struct cond *c)
{
    struct value v;
    if (!value_read(s, value, field_type(c->field), &v))
        return false;
    c->kind = COND_ATOM;
    c->number = v.number;
    return within_domain(s, value, c);
}

/* A field that is true or false is a condition by itself. */
bool boolean_read(struct sema *s, const struct ast *a, struct built *out)
{
    struct cond *c = ARENA_NEW(s->arena, struct cond);
    c->span = a->span;
    c->kind = COND_ATOM;
    c->compare = COMPARE_EXISTS;
    *out = (struct built){c, 1, 1, 0};
    return field_find_said(s, &(struct field_name){.name = a->name}, a->span, &c->field, &c->key);
}

/* It begins with nothing, ends with it or contains it: whatever there is does. */
static bool say_holds(struct sema *s, const struct ast *field, const struct cond *c)
{
    const struct ast *value = field->next;
    const bool always = field_is_always_there(c->field);
    diag(s->diags, DIAG_ALWAYS_HOLDS, value->span);
    if (always)
        diag_note(s->diags, "everything begins with nothing, ends with it and contains it");
    else
        diag_label(s->diags, "where there is one at all");
    if (!always && !c->all)
        diag_fix(s->diags, (struct span){field->span.to, value->span.to}, SLICE(" exists"),
                 "`exists` asks for that");
    return false;
}

static bool compare_text(struct sema *s, const struct ast *field, enum compare compare,
                         struct cond *c)
{
    const struct ast *value = field->next;
    const bool partial = compare == COMPARE_STARTS_WITH || compare == COMPARE_ENDS_WITH ||
                         compare == COMPARE_CONTAINS;
    const enum type type = field_type(c->field);
    c->kind = COND_ATOM;
    c->compare = compare;
    if (partial && is_text(value) && value->name.len == 2)
        return say_holds(s, field, c);
    if (!compared_text(s, value, type, compare, &c->string))
        return false;
    if (compare == COMPARE_UNDER && c->string.len > 1 && slice_ends(c->string, SLICE("/"))) {
        diag(s->diags, DIAG_BAD_PATH, value->span, SLICE_ARG(c->string),
             "`under` goes by whole segments and wants no slash at the end");
        fix_quoted(s, value->span, (struct slice){c->string.at, c->string.len - 1});
        return false;
    }
    return c->field != FIELD_LISTENER || partial || listener_exists(s, value, c->string);
}

/* `all` of a field that has one value is that value. */
static bool every_read(struct sema *s, const struct ast *a, struct cond *c)
{
    const struct ast *field = a->kind == AST_ALL ? a->first : a;
    if (!field_read(s, field, &c->field, &c->key))
        return false;
    if (a->kind != AST_ALL)
        return true;
    const enum table_keyed keyed = table_field_keyed(c->field);
    c->all = true;
    if (keyed == FIELD_KEYED || keyed == FIELD_ITEMS)
        return true;
    diag(s->diags, DIAG_ALL_OF_ONE, a->span, field_spelling(c->field));
    diag_fix(s->diags, a->span, field->name, "leave `all` out");
    return false;
}

bool test_read(struct sema *s, const struct ast *a, struct built *out)
{
    struct cond *c = ARENA_NEW(s->arena, struct cond);
    const enum compare compare = compare_of(a->kind);
    const struct ast *value = a->first->next;
    c->span = a->span;
    c->compare = compare;
    *out = (struct built){c, 1, 1, 0};
    if (!every_read(s, a->first, c))
        return false;
    c->all &= compare != COMPARE_NOT_EQUAL && compare != COMPARE_EXISTS;
    const enum type type = field_type(c->field);
    if (!type_allows(type, compare))
        return say_no_such_test(s, a, c, compare);
    if (compare == COMPARE_EXISTS)
        return exists(s, a, c);
    if (compare == COMPARE_IN)
        return in_set(s, value, c);
    if (compare == COMPARE_MATCHES) {
        uint32_t groups;
        c->kind = COND_ATOM;
        return regex_literal(s, value, &c->string, &c->flags, &groups);
    }
    if (type_is_number(type))
        return compare_number(s, value, c);
    if (type == TYPE_ADDRESS) {
        out->depth = 2;
        return same_address(s, value, c, compare == COMPARE_NOT_EQUAL);
    }
    return compare_text(s, a->first, compare, c);
}

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
        [AST_EXISTS] = COMPARE_EXISTS,
    };
    return of[kind];
}

static bool field_read(struct sema *s, const struct ast *a, struct cond *c)
{
    if (!field_find_said(s, a->name, a->first != NULL, a->span, &c->field))
        return false;
    struct slice key;
    return !a->first ||
           (string_read(s, a->first, &key) && field_key(s, c->field, key, a->first->span, &c->key));
}

static bool say_no_such_test(struct sema *s, const struct ast *a, const struct cond *c,
                             enum compare compare)
{
    const enum type type = field_type(c->field);
    diag(s->diags, DIAG_NO_SUCH_TEST, a->span, type_article(type), compare_name(compare));
    if (type == TYPE_ADDRESS)
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
    const enum part part = compare == COMPARE_ENDS_WITH ? PART_END : PART_BEGIN;
    if (text && partial && type == TYPE_HOST)
        return string_read(s, value, out) && host_literal(s, *out, value->span, part, out);
    if (text && partial && type == TYPE_PATH)
        return string_read(s, value, out) && path_literal(s, *out, value->span, part, out);
    struct value v;
    if (!value_read(s, value, type, &v))
        return false;
    *out = v.text;
    return true;
}

static bool listener_exists(struct sema *s, const struct ast *value, struct slice name)
{
    return resolve(s, DEF_LISTENER, name, value->span) != NULL;
}

static bool compare_text(struct sema *s, const struct ast *value, enum compare compare,
                         struct cond *c)
{
    const bool partial = compare == COMPARE_STARTS_WITH || compare == COMPARE_ENDS_WITH;
    const enum type type = field_type(c->field);
    const bool empty_part = partial && is_text(value) && value->name.len == 2;
    c->kind = COND_ATOM;
    c->compare = compare;
    if (empty_part) {
        diag(s->diags, DIAG_ALWAYS_HOLDS, value->span);
        diag_note(s->diags, "everything begins and ends with nothing");
        return false;
    }
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

bool test_read(struct sema *s, const struct ast *a, struct built *out)
{
    struct cond *c = ARENA_NEW(s->arena, struct cond);
    const enum compare compare = compare_of(a->kind);
    const struct ast *value = a->first->next;
    c->span = a->span;
    *out = (struct built){c, 1, 1};
    if (!field_read(s, a->first, c))
        return false;
    const enum type type = field_type(c->field);
    if (!type_allows(type, compare))
        return say_no_such_test(s, a, c, compare);
    if (compare == COMPARE_EXISTS)
        return exists(s, a, c);
    if (compare == COMPARE_IN)
        return in_set(s, value, c);
    if (type == TYPE_ADDRESS) {
        out->depth = 2;
        return same_address(s, value, c, compare == COMPARE_NOT_EQUAL);
    }
    return compare_text(s, value, compare, c);
}

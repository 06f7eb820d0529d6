/* Templates: text with fields in it. */
#include "compiler/sema/settings_read.h"

struct reading {
    struct sema *s;
    const struct ast *given; /* parameters that are put in, of the kind ARGUMENT */
    struct slice text;       /* between the quotes */
    size_t at;
    uint32_t first;      /* the place of text.at[0] */
    struct text literal; /* what has been read since the last field */
    VEC(struct table_part) part;
};

static struct span here(const struct reading *r, size_t len)
{
    const uint32_t from = r->first + (uint32_t)r->at;
    return (struct span){from, from + (uint32_t)len};
}

static void end_literal(struct reading *r)
{
    if (r->literal.len == 0)
        return;
    const struct table_part part = {.literal = arena_copy(r->s->arena, text_slice(&r->literal))};
    VEC_ADD(&r->part, part);
    text_clear(&r->literal);
}

/* A word off the front, and the blanks behind it. */
static struct slice take_word(struct slice *rest)
{
    size_t n = 0;
    while (n < rest->len && !strchr(" \"'\\", rest->at[n]))
        n++;
    const struct slice word = {rest->at, n};
    *rest = slice_trim(slice_from(*rest, n));
    return word;
}

/* A name in quotes off the front: the quotes may be escaped, or single. */
static bool take_key(struct slice *rest, struct slice *key)
{
    const bool escaped = slice_starts(*rest, SLICE("\\\""));
    const size_t open = escaped ? 2 : 1;
    if (rest->len < 2 * open || (!escaped && rest->at[0] != '"' && rest->at[0] != '\''))
        return false;
    const struct slice quote = {rest->at, open}, inside = slice_from(*rest, open);
    const char *end = memmem(inside.at, inside.len, quote.at, quote.len);
    if (!end)
        return false;
    *key = (struct slice){inside.at, (size_t)(end - inside.at)};
    *rest = slice_trim(slice_from(inside, key->len + open));
    return true;
}

/* header "x"; response header "x" items */
static bool split_field(struct slice inside, struct field_name *out)
{
    struct slice rest = slice_trim(inside);
    *out = (struct field_name){.name = take_word(&rest), .key = SLICE_NONE};
    const bool request = slice_eq(out->name, SLICE("request"));
    if ((request || slice_eq(out->name, SLICE("response"))) && rest.len > 0) {
        out->side = request ? SIDE_REQUEST : SIDE_RESPONSE;
        out->name = take_word(&rest);
    }
    if (rest.len > 0 && !take_key(&rest, &out->key))
        return false;
    out->items = slice_eq(rest, SLICE("items"));
    return out->name.len > 0 && (out->items || rest.len == 0);
}

static const struct ast *parameter(const struct reading *r, const struct field_name *name)
{
    const struct ast *a = r->given;
    while (a && (name->key.at || name->items || !slice_eq(a->name, name->name)))
        a = a->next;
    return a;
}

/* What a parameter is worth as text: what it was given, held against its type. */
static bool parameter_text(struct sema *s, const struct ast *given, struct slice *out)
{
    const struct ast *value = given->first->next;
    const enum type type = type_find(given->first->name);
    struct value v;
    *out = value->name;
    if (type == TYPE_COUNT)
        return value->kind == AST_WORD; /* a name; else it was reported where it is used */
    if (!value_read(s, value, type, &v))
        return false;
    if (v.text.at)
        *out = v.text;
    else if (value->kind == AST_WORD)
        *out = value_written(s->arena, &v);
    return true;
}

static bool add_parameter(struct reading *r, const struct ast *given, struct span where)
{
    struct slice text;
    if (field_find(given->name, FIELD_PLAIN) < FIELD_COUNT) {
        diag(r->s->diags, DIAG_BAD_USE, where, "this could be the field or the parameter");
        diag_also(r->s->diags, given->name_span, "the parameter; give it another name");
        return false;
    }
    if (!parameter_text(r->s, given, &text))
        return false;
    text_add(&r->literal, text);
    r->at += where.to - where.from;
    return true;
}

/* The braces with what stands in them. */
static bool add_field(struct reading *r)
{
    struct sema *s = r->s;
    const struct slice rest = slice_from(r->text, r->at);
    const char *close = memchr(rest.at, '}', rest.len);
    if (!close) {
        diag(s->diags, DIAG_BAD_TEMPLATE, here(r, 1), "this brace is not closed");
        diag_fix(s->diags, here(r, 1), SLICE("{{"), "for a brace, write `{{`");
        return false;
    }
    const size_t len = (size_t)(close + 1 - rest.at);
    const struct span where = here(r, len);
    struct field_name name;
    if (!split_field((struct slice){rest.at + 1, len - 2}, &name)) {
        diag(s->diags, DIAG_BAD_TEMPLATE, where, "no field looks like this");
        return false;
    }
    const struct ast *given = parameter(r, &name);
    if (given)
        return add_parameter(r, given, where);
    struct table_part part = {0};
    name.key_span = where;
    const uint32_t from = where.from + (uint32_t)(name.name.at - rest.at);
    name.name_span = (struct span){from, from + (uint32_t)name.name.len};
    if (!field_find_said(s, &name, where, &part.field, &part.key))
        return false;
    end_literal(r);
    VEC_ADD(&r->part, part);
    r->at += len;
    return true;
}

static bool add_escape(struct reading *r)
{
    static const char *const escapes = "\"\"\\\\n\nr\rt\t";
    const char c = r->at + 1 < r->text.len ? r->text.at[r->at + 1] : '\0';
    for (const char *e = escapes; *e; e += 2) {
        if (*e != c)
            continue;
        text_addc(&r->literal, e[1]);
        r->at += 2;
        return true;
    }
    const struct slice escape = {r->text.at + r->at, c ? 2 : 1};
    diag(r->s->diags, DIAG_BAD_ESCAPE, here(r, escape.len), SLICE_ARG(escape));
    diag_fix(r->s->diags, here(r, 1), SLICE("\\\\"), "for a backslash, write two");
    return false;
}

static bool add_next(struct reading *r)
{
    const struct slice rest = slice_from(r->text, r->at);
    if (rest.at[0] == '\\')
        return add_escape(r);
    if (slice_starts(rest, SLICE("{{")) || slice_starts(rest, SLICE("}}"))) {
        text_addc(&r->literal, rest.at[0]);
        r->at += 2;
        return true;
    }
    if (rest.at[0] == '{')
        return add_field(r);
    if (rest.at[0] == '}') {
        diag(r->s->diags, DIAG_BAD_TEMPLATE, here(r, 1), "this brace was not opened");
        diag_fix(r->s->diags, here(r, 1), SLICE("}}"), "for a brace, write `}}`");
        return false;
    }
    text_addc(&r->literal, rest.at[0]);
    r->at++;
    return true;
}

static bool plain(struct sema *s, const struct ast *node, struct table_template *out)
{
    struct slice text;
    if (!string_value(s, node, &text))
        return false;
    struct table_part *part = ARENA_NEW(s->arena, struct table_part);
    part->literal = text;
    *out = (struct table_template){part, text.len > 0};
    return true;
}

bool template_read(struct sema *s, const struct ast *node, struct table_template *out)
{
    if (node->kind != AST_STRING)
        return plain(s, node, out);
    struct reading r = {.s = s,
                        .given = node->first,
                        .text = {node->name.at + 1, node->name.len - 2},
                        .first = node->span.from + 1};
    bool ok = true;
    while (ok && r.at < r.text.len)
        ok = add_next(&r);
    end_literal(&r);
    struct table_part *part = ARENA_ARRAY(s->arena, struct table_part, r.part.n);
    if (r.part.n > 0)
        memcpy(part, r.part.at, r.part.n * sizeof(*part));
    *out = (struct table_template){part, r.part.n};
    text_done(&r.literal);
    VEC_DONE(&r.part);
    return ok;
}

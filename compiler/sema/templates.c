/* Templates: text with fields in it. */
#include "compiler/sema/sema_priv.h"

struct reading {
    struct sema *s;
    struct slice text; /* between the quotes */
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

/* "header \"x\"" into its two words; the quotes may be escaped, or single. */
static bool split_field(struct slice inside, struct slice *name, struct slice *key)
{
    size_t n = 0;
    while (n < inside.len && inside.at[n] != ' ' && inside.at[n] != '"' && inside.at[n] != '\'' &&
           inside.at[n] != '\\')
        n++;
    *name = (struct slice){inside.at, n};
    struct slice rest = slice_trim(slice_from(inside, n));
    *key = SLICE_NONE;
    if (rest.len == 0)
        return n > 0;
    if (slice_starts(rest, SLICE("\\\"")) && slice_ends(rest, SLICE("\\\"")) && rest.len >= 4)
        *key = (struct slice){rest.at + 2, rest.len - 4};
    else if (rest.len >= 2 && rest.at[0] == rest.at[rest.len - 1] &&
             (rest.at[0] == '"' || rest.at[0] == '\''))
        *key = (struct slice){rest.at + 1, rest.len - 2};
    else
        return false;
    return n > 0;
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
    struct slice name, key;
    if (!split_field((struct slice){rest.at + 1, len - 2}, &name, &key)) {
        diag(s->diags, DIAG_BAD_TEMPLATE, where, "no field looks like this");
        return false;
    }
    struct table_part part = {0};
    if (!field_find_said(s, name, key.at != NULL, where, &part.field) ||
        (key.at && !field_key(s, part.field, key, where, &part.key)))
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
    struct reading r = {
        .s = s, .text = {node->name.at + 1, node->name.len - 2}, .first = node->span.from + 1};
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

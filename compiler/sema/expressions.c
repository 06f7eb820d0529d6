/* Regular expressions, and what stands for what they find. */
#include "compiler/regex/regex.h"
#include "compiler/sema/sema_priv.h"

static bool say_bad(struct sema *s, const struct ast *node, const struct regex_error *e,
                    size_t flags_at)
{
    const uint32_t from = node->span.from + (e->in_flags ? (uint32_t)flags_at : 1) + e->at;
    diag(s->diags, DIAG_BAD_REGEX, (struct span){from, from + e->len}, SLICE_ARG(e->reason));
    if (e->help.len > 0)
        diag_note(s->diags, SLICE_FMT, SLICE_ARG(e->help));
    return false;
}

static bool say_no_regex(struct sema *s, const struct ast *node)
{
    diag(s->diags, DIAG_BAD_REGEX, node->span, SLICE_ARG(SLICE("it stands between slashes: /^a/")));
    if ((node->kind != AST_STRING && node->kind != AST_RAW) || node->first)
        return false;
    struct text t = {0};
    text_addc(&t, '/');
    for (size_t i = 1; i + 1 < node->name.len; i++) {
        const char c = node->name.at[i];
        if (c == '\\' && i + 2 < node->name.len)
            text_addc(&t, node->name.at[i++]);
        else if (c == '/')
            text_addc(&t, '\\');
        text_addc(&t, node->name.at[i]);
    }
    text_addc(&t, '/');
    diag_fix(s->diags, node->span, text_slice(&t), "write `" SLICE_FMT "`",
             SLICE_ARG(text_slice(&t)));
    text_done(&t);
    return false;
}

bool regex_literal(struct sema *s, const struct ast *node, struct slice *pattern,
                   struct slice *flags, uint32_t *groups)
{
    if (node->kind != AST_REGEX)
        return node->kind != AST_BAD && say_no_regex(s, node);
    size_t end = node->name.len;
    while (node->name.at[end - 1] != '/')
        end--;
    *pattern = (struct slice){node->name.at + 1, end - 2};
    *flags = slice_from(node->name, end);
    struct arena scratch = {0};
    struct regex_error error;
    struct regex_dfa dfa;
    struct regex_program program;
    const struct regex *re = regex_parse(s->arena, *pattern, *flags, &error);
    const bool ok = re && regex_compile_dfa(re, NULL, s->arena, &dfa, &error) &&
                    regex_compile_program(re, s->arena, &program, &error);
    if (ok)
        *groups = regex_groups(re);
    arena_free(&scratch);
    return ok || say_bad(s, node, &error, end);
}

/* "{1}": the place of the brace behind it, or 0 when no group looks like this. */
static size_t group_at(struct slice text, size_t at, uint8_t *group)
{
    if (at + 2 >= text.len || text.at[at + 1] < '0' || text.at[at + 1] > '9' ||
        text.at[at + 2] != '}')
        return 0;
    *group = (uint8_t)(text.at[at + 1] - '0');
    return at + 3;
}

struct replacing {
    struct text literal;
    VEC(struct table_part) part;
};

static void end_literal(struct sema *s, struct replacing *r)
{
    if (r->literal.len == 0)
        return;
    const struct table_part part = {.literal = arena_copy(s->arena, text_slice(&r->literal))};
    VEC_ADD(&r->part, part);
    text_clear(&r->literal);
}

static bool say_no_group(struct sema *s, const struct ast *node, const char *why)
{
    diag(s->diags, DIAG_BAD_TEMPLATE, node->span, why);
    return false;
}

/* Fields have no place in it: what is found is what counts. */
static bool read_parts(struct sema *s, const struct ast *node, struct slice text, uint32_t groups,
                       struct replacing *r)
{
    for (size_t i = 0; i < text.len;) {
        const char c = text.at[i];
        uint8_t group = 0;
        const size_t behind = c == '{' ? group_at(text, i, &group) : 0;
        if ((c == '{' || c == '}') && i + 1 < text.len && text.at[i + 1] == c) {
            text_addc(&r->literal, c);
            i += 2;
        } else if (behind > 0) {
            if (group > groups)
                return say_no_group(s, node, "the expression has no such group");
            end_literal(s, r);
            VEC_ADD(&r->part, ((struct table_part){.field = FIELD_COUNT, .group = group}));
            i = behind;
        } else if (c == '{' || c == '}') {
            return say_no_group(s, node, "only groups stand here, {0} to {9}");
        } else {
            text_addc(&r->literal, c);
            i++;
        }
    }
    end_literal(s, r);
    return true;
}

bool replacement_read(struct sema *s, const struct ast *node, uint32_t groups,
                      struct table_template *out)
{
    struct slice text;
    if (!string_value(s, node, &text))
        return false;
    struct replacing r = {0};
    const bool ok = read_parts(s, node, text, groups, &r);
    struct table_part *part = ARENA_ARRAY(s->arena, struct table_part, r.part.n + 1);
    if (r.part.n > 0)
        memcpy(part, r.part.at, r.part.n * sizeof(*part));
    *out = (struct table_template){part, r.part.n};
    text_done(&r.literal);
    VEC_DONE(&r.part);
    return ok;
}

/* Actions that change headers: which may be, and to what. */
#include "compiler/sema/sema_priv.h"

const char *header_is_ours(struct slice name)
{
    static const char *const own = "the proxy sets it for each connection itself";
    static const char *const framing = "it says where a message ends";
    static const struct {
        struct slice name;
        const char *const *why;
    } headers[] = {
        {SLICE_INIT("connection"), &own},
        {SLICE_INIT("keep-alive"), &own},
        {SLICE_INIT("proxy-connection"), &own},
        {SLICE_INIT("te"), &own},
        {SLICE_INIT("upgrade"), &own},
        {SLICE_INIT("trailer"), &framing},
        {SLICE_INIT("content-length"), &framing},
        {SLICE_INIT("transfer-encoding"), &framing},
    };
    for (size_t i = 0; i < COUNT_OF(headers); i++)
        if (slice_eq(headers[i].name, name))
            return *headers[i].why;
    return NULL;
}

/* Why configuration may not touch a header, or NULL. */
static const char *why_protected(struct slice name, enum action_kind kind)
{
    if (slice_eq(name, SLICE("host")) &&
        (kind == ACTION_ADD_HEADER || kind == ACTION_REMOVE_HEADER))
        return "a request has exactly one; it can be set";
    return header_is_ours(name);
}

static bool changed_header(struct sema *s, const struct ast *name, struct action *out)
{
    struct slice text;
    if (!string_value(s, name, &text) || !header_name(s, text, name->span, &out->name))
        return false;
    const char *why = why_protected(out->name, out->kind);
    if (!why)
        return true;
    diag(s->diags, DIAG_PROTECTED_HEADER, name->span, SLICE_ARG(out->name), why);
    return false;
}

bool template_clean(struct sema *s, const struct ast *at, const struct table_template *t,
                    const char *what)
{
    for (uint32_t i = 0; i < t->n; i++) {
        if (!t->part[i].literal.at || !has_control(t->part[i].literal, "\t"))
            continue;
        diag(s->diags, DIAG_CONTROL_CHARACTER, at->span, what);
        return false;
    }
    return true;
}

/* A Host of literals alone is one; where fields stand in it, who asks has a say. */
static bool is_host(struct sema *s, const struct ast *at, const struct table_template *t)
{
    if (t->n != 1 || !t->part[0].literal.at)
        return true;
    return host_value(s, t->part[0].literal, at->span);
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static void say_blanks(struct sema *s, const struct ast *at)
{
    diag(s->diags, DIAG_BLANKS_LOST, at->span);
    if (at->kind != AST_STRING && at->kind != AST_RAW)
        return;
    const struct slice inside = slice_trim((struct slice){at->name.at + 1, at->name.len - 2});
    if (slice_starts(inside, SLICE("\\t")) || slice_ends(inside, SLICE("\\t")))
        return;
    const char quote = at->name.at[0];
    const struct slice mended =
        arena_format(s->arena, "%c" SLICE_FMT "%c", quote, SLICE_ARG(inside), quote);
    diag_fix(s->diags, at->span, mended, "write it without them");
}

/* Blanks at the ends of a value are no part of it on the wire (RFC 9110 5.5). */
static void warn_of_blanks(struct sema *s, const struct ast *at, const struct table_template *t)
{
    if (t->n == 0)
        return;
    const struct slice first = t->part[0].literal, last = t->part[t->n - 1].literal;
    if ((first.at && is_blank(first.at[0])) || (last.at && is_blank(last.at[last.len - 1])))
        say_blanks(s, at);
}

static bool header_value(struct sema *s, const struct ast *at, struct action *out)
{
    if (!template_read(s, at, &out->value) || !template_clean(s, at, &out->value, "a header"))
        return false;
    if (slice_eq(out->name, SLICE("host")) && !is_host(s, at, &out->value))
        return false;
    warn_of_blanks(s, at, &out->value);
    return true;
}

bool header_change_read(struct sema *s, const struct ast *a, struct action *out)
{
    const bool name = changed_header(s, a->first, out);
    if (out->kind == ACTION_REMOVE_HEADER || out->kind == ACTION_REMOVE_RESPONSE_HEADER)
        return name;
    const struct ast *value = a->first->next;
    return header_value(s, value, out) && name;
}

bool set_host_read(struct sema *s, const struct ast *a, struct action *out)
{
    out->kind = ACTION_SET_HEADER;
    out->name = SLICE("host");
    return header_value(s, a->first, out);
}

/* A document as YAML that a person might have written, for YAML 1.1 and 1.2 alike. */
#include "grammar/convert/document_priv.h"
#include "runtime/base/check.h"

#define COLUMNS 100u

static bool is_one_of(char c, const char *set)
{
    return memchr(set, c, strlen(set)) != NULL;
}

/* What readers of YAML take for something else than text: truth, nothing, numbers, dates. */
static bool is_word_of_yaml(struct slice s)
{
    static const struct slice word[] = {SLICE_INIT("y"),    SLICE_INIT("n"),     SLICE_INIT("yes"),
                                        SLICE_INIT("no"),   SLICE_INIT("on"),    SLICE_INIT("off"),
                                        SLICE_INIT("true"), SLICE_INIT("false"), SLICE_INIT("~"),
                                        SLICE_INIT("null"), SLICE_INIT("="),     SLICE_INIT("<<"),
                                        SLICE_INIT(".nan"), SLICE_INIT(".inf")};
    for (size_t i = 0; i < COUNT_OF(word); i++)
        if (slice_eq_nocase(s, word[i]))
            return true;
    return false;
}

/* Digits with the signs that numbers of all sorts, dates and times of day are made of. */
static bool is_like_a_number(struct slice s)
{
    if (s.at[0] < '0' || s.at[0] > '9')
        return is_one_of(s.at[0], "+-.") && s.len > 1;
    uint32_t dots = 0;
    for (size_t i = 0; i < s.len; i++) {
        if (!is_one_of(s.at[i], "0123456789abcdefABCDEFxXoO_.:+-eETtZ "))
            return false;
        dots += s.at[i] == '.';
    }
    return dots < 2; /* with more, it is an address */
}

/* Can it stand without quotes? `flow`: between [ ] or { }. */
static bool is_plain(struct slice s, bool flow)
{
    if (s.len == 0 || is_one_of(s.at[0], "-?:,[]{}#&*!|>'\"%@` ") || is_word_of_yaml(s) ||
        !is_clean(s))
        return false;
    if (is_like_a_number(s) && !is_number(s))
        return false;
    for (size_t i = 0; i < s.len; i++) {
        const char c = s.at[i];
        const char next = i + 1 < s.len ? s.at[i + 1] : ' ';
        if ((c == ':' && (next == ' ' || (flow && is_one_of(next, ",[]{}")))) ||
            (c == ' ' && next == '#'))
            return false;
        if (flow && is_one_of(c, ",[]{}"))
            return false;
    }
    return s.at[s.len - 1] != ' ';
}

static void write_text(struct slice s, bool flow, struct text *out)
{
    if (is_plain(s, flow)) {
        text_add(out, s);
        return;
    }
    if (!is_clean(s)) {
        write_quoted(s, out);
        return;
    }
    text_addc(out, '\'');
    for (size_t i = 0; i < s.len; i++) {
        if (s.at[i] == '\'')
            text_addc(out, '\'');
        text_addc(out, s.at[i]);
    }
    text_addc(out, '\'');
}

/* A mapping or list without comments and further ones, between brackets. */
static bool can_be_short(const struct entry *e)
{
    if (e->behind || (e->kind == NODE_MAP && !e->is_short))
        return false;
    for (const struct entry *c = e->first; c; c = c->next)
        if (c->kind == NODE_MAP || c->kind == NODE_LIST || c->before || c->comment.len > 0 ||
            (c->kind == NODE_NONE && e->kind == NODE_LIST))
            return false;
    return true;
}

static bool write_short(const struct entry *e, uint32_t column, struct text *out)
{
    const size_t before = out->len;
    const bool map = e->kind == NODE_MAP;
    if (e->first && !can_be_short(e))
        return false;
    text_adds(out, !e->first ? (map ? "{" : "[") : map ? "{ " : "[");
    for (const struct entry *c = e->first; c; c = c->next) {
        if (map) {
            write_text(c->key, true, out);
            text_adds(out, c->kind == NODE_NONE ? ": null" : ": ");
        }
        if (c->kind == NODE_SCALAR)
            write_text(c->text, true, out);
        text_adds(out, c->next ? ", " : map ? " " : "");
    }
    text_addc(out, map ? '}' : ']');
    if (!e->first ||
        column + text_columns((struct slice){out->at + before, out->len - before}) <= COLUMNS)
        return true;
    out->len = before;
    return false;
}

static void write_notes(const struct note *n, uint32_t indent, struct text *out)
{
    for (; n; n = n->next) {
        text_addf(out, "%*s", (int)indent, "");
        write_escaped(n->text, "", out);
        text_adds(out, n->blank_behind ? "\n\n" : "\n");
    }
}

static void write_all(const struct entry *e, uint32_t indent, struct text *out);

static void end_line(const struct entry *e, struct text *out)
{
    if (e->comment.len > 0) {
        text_addc(out, ' ');
        write_escaped(e->comment, "", out);
    }
    text_addc(out, '\n');
}

/* What stands behind a key or a dash, to the end of the line or the block. */
static void write_value(const struct entry *e, uint32_t column, uint32_t indent, struct text *out)
{
    if (e->kind == NODE_NONE || e->kind == NODE_SCALAR) {
        text_adds(out, e->kind == NODE_SCALAR ? " " : "");
        if (e->kind == NODE_SCALAR)
            write_text(e->text, false, out);
        end_line(e, out);
        return;
    }
    text_addc(out, ' ');
    if (write_short(e, column + 1, out)) {
        end_line(e, out);
        write_notes(e->behind, indent + 2, out);
        return;
    }
    out->len--;
    end_line(e, out);
    write_all(e, indent + 2, out);
}

static void write_pair(const struct entry *c, uint32_t indent, struct text *out)
{
    const size_t before = out->len;
    write_text(c->key, false, out);
    text_addc(out, ':');
    const uint32_t columns = text_columns((struct slice){out->at + before, out->len - before});
    write_value(c, indent + columns, indent, out);
}

/* An entry of a list. The first line of a mapping stands behind the dash. */
static void write_listed(const struct entry *c, uint32_t indent, struct text *out)
{
    text_adds(out, "-");
    if (c->kind != NODE_MAP || !c->first) {
        write_value(c, indent + 1, indent, out);
        return;
    }
    text_addc(out, ' ');
    for (const struct entry *p = c->first; p; p = p->next) {
        if (p != c->first) {
            write_notes(p->before, indent + 2, out);
            text_addf(out, "%*s", (int)indent + 2, "");
        }
        write_pair(p, indent + 2, out);
    }
}

static void write_all(const struct entry *e, uint32_t indent, struct text *out)
{
    for (const struct entry *c = e->first; c; c = c->next) {
        if (c->blank_before && c != e->first)
            text_addc(out, '\n');
        write_notes(c->before, indent, out);
        text_addf(out, "%*s", (int)indent, "");
        if (e->kind == NODE_MAP)
            write_pair(c, indent, out);
        else
            write_listed(c, indent, out);
    }
    write_notes(e->behind, indent, out);
}

void document_write_yaml(const struct entry *document, struct text *out)
{
    if (!document->first) {
        write_notes(document->behind, 0, out);
        text_adds(out, "{}\n");
        return;
    }
    write_all(document, 0, out);
}

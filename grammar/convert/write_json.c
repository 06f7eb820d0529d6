/* A document as JSON. Comments have no place in it. */
#include "grammar/convert/document_priv.h"
#include "runtime/base/utf8.h"

#define COLUMNS 100u

/* Above this, some readers begin to round. */
#define DIGITS_MAX 15

bool is_number(struct slice s)
{
    if (s.len == 0 || s.len > DIGITS_MAX || (s.at[0] == '0' && s.len > 1))
        return false;
    for (size_t i = 0; i < s.len; i++)
        if (s.at[i] < '0' || s.at[i] > '9')
            return false;
    return true;
}

/* The code point of the character that begins s. */
static uint32_t code_point(struct slice s, size_t bytes)
{
    static const unsigned char first[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    uint32_t c = (unsigned char)s.at[0] & first[bytes];
    for (size_t i = 1; i < bytes; i++)
        c = c << 6 | ((unsigned char)s.at[i] & 0x3f);
    return c;
}

/* Line ends of YAML, and what it does not call printable. */
static bool needs_escape(uint32_t c)
{
    return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x2028 || c == 0x2029 || c == 0xfeff ||
           c == 0xfffe || c == 0xffff;
}

bool is_clean(struct slice s)
{
    while (s.len > 0) {
        size_t bytes = utf8_next(s);
        bytes = bytes ? bytes : 1;
        if (needs_escape(code_point(s, bytes)))
            return false;
        s = slice_from(s, bytes);
    }
    return true;
}

void write_escaped(struct slice s, const char *escaped, struct text *out)
{
    while (s.len > 0) {
        size_t bytes = utf8_next(s);
        bytes = bytes ? bytes : 1;
        const uint32_t c = code_point(s, bytes);
        if (c < 0x80 && c > 0 && strchr(escaped, (int)c))
            text_addc(out, '\\');
        if (needs_escape(c))
            text_addf(out, "\\u%04x", (unsigned)c);
        else
            text_add(out, (struct slice){s.at, bytes});
        s = slice_from(s, bytes);
    }
}

void write_quoted(struct slice s, struct text *out)
{
    text_addc(out, '"');
    write_escaped(s, "\"\\", out);
    text_addc(out, '"');
}

static void write(const struct entry *e, uint32_t indent, struct text *out);

static void write_scalar(const struct entry *e, struct text *out)
{
    if (e->kind == NODE_NONE)
        text_adds(out, "null");
    else if (is_number(e->text))
        text_add(out, e->text);
    else
        write_quoted(e->text, out);
}

/* Can it be on one line, and how long is that? 0: no. */
static bool write_short(const struct entry *e, uint32_t column, struct text *out)
{
    const size_t before = out->len;
    text_addc(out, '[');
    for (const struct entry *c = e->first; c; c = c->next) {
        if (c->kind == NODE_MAP || c->kind == NODE_LIST) {
            out->len = before;
            return false;
        }
        write_scalar(c, out);
        text_adds(out, c->next ? ", " : "");
    }
    text_addc(out, ']');
    const uint32_t columns = text_columns((struct slice){out->at + before, out->len - before});
    if (column + columns <= COLUMNS)
        return true;
    out->len = before;
    return false;
}

static void write_all(const struct entry *e, uint32_t indent, struct text *out)
{
    const bool map = e->kind == NODE_MAP;
    if (!e->first) {
        text_adds(out, map ? "{}" : "[]");
        return;
    }
    text_adds(out, map ? "{\n" : "[\n");
    for (const struct entry *c = e->first; c; c = c->next) {
        text_addf(out, "%*s", (int)indent + 2, "");
        if (map) {
            write_quoted(c->key, out);
            text_adds(out, ": ");
        }
        write(c, indent + 2, out);
        text_adds(out, c->next ? ",\n" : "\n");
    }
    text_addf(out, "%*s%c", (int)indent, "", map ? '}' : ']');
}

static void write(const struct entry *e, uint32_t indent, struct text *out)
{
    if (e->kind == NODE_NONE || e->kind == NODE_SCALAR)
        write_scalar(e, out);
    else if (e->kind == NODE_MAP || !write_short(e, indent + text_columns(e->key) + 4, out))
        write_all(e, indent, out);
}

void document_write_json(const struct entry *document, struct text *out)
{
    write(document, 0, out);
    text_addc(out, '\n');
}

/* Strings without quotes and escapes. */
#include "compiler/sema/sema_priv.h"

/* The character that `\c` stands for, or NUL. */
static char escaped(char c)
{
    switch (c) {
    case '"': return '"';
    case '\\': return '\\';
    case 'n': return '\n';
    case 'r': return '\r';
    case 't': return '\t';
    default: return '\0';
    }
}

static int hex_digit(char c)
{
    const char lower = ascii_lower(c);
    if (c >= '0' && c <= '9')
        return c - '0';
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/* "\x0d", of which `i` is the backslash. */
static bool byte_escape(struct slice raw, size_t i, char *out)
{
    if (i + 3 >= raw.len || raw.at[i + 1] != 'x')
        return false;
    const int high = hex_digit(raw.at[i + 2]), low = hex_digit(raw.at[i + 3]);
    if (high < 0 || low < 0)
        return false;
    *out = (char)(unsigned char)(high * 16 + low);
    return true;
}

static bool unescape(struct sema *s, const struct ast *node, struct slice raw, bool bytes,
                     struct slice *out)
{
    char *at = ARENA_ARRAY(s->arena, char, raw.len + 1);
    size_t n = 0;
    for (size_t i = 0; i < raw.len; i++) {
        if (raw.at[i] != '\\') {
            at[n++] = raw.at[i];
            continue;
        }
        if (bytes && byte_escape(raw, i, &at[n])) {
            n++;
            i += 3;
            continue;
        }
        const struct slice escape = {raw.at + i, i + 1 < raw.len ? 2 : 1};
        const char c = escape.len == 2 ? escaped(raw.at[i + 1]) : '\0';
        if (c == '\0') {
            const uint32_t from = node->span.from + 1 + (uint32_t)i;
            diag(s->diags, DIAG_BAD_ESCAPE, (struct span){from, from + (uint32_t)escape.len},
                 SLICE_ARG(escape));
            diag_fix(s->diags, (struct span){from, from + 1}, SLICE("\\\\"),
                     "for a backslash, write two");
            return false;
        }
        at[n++] = c;
        i++;
    }
    *out = (struct slice){at, n};
    return true;
}

/* Where fields may not stand in a text, parameters may not either: half of a reader's guesses would
 * be wrong otherwise. */
static bool say_not_put_in(struct sema *s, const struct ast *node)
{
    diag(s->diags, DIAG_BAD_USE, node->span, "a parameter is not put into this text");
    diag_also(s->diags, node->first->name_span, "the parameter");
    diag_note(s->diags, "it is put in where fields are: in values of headers and places of "
                        "redirections; for these very characters, write the text in '...'");
    return false;
}

static bool text_read(struct sema *s, const struct ast *node, bool bytes, struct slice *out)
{
    const struct slice inside = {node->name.at + 1, node->name.len - 2};
    if (node->kind == AST_RAW) {
        *out = inside;
        return true;
    }
    if (node->first)
        return say_not_put_in(s, node);
    return unescape(s, node, inside, bytes, out);
}

bool string_read(struct sema *s, const struct ast *node, struct slice *out)
{
    return text_read(s, node, false, out);
}

bool bytes_read(struct sema *s, const struct ast *node, struct slice *out)
{
    return text_read(s, node, true, out);
}

bool string_value(struct sema *s, const struct ast *node, struct slice *out)
{
    struct value v;
    if (!value_read(s, node, TYPE_STRING, &v))
        return false;
    *out = v.text;
    return true;
}

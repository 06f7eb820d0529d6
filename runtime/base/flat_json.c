#include "runtime/base/flat_json.h"

#include <string.h>

#include "runtime/base/utf8.h"

/* --- flattening ------------------------------------------------------------------------------ */

struct maker {
    char *at, *end;
    unsigned depth;
};

static bool make_value(struct maker *m, struct flat_json *out);

static void skip_blanks(struct maker *m)
{
    while (m->at < m->end && (*m->at == ' ' || *m->at == '\t' || *m->at == '\n' || *m->at == '\r'))
        m->at++;
}

static bool take(struct maker *m, char c)
{
    const bool is = m->at < m->end && *m->at == c;
    m->at += is;
    return is;
}

/* The four digits of \u.... */
static bool take_unit(struct maker *m, uint32_t *out)
{
    *out = 0;
    for (unsigned i = 0; i < 4; i++) {
        if (m->at == m->end)
            return false;
        const char c = ascii_lower(*m->at++);
        if (!(c >= '0' && c <= '9') && !(c >= 'a' && c <= 'f'))
            return false;
        *out = *out << 4 | (uint32_t)(c <= '9' ? c - '0' : c - 'a' + 10);
    }
    return true;
}

static char *put_utf8(char *to, uint32_t c)
{
    if (c < 0x80) {
        *to++ = (char)c;
        return to;
    }
    const unsigned more = c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
    static const unsigned FIRST[] = {0, 0xc0, 0xe0, 0xf0};
    *to++ = (char)(FIRST[more] | c >> 6 * more);
    for (unsigned i = more; i-- > 0;)
        *to++ = (char)(0x80 | (c >> 6 * i & 0x3f));
    return to;
}

/* Behind "\u": a character, or the two halves of one. */
static bool take_unicode(struct maker *m, char **to)
{
    uint32_t c, low;
    if (!take_unit(m, &c) || c == 0 || (c >= 0xdc00 && c <= 0xdfff))
        return false;
    if (c >= 0xd800 && c <= 0xdbff) {
        if (!take(m, '\\') || !take(m, 'u') || !take_unit(m, &low) || low < 0xdc00 || low > 0xdfff)
            return false;
        c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
    }
    *to = put_utf8(*to, c);
    return true;
}

static bool take_escape(struct maker *m, char **to)
{
    static const char NAME[] = "\"\\/bfnrt", MEANS[] = "\"\\/\b\f\n\r\t";
    if (m->at == m->end)
        return false;
    const char c = *m->at++;
    if (c == 'u')
        return take_unicode(m, to);
    const char *found = c ? strchr(NAME, c) : NULL;
    if (found)
        *(*to)++ = MEANS[found - NAME];
    return found != NULL;
}

/* Behind its quote. What it has become is shorter, never longer. */
static bool make_string(struct maker *m, struct slice *out)
{
    char *const from = m->at, *to = from;
    while (m->at < m->end) {
        const char c = *m->at++;
        if (c == '"') {
            *out = (struct slice){from, (size_t)(to - from)};
            memset(to, '\0', (size_t)(m->at - to));
            return true;
        }
        if ((unsigned char)c < ' ')
            return false;
        if (c != '\\')
            *to++ = c;
        else if (!take_escape(m, &to))
            return false;
    }
    return false;
}

static bool take_digits(struct maker *m)
{
    const char *from = m->at;
    while (m->at < m->end && *m->at >= '0' && *m->at <= '9')
        m->at++;
    return m->at > from;
}

static bool make_number(struct maker *m, struct flat_json *out)
{
    char *const from = m->at;
    take(m, '-');
    bool ok = take(m, '0') || take_digits(m);
    if (ok && take(m, '.'))
        ok = take_digits(m);
    if (ok && (take(m, 'e') || take(m, 'E'))) {
        if (!take(m, '-'))
            take(m, '+');
        ok = take_digits(m);
    }
    *out = (struct flat_json){FLAT_JSON_NUMBER, {from, (size_t)(m->at - from)}};
    return ok;
}

static bool make_word(struct maker *m, struct flat_json *out)
{
    static const struct {
        struct slice word;
        enum flat_json_kind kind;
    } WORD[] = {{SLICE_INIT("true"), FLAT_JSON_BOOLEAN},
                {SLICE_INIT("false"), FLAT_JSON_BOOLEAN},
                {SLICE_INIT("null"), FLAT_JSON_NULL}};
    const struct slice rest = {m->at, (size_t)(m->end - m->at)};
    for (size_t i = 0; i < sizeof(WORD) / sizeof(WORD[0]); i++)
        if (slice_starts(rest, WORD[i].word)) {
            *out = (struct flat_json){WORD[i].kind, {m->at, WORD[i].word.len}};
            m->at += WORD[i].word.len;
            return true;
        }
    return false;
}

/* Behind its bracket. */
static bool make_array(struct maker *m)
{
    struct flat_json element;
    skip_blanks(m);
    if (take(m, ']'))
        return true;
    do
        if (!make_value(m, &element))
            return false;
    while (take(m, ','));
    return take(m, ']');
}

/* Names that differ often begin alike. */
static bool is_same(struct slice a, struct slice b)
{
    return a.len == b.len && (a.len == 0 || (a.at[a.len - 1] == b.at[a.len - 1] && slice_eq(a, b)));
}

static bool make_name(struct maker *m, struct slice *name, uint32_t n)
{
    skip_blanks(m);
    if (n == FLAT_JSON_MEMBERS_MAX || !take(m, '"') || !make_string(m, &name[n]))
        return false;
    for (uint32_t i = 0; i < n; i++)
        if (is_same(name[i], name[n]))
            return false;
    skip_blanks(m);
    return take(m, ':');
}

/* The same. */
static bool make_object(struct maker *m)
{
    struct slice name[FLAT_JSON_MEMBERS_MAX];
    struct flat_json value;
    uint32_t n = 0;
    skip_blanks(m);
    if (take(m, '}'))
        return true;
    do
        if (!make_name(m, name, n++) || !make_value(m, &value))
            return false;
    while (take(m, ','));
    return take(m, '}');
}

static bool make_inner(struct maker *m, bool object, struct flat_json *out)
{
    char *const from = m->at;
    if (m->depth == FLAT_JSON_DEPTH_MAX)
        return false;
    m->depth++;
    const bool ok = object ? make_object(m) : make_array(m);
    m->depth--;
    *out = (struct flat_json){object ? FLAT_JSON_OBJECT : FLAT_JSON_ARRAY,
                              {from, (size_t)(m->at - from) - (ok ? 1 : 0)}};
    return ok;
}

/* With the blanks around it. */
static bool make_value(struct maker *m, struct flat_json *out)
{
    bool ok;
    skip_blanks(m);
    if (m->at == m->end)
        return false;
    const bool object = take(m, '{');
    if (object || take(m, '[')) {
        ok = make_inner(m, object, out);
    } else if (take(m, '"')) {
        out->kind = FLAT_JSON_STRING;
        ok = make_string(m, &out->text);
    } else {
        ok = make_word(m, out) || make_number(m, out);
    }
    skip_blanks(m);
    return ok;
}

bool flat_json_make(char *text, size_t len, struct flat_json *out)
{
    struct maker m = {.at = text, .end = text + len};
    return utf8_valid_bytes((struct slice){text, len}) == len && make_value(&m, out) &&
           m.at == m.end;
}

/* --- reading --------------------------------------------------------------------------------- */

/* What is between two values; it is known to stand where it should. */
static bool is_between(char c)
{
    return (unsigned char)c <= ' ' || c == ',' || c == ':';
}

static size_t string_len(struct slice s)
{
    const char *end = memchr(s.at, '\0', s.len);
    ASSERT(end);
    return (size_t)(end - s.at);
}

/* Behind the bracket, to the one that closes it. */
static size_t inner_len(struct slice s)
{
    unsigned depth = 0;
    for (size_t i = 0; i < s.len; i++) {
        const char c = s.at[i];
        if (c == '"')
            i += 1 + string_len(slice_from(s, i + 1));
        else if (c == '{' || c == '[')
            depth++;
        else if ((c == '}' || c == ']') && depth-- == 0)
            return i;
    }
    ASSERT(!"what is open is closed");
}

static size_t plain_len(struct slice s)
{
    size_t n = 0;
    while (n < s.len && !is_between(s.at[n]) && s.at[n] != ']' && s.at[n] != '}')
        n++;
    return n;
}

static enum flat_json_kind plain_kind(char c)
{
    return c == 'n' ? FLAT_JSON_NULL : c == 't' || c == 'f' ? FLAT_JSON_BOOLEAN : FLAT_JSON_NUMBER;
}

bool flat_json_next(struct slice *rest, struct flat_json *out)
{
    while (rest->len > 0 && is_between(rest->at[0]))
        *rest = slice_from(*rest, 1);
    if (rest->len == 0 || rest->at[0] == ']' || rest->at[0] == '}')
        return false;
    const char c = rest->at[0];
    const struct slice inside = slice_from(*rest, 1);
    if (c == '"')
        *out = (struct flat_json){FLAT_JSON_STRING, {inside.at, string_len(inside)}};
    else if (c == '{' || c == '[')
        *out = (struct flat_json){c == '{' ? FLAT_JSON_OBJECT : FLAT_JSON_ARRAY,
                                  {inside.at, inner_len(inside)}};
    else
        *out = (struct flat_json){plain_kind(c), {rest->at, plain_len(*rest)}};
    const size_t ends = (size_t)(out->text.at + out->text.len - rest->at);
    *rest = slice_from(*rest, ends + (c == '"' || c == '{' || c == '['));
    return true;
}

bool flat_json_next_member(struct slice *rest, struct slice *name, struct flat_json *out)
{
    struct flat_json first;
    if (!flat_json_next(rest, &first))
        return false;
    *name = first.text;
    return flat_json_next(rest, out);
}

struct flat_json flat_json_member(struct flat_json object, struct slice name)
{
    struct slice rest = object.kind == FLAT_JSON_OBJECT ? object.text : SLICE("");
    struct slice other;
    struct flat_json value;
    while (flat_json_next_member(&rest, &other, &value))
        if (slice_eq(other, name))
            return value;
    return (struct flat_json){.kind = FLAT_JSON_NONE, .text = SLICE("")};
}

/*
 * Paths in conditions. A request's path is normalised before it is compared (RFC 3986 6.2.2: escapes
 * in upper case, unreserved characters decoded, dot segments removed; empty segments merged), so a
 * literal that is not in that form can never match, and saying so is all its author wants to know.
 */
#include "compiler/sema/sema_priv.h"

static bool is_unreserved(unsigned c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

static bool is_path_character(unsigned c)
{
    return is_unreserved(c) || (c != 0 && c < 0x80 && strchr("!$&'()*+,;=:@/|^`[]{}\"<>", (int)c));
}

static int hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = ascii_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* One character or escape of `text` at *i, normalised, into `out`. Returns why there is none. */
static const char *normal_character(struct slice text, size_t *i, struct text *out)
{
    const unsigned c = (unsigned char)text.at[*i];
    if (c != '%') {
        if (is_path_character(c))
            text_addc(out, (char)c);
        else
            text_addf(out, "%%%02X", c);
        (*i)++;
        return NULL;
    }
    const int high = *i + 2 < text.len ? hex(text.at[*i + 1]) : -1;
    const int low = *i + 2 < text.len ? hex(text.at[*i + 2]) : -1;
    if (high < 0 || low < 0)
        return "`%` begins an escape of two hexadecimal digits";
    const unsigned value = (unsigned)(high * 16 + low);
    if (value == '/' || value == '\\' || value < 0x20 || value == 0x7f)
        return "an escaped slash, backslash or control character is refused with 400";
    if (is_unreserved(value))
        text_addc(out, (char)value);
    else
        text_addf(out, "%%%02X", value);
    *i += 3;
    return NULL;
}

/* Drops what stands behind the last slash but one: "/a/b/" becomes "/a/". */
static void drop_segment(struct text *t)
{
    if (t->len > 1)
        t->len--;
    while (t->len > 0 && t->at[t->len - 1] != '/')
        t->len--;
}

/* `escaped` begins with a slash. Writes it without empty and dot segments. */
static void merge_segments(struct slice escaped, struct text *out)
{
    text_addc(out, '/');
    for (size_t i = 1; i <= escaped.len;) {
        size_t end = i;
        while (end < escaped.len && escaped.at[end] != '/')
            end++;
        const struct slice segment = {escaped.at + i, end - i};
        if (slice_eq(segment, SLICE(".."))) {
            drop_segment(out);
        } else if (segment.len > 0 && !slice_eq(segment, SLICE("."))) {
            text_add(out, segment);
            if (end < escaped.len)
                text_addc(out, '/');
        }
        i = end + 1;
    }
}

static bool say_bad_path(struct sema *s, struct slice text, struct span where, const char *why)
{
    diag(s->diags, DIAG_BAD_PATH, where, SLICE_ARG(text), why);
    return false;
}

static void fix_path(struct sema *s, struct span where, struct slice meant)
{
    const struct slice fix = arena_format(s->arena, "\"" SLICE_FMT "\"", SLICE_ARG(meant));
    diag_fix(s->diags, where, fix, "write `" SLICE_FMT "`", SLICE_ARG(fix));
}

/* Its normal form into `out`; why there is none otherwise. */
static const char *normalise(struct slice text, enum part part, struct text *out)
{
    struct text escaped = {0};
    const char *why = NULL;
    for (size_t i = 0; i < text.len && !why;)
        why = normal_character(text, &i, &escaped);
    if (!why && part == PART_WHOLE)
        merge_segments(text_slice(&escaped), out);
    else if (!why)
        text_add(out, text_slice(&escaped));
    text_done(&escaped);
    return why;
}

/* The segments of a beginning or an end: only those that are surely whole can be judged. */
static bool has_odd_segment(struct slice text)
{
    for (size_t i = 0; i + 1 < text.len; i++) {
        const struct slice rest = slice_from(text, i);
        if (slice_starts(rest, SLICE("//")) || slice_starts(rest, SLICE("/./")) ||
            slice_starts(rest, SLICE("/../")))
            return true;
    }
    return false;
}

bool path_literal(struct sema *s, struct slice text, struct span where, enum part part,
                  struct slice *out)
{
    *out = text;
    const char *cut = memchr(text.at, '?', text.len);
    if (!cut)
        cut = memchr(text.at, '#', text.len);
    if (cut) {
        say_bad_path(s, text, where, "the query is not part of the path");
        if (cut > text.at)
            fix_path(s, where, (struct slice){text.at, (size_t)(cut - text.at)});
        return false;
    }
    if (part != PART_END && (text.len == 0 || text.at[0] != '/')) {
        say_bad_path(s, text, where, "it does not begin with a slash");
        fix_path(s, where, arena_format(s->arena, "/" SLICE_FMT, SLICE_ARG(text)));
        return false;
    }
    struct text normal = {0};
    const char *why = normalise(text, part, &normal);
    const bool same = !why && slice_eq(text_slice(&normal), text);
    if (why)
        say_bad_path(s, text, where, why);
    else if (!same) {
        say_bad_path(s, text, where, "it is not in the form in which paths are compared");
        fix_path(s, where, text_slice(&normal));
    } else if (has_odd_segment(text))
        say_bad_path(s, text, where, "empty and dot segments are removed");
    text_done(&normal);
    return same && !has_odd_segment(text);
}

/*
 * Paths in conditions. A request's path is normalised before it is compared (runtime/base/uri), so
 * a literal that is not in that form can never match, and saying so is all its author wants to
 * know. What any listener of the program takes may be written.
 */
#include "compiler/sema/sema_priv.h"
#include "runtime/base/uri.h"

static bool say_bad_path(struct sema *s, struct slice text, struct span where, const char *why)
{
    diag(s->diags, DIAG_BAD_PATH, where, SLICE_ARG(text), why);
    return false;
}

/* With an escape for every byte that a path cannot have. */
static struct slice escaped(struct sema *s, struct slice text)
{
    struct text t = {0};
    for (size_t i = 0; i < text.len; i++) {
        const unsigned char c = (unsigned char)text.at[i];
        if (c <= ' ' || c >= 0x7f || c == '\\')
            text_addf(&t, "%%%02X", c);
        else
            text_addc(&t, (char)c);
    }
    const struct slice copy = arena_copy(s->arena, text_slice(&t));
    text_done(&t);
    return copy;
}

/* A beginning must be one of some whole path, and an end too: these make it whole. */
static const char *missing_before(enum part part)
{
    return part == PART_END ? "/x" : "";
}

static const char *missing_behind(enum part part)
{
    return part == PART_BEGIN ? "x" : "";
}

/* Its normal form, in the arena; what was put around a part is taken off again where it is still
 * there. */
static enum uri_result normalise(struct sema *s, struct slice text, enum part part,
                                 struct slice *out)
{
    const struct slice before = slice_of(missing_before(part)),
                       behind = slice_of(missing_behind(part));
    const struct slice whole = arena_format(s->arena, SLICE_FMT SLICE_FMT SLICE_FMT,
                                            SLICE_ARG(before), SLICE_ARG(text), SLICE_ARG(behind));
    char *normal = ARENA_ARRAY(s->arena, char, whole.len + 1);
    size_t len;
    const enum uri_result result = uri_normalise_path(whole, s->path_rules, normal, &len);
    if (result != URI_OK)
        return result;
    struct slice n = {normal, len};
    if (slice_starts(n, before))
        n = slice_from(n, before.len);
    if (slice_ends(n, behind))
        n.len -= behind.len;
    *out = n;
    return URI_OK;
}

static bool say_result(struct sema *s, struct slice text, struct span where, enum part part,
                       enum uri_result result)
{
    struct slice fix;
    switch (result) {
    case URI_BAD_BYTE:
        say_bad_path(s, text, where, "it has a character that paths carry as an escape");
        if (normalise(s, escaped(s, text), part, &fix) == URI_OK)
            fix_quoted(s, where, fix);
        return false;
    case URI_BAD_ESCAPE: return say_bad_path(s, text, where, "two hexadecimal digits follow a `%`");
    case URI_FORBIDDEN_ESCAPE:
        return say_bad_path(s, text, where,
                            "an escaped slash, backslash or control character is refused");
    case URI_OK:
    case URI_NOT_ABSOLUTE:
    case URI_BAD_HOST:
    case URI_BAD_PORT: break;
    }
    return say_bad_path(s, text, where, "it does not begin with a slash");
}

/* "/a?b", "a": what is wrong before any normal form is looked at. */
static bool has_shape(struct sema *s, struct slice text, struct span where, enum part part)
{
    const char *cut = text.len ? memchr(text.at, '?', text.len) : NULL;
    if (!cut && text.len)
        cut = memchr(text.at, '#', text.len);
    if (cut) {
        say_bad_path(s, text, where, "the query is not part of the path");
        if (cut > text.at)
            fix_quoted(s, where, (struct slice){text.at, (size_t)(cut - text.at)});
        return false;
    }
    if (part == PART_END || (text.len > 0 && text.at[0] == '/'))
        return true;
    say_bad_path(s, text, where, "it does not begin with a slash");
    fix_quoted(s, where, arena_format(s->arena, "/" SLICE_FMT, SLICE_ARG(text)));
    return false;
}

bool path_literal(struct sema *s, struct slice text, struct span where, enum part part,
                  struct slice *out)
{
    *out = text;
    if (!has_shape(s, text, where, part))
        return false;
    struct slice normal;
    const enum uri_result result = normalise(s, text, part, &normal);
    if (result != URI_OK)
        return say_result(s, text, where, part, result);
    if (slice_eq(normal, text))
        return true;
    say_bad_path(s, text, where, "it is not in the form in which paths are compared");
    fix_quoted(s, where, normal);
    return false;
}

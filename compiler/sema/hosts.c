/* Host names in conditions, in the one form that requests' hosts are brought into
 * (runtime/base/uri). */
#include "compiler/sema/sema_priv.h"
#include "runtime/base/uri.h"

static bool say_bad_host(struct sema *s, struct slice text, struct span where, const char *why)
{
    diag(s->diags, DIAG_BAD_HOST, where, SLICE_ARG(text), why);
    return false;
}

static bool say_wildcard(struct sema *s, struct slice text, struct span where)
{
    say_bad_host(s, text, where, "a star stands alone in front: *.example.com");
    return false;
}

static bool say_port(struct sema *s, struct slice text, struct span where, struct slice host)
{
    say_bad_host(s, text, where, "`host` is compared without the port");
    fix_quoted(s, where, host);
    return false;
}

static bool say_why(struct sema *s, struct slice text, struct span where)
{
    if (text.len > 0 && memchr(text.at, '*', text.len))
        return say_wildcard(s, text, where);
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)text.at[i] >= 0x80)
            return say_bad_host(s, text, where,
                                "requests carry such names in their ASCII form, xn--...");
    return say_bad_host(s, text, where,
                        "host names are letters, digits, dashes and dots, at most 253 of them");
}

/* "*.example.com": any host below it, one label or more. */
static bool wildcard_literal(struct sema *s, struct slice text, struct span where,
                             struct slice *out)
{
    struct slice below = SLICE_NONE;
    if (slice_starts(slice_from(text, 2), SLICE("*.")))
        return say_wildcard(s, text, where);
    if (!host_literal(s, slice_from(text, 2), where, PART_WHOLE, &below))
        return false;
    if (below.len == 0)
        return say_wildcard(s, text, where);
    *out = arena_format(s->arena, "*." SLICE_FMT, SLICE_ARG(below));
    return true;
}

/* The host and whatever stands in for its missing beginning or end: see host_literal(). */
bool host_literal(struct sema *s, struct slice text, struct span where, enum part part,
                  struct slice *out)
{
    if (part == PART_WHOLE && slice_starts(text, SLICE("*.")))
        return wildcard_literal(s, text, where, out);
    /* A beginning must be one of some whole name, and an end too: "x" makes it whole. */
    const char *before = part == PART_END ? "x" : "", *behind = part == PART_BEGIN ? "x" : "";
    const struct slice whole =
        arena_format(s->arena, "%s" SLICE_FMT "%s", before, SLICE_ARG(text), behind);
    char *host = ARENA_ARRAY(s->arena, char, whole.len + 1);
    size_t len;
    uint16_t port;
    if (uri_normalise_host(whole, true, host, &len, &port) != URI_OK)
        return say_why(s, text, where);
    *out = (struct slice){host + strlen(before), len - strlen(before) - strlen(behind)};
    const bool has_port = memchr(text.at, ':', text.len) && len < whole.len &&
                          host[len - 1] != '.' && whole.at[len] == ':';
    return has_port ? say_port(s, text, where, *out) : true;
}

/* What a Host header may hold: a host, with a port or without. */
bool host_value(struct sema *s, struct slice text, struct span where)
{
    char *host = ARENA_ARRAY(s->arena, char, text.len + 1);
    size_t len;
    uint16_t port;
    if (text.len == 0 || uri_normalise_host(text, true, host, &len, &port) == URI_OK)
        return true;
    return say_why(s, text, where);
}

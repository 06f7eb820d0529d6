/* Host names in conditions: lower case, without a final dot, and such as a request can have. */
#include "compiler/sema/sema_priv.h"
#include "runtime/base/number.h"

#define HOST_BYTES_MAX  253
#define LABEL_BYTES_MAX 63

static bool say_bad_host(struct sema *s, struct slice text, struct span where, const char *why)
{
    diag(s->diags, DIAG_BAD_HOST, where, SLICE_ARG(text), why);
    return false;
}

static void fix_host(struct sema *s, struct slice host, struct span where)
{
    const struct slice fix = arena_format(s->arena, "\"" SLICE_FMT "\"", SLICE_ARG(host));
    diag_fix(s->diags, where, fix, "write `" SLICE_FMT "`", SLICE_ARG(fix));
}

/* "shop.example.com:8080": the field has no port. */
static bool has_port(struct slice text, struct slice *before)
{
    const char *colon = text.len > 0 ? memrchr(text.at, ':', text.len) : NULL;
    uint64_t port;
    if (!colon || !number_parse(slice_from(text, (size_t)(colon + 1 - text.at)), UINT16_MAX, &port))
        return false;
    *before = (struct slice){text.at, (size_t)(colon - text.at)};
    return before->len > 0 &&
           (!memchr(before->at, ':', before->len) || before->at[before->len - 1] == ']');
}

static bool is_host_character(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
}

static const char *why_no_labels(struct slice text, enum part part)
{
    size_t label = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] != '.') {
            if (++label > LABEL_BYTES_MAX)
                return "a label is longer than 63 characters";
            continue;
        }
        if (label == 0 && (i > 0 || part != PART_END))
            return "a label is empty";
        label = 0;
    }
    return text.len > HOST_BYTES_MAX ? "it is longer than 253 characters" : NULL;
}

static bool is_bracketed_v6(struct slice text)
{
    struct address address;
    return text.len > 2 && text.at[0] == '[' && text.at[text.len - 1] == ']' &&
           address_parse((struct slice){text.at + 1, text.len - 2}, &address);
}

static bool say_characters(struct sema *s, struct slice text, struct span where)
{
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)text.at[i] >= 0x80)
            return say_bad_host(s, text, where, "requests carry such names in their ASCII form, xn--...");
    if (slice_starts(text, SLICE("*."))) {
        say_bad_host(s, text, where, "there are no wildcards");
        diag_note(s->diags, "for all hosts below a domain: host ends-with \"" SLICE_FMT "\"",
                  SLICE_ARG(slice_from(text, 1)));
        return false;
    }
    return say_bad_host(s, text, where, "it has a character that no host name has");
}

bool host_literal(struct sema *s, struct slice text, struct span where, enum part part,
                  struct slice *out)
{
    struct slice port;
    if (has_port(text, &port)) {
        say_bad_host(s, text, where, "`host` is compared without the port");
        fix_host(s, port, where);
        return false;
    }
    char *lower = ARENA_ARRAY(s->arena, char, text.len + 1);
    for (size_t i = 0; i < text.len; i++)
        lower[i] = ascii_lower(text.at[i]);
    struct slice host = {lower, text.len};
    if (part != PART_BEGIN && host.len > 1 && host.at[host.len - 1] == '.')
        host.len--;
    *out = host;
    if (is_bracketed_v6(host))
        return true;
    for (size_t i = 0; i < host.len; i++)
        if (!is_host_character(host.at[i]))
            return say_characters(s, text, where);
    const char *why = why_no_labels(host, part);
    return why ? say_bad_host(s, text, where, why) : true;
}

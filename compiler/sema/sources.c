/* `servers`: names and files that list servers. */
#include "compiler/sema/settings_read.h"
#include "runtime/base/number.h"

enum kind { KIND_DNS, KIND_SRV, KIND_FILE }; /* as settings.def has them */

#define NAME_BYTES_MAX  253u
#define LABEL_BYTES_MAX 63u

static bool is_letter(char c)
{
    return (c >= '0' && c <= '9') || (ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z') || c == '-' ||
           c == '_'; /* of services, and of containers' names */
}

static bool is_label(struct slice label)
{
    for (size_t i = 0; i < label.len; i++)
        if (!is_letter(label.at[i]))
            return false;
    return label.len > 0 && label.len <= LABEL_BYTES_MAX;
}

/* A final dot says that it is the whole name. */
static bool is_name(struct slice name)
{
    struct slice rest = name, label;
    if (name.len > NAME_BYTES_MAX || slice_ends(name, SLICE("..")))
        return false;
    while (slice_split(&rest, '.', &label))
        if (!is_label(label))
            return false;
    return name.len > 0;
}

static bool say(struct sema *s, const struct program_value *v, const char *what, const char *advice)
{
    diag(s->diags, DIAG_BAD_SOURCE, v->span, SLICE_ARG(v->text), what);
    diag_note(s->diags, "%s", advice);
    return false;
}

static bool dns_read(struct sema *s, const struct program_value *v)
{
    struct endpoint fixed;
    if (endpoint_parse(v->text, &fixed))
        return say(s, v, "an address, and needs no looking up",
                   "it is given as: server NAME ADDRESS:PORT");
    const char *colon = v->text.len ? memrchr(v->text.at, ':', v->text.len) : NULL;
    if (!colon)
        return say(s, v, "a name without a port",
                   "it is given as: servers dns \"api.internal:80\"");
    const struct slice name = {v->text.at, (size_t)(colon - v->text.at)};
    uint64_t port = 0;
    if (!number_parse(slice_from(v->text, name.len + 1), UINT16_MAX, &port) || port == 0)
        return say(s, v, "no name with a port between 1 and 65535",
                   "it is given as: servers dns \"api.internal:80\"");
    return is_name(name) ||
           say(s, v, "no name that can be looked up", "names are letters, digits, dashes and dots");
}

static bool srv_read(struct sema *s, const struct program_value *v)
{
    const bool has_port = v->text.len > 0 && memchr(v->text.at, ':', v->text.len);
    if (has_port)
        return say(s, v, "a name with a port, which is part of the answer",
                   "it is given as: servers srv \"_http._tcp.api.internal\"");
    return is_name(v->text) || say(s, v, "no name that can be looked up",
                                   "it is given as: servers srv \"_http._tcp.api.internal\"");
}

/* What only makes sense where a name is looked up. */
static bool own_fits(struct sema *s, const struct program_setting *a, enum kind kind)
{
    const struct program_setting *resolver = setting_own(a, SETTING_SERVERS_RESOLVER);
    if (kind != KIND_FILE || !resolver)
        return true;
    diag(s->diags, DIAG_UNEXPECTED, resolver->span, SLICE_ARG(SLICE("resolver")));
    diag_label(s->diags, "nobody is asked for a file");
    return false;
}

bool source_read(struct sema *s, const struct program_setting *a)
{
    const enum kind kind = (enum kind)a->value[0].number;
    const struct program_value *v = &a->value[1];
    const bool fits = own_fits(s, a, kind);
    switch (kind) {
    case KIND_DNS: return dns_read(s, v) && fits;
    case KIND_SRV: return srv_read(s, v) && fits;
    case KIND_FILE:
        return (v->text.len > 0 ||
                say(s, v, "no file", "it is given as: servers file \"api.txt\"")) &&
               fits;
    }
    return false;
}

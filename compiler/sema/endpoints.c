/* Addresses, networks and endpoints as they are written. */
#include "compiler/sema/literals.h"
#include "compiler/sema/sema_priv.h"
#include "runtime/base/number.h"

bool network_value(struct sema *s, struct slice text, struct span where, struct network *out)
{
    if (!network_parse(text, out)) {
        diag(s->diags, DIAG_BAD_VALUE, where, SLICE_ARG(text), type_name(TYPE_NETWORK));
        diag_note(s->diags, "networks look like 10.0.0.0/8, 192.168.1.1 or 2001:db8::/32");
        return false;
    }
    if (network_is_canonical(out))
        return true;
    const struct network canonical = network_canonical(out);
    char fix[NETWORK_TEXT_MAX];
    const size_t len = network_format(&canonical, fix);
    diag(s->diags, DIAG_NOT_CANONICAL, where, SLICE_ARG(text));
    diag_fix(s->diags, where, (struct slice){fix, len}, "the network is `%s`", fix);
    return false;
}

bool address_value(struct sema *s, struct slice text, struct span where, struct network *out)
{
    out->bits = 128;
    if (address_parse(text, &out->first))
        return true;
    if (network_parse(text, out)) {
        diag(s->diags, DIAG_WRONG_TYPE, where, "an address", "a network");
        diag_note(s->diags, "to ask whether an address lies in a network, write `in`");
        return false;
    }
    diag(s->diags, DIAG_BAD_VALUE, where, SLICE_ARG(text), type_name(TYPE_ADDRESS));
    return false;
}

static bool looks_like_host_name(struct slice text)
{
    const char *colon = memchr(text.at, ':', text.len);
    const size_t len = colon ? (size_t)(colon - text.at) : text.len;
    bool letters = false;
    for (size_t i = 0; i < len; i++) {
        const char c = ascii_lower(text.at[i]);
        letters |= c >= 'a' && c <= 'z';
        if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '-' && c != '.')
            return false;
    }
    return letters && !slice_starts(text, SLICE("unix:"));
}

/* `*:80`, `:80` or `80`, as others write it: the port, or nothing. */
static struct slice port_alone(struct slice text)
{
    struct slice port = text;
    if (slice_starts(port, SLICE("*")))
        port = slice_from(port, 1);
    if (slice_starts(port, SLICE(":")))
        port = slice_from(port, 1);
    uint64_t n;
    return number_parse(port, 65535, &n) && n > 0 ? port : SLICE("");
}

static void say_bad_endpoint(struct sema *s, struct slice text, struct span where)
{
    if (looks_like_host_name(text)) {
        diag(s->diags, DIAG_HOST_NAME, where, SLICE_ARG(text));
        return;
    }
    diag(s->diags, DIAG_BAD_VALUE, where, SLICE_ARG(text), type_name(TYPE_ENDPOINT));
    const struct slice port = port_alone(text);
    struct address address;
    if (port.len > 0) {
        diag_fix(s->diags, where, arena_format(s->arena, "0.0.0.0:" SLICE_FMT, SLICE_ARG(port)),
                 "for all IPv4 addresses of this machine: `0.0.0.0:" SLICE_FMT "`",
                 SLICE_ARG(port));
        diag_fix(s->diags, where, arena_format(s->arena, "[::]:" SLICE_FMT, SLICE_ARG(port)),
                 "for all its IPv6 addresses: `[::]:" SLICE_FMT "`", SLICE_ARG(port));
    } else if (address_parse(text, &address))
        diag_note(s->diags, "the port is missing: %s",
                  memchr(text.at, ':', text.len) ? "[2001:db8::1]:8080" : "10.0.0.1:8080");
    else
        diag_note(s->diags, "an endpoint looks like %s", type_example(TYPE_ENDPOINT));
}

bool endpoint_value(struct sema *s, struct slice text, struct span where, struct endpoint *out)
{
    if (endpoint_parse(text, out))
        return true;
    say_bad_endpoint(s, text, where);
    return false;
}

/* The part behind the last colon, when it is a name: 0.0.0.0:PORT. */
static struct slice port_name(struct slice text)
{
    const char *colon = text.len > 0 ? memrchr(text.at, ':', text.len) : NULL;
    if (!colon || slice_starts(text, SLICE("unix:")))
        return SLICE_NONE;
    const struct slice name = slice_from(text, (size_t)(colon + 1 - text.at));
    const bool letter = name.len > 0 && ((name.at[0] >= 'A' && name.at[0] <= 'Z') ||
                                         (name.at[0] >= 'a' && name.at[0] <= 'z'));
    return letter ? name : SLICE_NONE;
}

bool value_endpoint(struct sema *s, const struct ast *node, struct endpoint *out)
{
    const struct slice name = node->kind == AST_LITERAL ? port_name(node->name) : SLICE_NONE;
    if (!name.at || (name.at - node->name.at >= 2 && name.at[-2] != ']' &&
                     memchr(node->name.at, ':', (size_t)(name.at - node->name.at) - 1))) {
        struct value v;
        if (!value_read(s, node, TYPE_ENDPOINT, &v))
            return false;
        *out = v.endpoint;
        return true;
    }
    const struct span where = {node->span.to - (uint32_t)name.len, node->span.to};
    struct definition *d = resolve(s, DEF_CONST, name, where);
    if (!d || !definition_value(s, d))
        return false;
    if (d->type != TYPE_PORT) {
        diag(s->diags, DIAG_WRONG_TYPE, where, type_article(TYPE_PORT), type_article(d->type));
        diag_also(s->diags, d->span, "of type %s", type_name(d->type));
        return false;
    }
    const struct slice whole =
        arena_format(s->arena, SLICE_FMT "%llu", (int)(name.at - node->name.at), node->name.at,
                     (unsigned long long)d->value.number);
    return endpoint_value(s, whole, node->span, out);
}

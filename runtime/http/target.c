/*
 * The request target and Host (RFC 9112 3.2): which authority and which path a request is for.
 *
 * Only the forms and their agreement are looked at here. What a host or a path may hold is said
 * once, in runtime/base/uri, for everybody who reads one.
 */
#include "runtime/http/semantics_priv.h"

#include "runtime/base/uri.h"

#define AUTHORITY_BYTES_MAX (URI_HOST_BYTES_MAX + sizeof(":65535"))

static bool is_authority(struct slice s)
{
    char host[AUTHORITY_BYTES_MAX];
    size_t len;
    uint16_t port;
    return s.len <= sizeof(host) && uri_normalise_host(s, false, host, &len, &port) == URI_OK;
}

/* The Host field's value; empty when an HTTP/1.0 request has none. */
static int host_understand(const struct http_head *h, struct slice *out)
{
    const struct http_field *host = NULL;
    for (uint16_t i = 0; i < h->n_fields; i++) {
        if (h->field[i].name != HTTP_HOST)
            continue;
        if (host)
            return H1_BAD_HOST;
        host = &h->field[i];
    }
    if (!host) {
        *out = SLICE("");
        return h->minor_version == 0 ? 0 : H1_BAD_HOST;
    }
    *out = http_field_value(h, host);
    return is_authority(*out) ? 0 : H1_BAD_HOST;
}

/* "http://authority/path" */
static int absolute_understand(const struct http_head *h, const struct uri_target *target,
                               struct slice host, struct http_request_info *out)
{
    if (!slice_eq_nocase(target->scheme, SLICE("http")) &&
        !slice_eq_nocase(target->scheme, SLICE("https")))
        return H1_BAD_TARGET;
    if (!is_authority(target->authority))
        return H1_BAD_TARGET;
    if (host.len > 0 && !slice_eq_nocase(target->authority, host))
        return H1_BAD_HOST;

    const char *const path = target->authority.at + target->authority.len;
    const struct slice whole = http_target(h);
    const struct slice rest = {path, (size_t)(whole.at + whole.len - path)};
    if (rest.len > 0 && rest.at[0] == '?')
        return H1_BAD_TARGET; /* valid, but nobody's; sending it on would take a copy */
    out->authority = target->authority;
    if (rest.len > 0)
        out->path = rest;
    else if (slice_eq(http_method(h), SLICE("OPTIONS")))
        out->path = SLICE("*"); /* RFC 9112 3.2.4 */
    else /* RFC 9112 3.2.1; callers rewrite the path where it stands, so it is one of the head's
            slashes */
        out->path = (struct slice){target->authority.at - 1, 1};
    return 0;
}

int http_target_understand(const struct http_head *h, struct http_request_info *out)
{
    struct slice host;
    const int r = host_understand(h, &host);
    if (r < 0)
        return r;

    const struct slice whole = http_target(h);
    struct uri_target target;
    const bool asterisk = slice_eq(whole, SLICE("*")) && slice_eq(http_method(h), SLICE("OPTIONS"));
    if (!asterisk && uri_split_target(whole, &target) != URI_OK)
        return H1_BAD_TARGET;
    if (!asterisk && target.scheme.len > 0)
        return absolute_understand(h, &target, host, out);
    out->authority = host;
    out->path = whole;
    return 0;
}

#include "runtime/proxy/cors.h"

static void put(struct http_edit *out, size_t *n, enum http_edit_kind kind, struct slice name,
                struct slice value)
{
    ASSERT(*n < CORS_EDITS_MAX);
    out[(*n)++] = (struct http_edit){.kind = kind, .name = name, .value = value};
}

/* Set where there is something to say, else removed. */
static void say(struct http_edit *out, size_t *n, struct slice name, struct slice value)
{
    put(out, n, value.len > 0 ? HTTP_SET : HTTP_REMOVE, name, value);
}

/* "*" means itself only where no credentials are sent: else what the browser names is said again.
 */
static struct slice headers_of(const struct table_cors *c, const struct facts *asked)
{
    if (!c->credentials || !slice_eq(c->headers, SLICE("*")))
        return c->headers;
    uint32_t cursor = 0;
    struct slice named;
    const bool is_named =
        asked->header(asked->request, SLICE("access-control-request-headers"), &cursor, &named);
    return is_named && named.len <= CORS_HEADERS_BYTES_MAX ? named : SLICE_NONE;
}

/* Where anybody may ask, the answer is the same to all, also to who names no origin: a cache may keep
 * it. */
size_t cors_edits(const struct table_cors *c, const struct facts *asked, bool preflight,
                  struct http_edit out[CORS_EDITS_MAX])
{
    const struct slice origin = table_cors_origin(asked);
    const bool allowed = (c->any && !preflight) || table_cors_allows(c, origin);
    size_t n = 0;
    say(out, &n, SLICE("access-control-allow-origin"),
        !allowed ? SLICE_NONE
        : c->any ? SLICE("*")
                 : origin);
    say(out, &n, SLICE("access-control-allow-credentials"),
        allowed && c->credentials ? SLICE("true") : SLICE_NONE);
    if (!c->any) /* a cache must not give one page's answer to another */
        put(out, &n, HTTP_ADD, SLICE("vary"), SLICE("Origin"));
    if (!preflight) {
        say(out, &n, SLICE("access-control-expose-headers"), allowed ? c->expose : SLICE_NONE);
    } else if (allowed) {
        say(out, &n, SLICE("access-control-allow-methods"), c->methods);
        say(out, &n, SLICE("access-control-allow-headers"), headers_of(c, asked));
        say(out, &n, SLICE("access-control-max-age"), c->max_age_s);
    }
    return n;
}

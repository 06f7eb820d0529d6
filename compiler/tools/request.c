#include "compiler/tools/request.h"

#include "runtime/base/arena.h"
#include "runtime/base/uri.h"

static bool next_header(const void *request, struct slice name, uint32_t *cursor,
                        struct slice *value)
{
    const struct request *r = request;
    while (*cursor < r->n_headers) {
        const struct request_header *h = &r->header[(*cursor)++];
        if (slice_eq(h->name, name)) {
            *value = h->value;
            return true;
        }
    }
    return false;
}

/* RFC 9110 5.6.2 */
static bool is_token(struct slice s)
{
    for (size_t i = 0; i < s.len; i++) {
        const char lower = ascii_lower(s.at[i]);
        const bool alphanumeric = (lower >= 'a' && lower <= 'z') || (lower >= '0' && lower <= '9');
        if (!alphanumeric && (lower == '\0' || !strchr("!#$%&'*+-.^_`|~", lower)))
            return false;
    }
    return s.len > 0;
}

static struct slice lowered(struct arena *arena, struct slice s)
{
    char *at = ARENA_ARRAY(arena, char, s.len + 1);
    for (size_t i = 0; i < s.len; i++)
        at[i] = ascii_lower(s.at[i]);
    return (struct slice){at, s.len};
}

static const char *wrong(struct arena *arena, const char *what, struct slice text, const char *how)
{
    return arena_format(arena, "the %s \"" SLICE_FMT "\" %s", what, SLICE_ARG(text), how).at;
}

static const char *set_path(struct request *r, const struct uri_target *t, struct arena *arena)
{
    char *path = ARENA_ARRAY(arena, char, t->path.len);
    size_t len;
    enum uri_result result = uri_normalise_path(t->path, path, &len);
    if (result != URI_OK)
        return wrong(arena, "path", t->path, uri_result_text(result));
    result = uri_check_query(t->query);
    if (result != URI_OK)
        return wrong(arena, "query", t->query, uri_result_text(result));

    r->facts.path = (struct slice){path, len};
    r->facts.uri = r->facts.path;
    if (t->query.at) {
        r->facts.query = arena_copy(arena, t->query);
        r->facts.uri = arena_format(arena, SLICE_FMT "?" SLICE_FMT, SLICE_ARG(r->facts.path),
                                    SLICE_ARG(t->query));
    }
    return NULL;
}

static const char *set_host(struct request *r, struct slice authority, struct arena *arena)
{
    char *host = ARENA_ARRAY(arena, char, authority.len + 1);
    size_t len;
    uint16_t port;
    const enum uri_result result = uri_normalise_host(authority, true, host, &len, &port);
    if (result != URI_OK)
        return wrong(arena, "host", authority, uri_result_text(result));
    const struct slice normal = {host, len};
    if (r->facts.host.len > 0 && !slice_eq(normal, r->facts.host))
        return wrong(arena, "Host header", authority, "differs from the host of the URL");
    r->facts.host = normal;
    if (port != 0)
        r->port = port;
    return NULL;
}

const char *request_parse(struct request *r, struct slice line, struct arena *arena)
{
    *r = (struct request){0};
    r->facts.header = next_header;
    r->facts.request = r;
    r->facts.listener = r->facts.host = SLICE("");
    const char *problem = request_from(r, SLICE("127.0.0.1"), arena);
    ASSERT(!problem);

    struct slice rest = slice_trim(line), method;
    if (!slice_split(&rest, ' ', &method) || !is_token(method))
        return wrong(arena, "request", line, "is not a method and a URL, as in GET http://host/");
    r->facts.method = arena_copy(arena, method);

    struct uri_target t;
    rest = slice_trim(rest);
    if (uri_split_target(rest, &t) != URI_OK)
        return wrong(arena, "URL", rest, "is neither http://host/path nor a path");
    r->facts.scheme = t.scheme.len > 0 ? lowered(arena, t.scheme) : SLICE("http");
    const bool tls = slice_eq(r->facts.scheme, SLICE("https"));
    if (!tls && !slice_eq(r->facts.scheme, SLICE("http")))
        return wrong(arena, "scheme", t.scheme, "is neither http nor https");
    if (t.scheme.len > 0 && t.authority.len == 0)
        return wrong(arena, "URL", rest, "has no host");
    r->port = tls ? 443 : 80;

    problem = set_path(r, &t, arena);
    return problem || t.authority.len == 0 ? problem : set_host(r, t.authority, arena);
}

const char *request_from(struct request *r, struct slice address, struct arena *arena)
{
    if (!address_parse(address, &r->facts.src))
        return wrong(arena, "address", address, "is neither IPv4 nor IPv6");
    return NULL;
}

const char *request_add_header(struct request *r, struct slice line, struct arena *arena)
{
    const char *colon = line.len > 0 ? memchr(line.at, ':', line.len) : NULL;
    const struct slice name = {line.at, colon ? (size_t)(colon - line.at) : 0};
    if (!is_token(name))
        return wrong(arena, "header", line, "is not a name, a colon and a value");
    const struct slice value = slice_trim(slice_from(line, name.len + 1));
    for (size_t i = 0; i < value.len; i++)
        if (((unsigned char)value.at[i] < 0x20 && value.at[i] != '\t') || value.at[i] == 0x7f)
            return wrong(arena, "header", name, "has a control character");
    if (r->n_headers == REQUEST_HEADERS_MAX)
        return "there are too many headers";

    const struct slice lower = lowered(arena, name);
    r->header[r->n_headers++] = (struct request_header){lower, arena_copy(arena, value)};
    return slice_eq(lower, SLICE("host")) ? set_host(r, value, arena) : NULL;
}

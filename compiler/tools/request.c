#include "compiler/tools/request.h"

#include "compiler/table/bearer.h"
#include "compiler/table/credentials.h"
#include "compiler/table/table.h"
#include "runtime/base/arena.h"
#include "runtime/base/number.h"
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

/* What a client is told that sends it. */
static const char *refused(struct request *r, uint16_t status, const char *why)
{
    r->refused = status;
    return why;
}

/* Of it nothing but the form of its lines is looked at. */
static bool is_connect(const struct request *r)
{
    return slice_eq(r->facts.method, SLICE("CONNECT"));
}

static const char *set_path(struct request *r, const struct uri_target *t, struct arena *arena)
{
    char *path = ARENA_ARRAY(arena, char, t->path.len);
    size_t len;
    enum uri_result result = uri_normalise_path(t->path, r->facts.path_rules, path, &len);
    if (result != URI_OK)
        return refused(r, 400, wrong(arena, "path", t->path, uri_result_text(result)));
    result = uri_check_query(t->query);
    if (result != URI_OK)
        return refused(r, 400, wrong(arena, "query", t->query, uri_result_text(result)));

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
        return refused(r, 400, wrong(arena, "host", authority, uri_result_text(result)));
    const struct slice normal = {host, len};
    if (r->facts.host.len > 0 && !slice_eq(normal, r->facts.host))
        return refused(r, 400,
                       wrong(arena, "Host header", authority, "differs from the host of the URL"));
    r->facts.host = normal;
    if (port != 0)
        r->facts.port = port;
    return NULL;
}

/* RFC 9112 3.2.4: of the server as a whole. It is no path, and stays as it is. */
static void set_asterisk(struct request *r)
{
    r->facts.path = r->facts.uri = SLICE("*");
}

static const char *set_scheme(struct request *r, struct slice scheme, struct arena *arena)
{
    r->facts.scheme = scheme.len > 0 ? lowered(arena, scheme) : SLICE("http");
    r->facts.tls = slice_eq(r->facts.scheme, SLICE("https"));
    r->facts.port = r->facts.tls ? 443 : 80;
    if (!r->facts.tls && !slice_eq(r->facts.scheme, SLICE("http")))
        return wrong(arena, "scheme", scheme, "is neither http nor https");
    return NULL;
}

/* A client asks TLS for the host it asks HTTP for, where that is a name (RFC 6066 3). */
static void set_sni(struct request *r)
{
    struct address literal;
    const struct slice host = r->facts.host;
    if (r->facts.tls && host.len > 0 && host.at[0] != '[' && !address_parse(host, &literal))
        r->facts.tls_sni = host;
}

static const char *set_target(struct request *r, struct slice target, struct arena *arena)
{
    const bool options = slice_eq(r->facts.method, SLICE("OPTIONS"));
    struct uri_target t = {0};
    if (is_connect(r))
        return NULL; /* whatever it is: request_served() says the rest */
    if (slice_eq(target, SLICE("*"))) {
        set_asterisk(r);
        return options ? set_scheme(r, t.scheme, arena)
                       : refused(r, 400, "only OPTIONS may ask for *");
    }
    if (uri_split_target(target, &t) != URI_OK)
        return wrong(arena, "URL", target, "is neither http://host/path nor a path");
    const char *problem = set_scheme(r, t.scheme, arena);
    if (problem)
        return problem;
    if (t.scheme.len > 0 && t.authority.len == 0)
        return wrong(arena, "URL", target, "has no host");
    const bool whole =
        t.scheme.len > 0 && t.authority.at + t.authority.len == target.at + target.len;
    if (options && whole)
        set_asterisk(r);
    else
        problem = set_path(r, &t, arena);
    if (!problem && t.authority.len > 0)
        problem = set_host(r, t.authority, arena);
    set_sni(r);
    return problem;
}

const char *request_parse(struct request *r, struct slice line, unsigned path_rules,
                          struct arena *arena)
{
    *r = (struct request){0};
    r->facts.path_rules = path_rules;
    r->facts.header = next_header;
    r->facts.request = r;
    r->facts.listener = r->facts.host = SLICE("");
    r->facts.proto = SLICE("http/1.1");
    r->facts.has_body_length = true;
    const char *problem = request_from(r, SLICE("127.0.0.1"), arena);
    ASSERT(!problem);

    struct slice rest = slice_trim(line), method;
    if (!slice_split(&rest, ' ', &method) || !is_token(method))
        return wrong(arena, "request", line, "is not a method and a URL, as in GET http://host/");
    r->facts.method = arena_copy(arena, method);
    r->facts.scheme = SLICE("http");
    rest = arena_copy(arena, slice_trim(rest));
    r->facts.path = r->facts.uri = rest; /* so that what is refused can be told */
    return set_target(r, rest, arena);
}

const char *request_served(struct request *r)
{
    return is_connect(r) ? refused(r, 501, "CONNECT is not served: lbc is no forward proxy") : NULL;
}

const char *request_complete(struct request *r)
{
    const char *problem = request_served(r);
    if (problem)
        return problem;
    if (r->facts.host.len > 0 || !slice_eq(r->facts.proto, SLICE("http/1.1")))
        return NULL;
    return refused(r, 400,
                   "HTTP/1.1 wants a Host: write the URL with one, as in GET http://host/path, or "
                   "-H 'Host: ...'");
}

const char *request_fits(struct request *r, const struct table_listener *l)
{
    if (!r->facts.has_body_length || r->facts.body_length <= l->max_body_bytes)
        return NULL;
    return refused(r, 413, "its body is longer than max-body-size");
}

const char *request_from(struct request *r, struct slice address, struct arena *arena)
{
    if (!address_parse(address, &r->facts.src))
        return wrong(arena, "address", address, "is neither IPv4 nor IPv6");
    return NULL;
}

static bool next_claim(const void *of, struct slice name, uint32_t *cursor, struct slice *value)
{
    const struct request *r = of;
    if (r->n_claims == 0)
        return r->bearer && bearer_claim(r->bearer, name, cursor, value);
    while (*cursor < r->n_claims) {
        const struct request_header *c = &r->claim[(*cursor)++];
        if (slice_eq(c->name, name)) {
            *value = c->value;
            return true;
        }
    }
    return false;
}

const char *request_add_claim(struct request *r, struct slice name, struct slice value,
                              struct arena *arena)
{
    if (r->n_claims == REQUEST_CLAIMS_MAX)
        return "there are too many claims";
    const struct request_header claim = {arena_copy(arena, name), arena_copy(arena, value)};
    r->claim[r->n_claims++] = claim;
    if (slice_eq(name, SLICE("sub")))
        r->facts.user = claim.value;
    return NULL;
}

/* As it is claimed; nobody here can say whether the password is right, or the token's signature. */
static void read_user(struct request *r, struct arena *arena)
{
    struct credentials c;
    r->facts.user = credentials_read(&r->facts, &c) ? arena_copy(arena, c.user) : SLICE_NONE;
    credentials_wipe(&c);
    if (!r->bearer)
        r->bearer = ARENA_NEW(arena, struct bearer);
    bearer_read(&r->facts, r->bearer);
    if (r->bearer->found == BEARER_FOUND)
        r->facts.user = bearer_user(r->bearer);
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
    uint32_t cursor = 0;
    struct slice other;
    if (is_connect(r))
        return NULL;
    if (slice_eq(lower, SLICE("host")) && next_header(r, lower, &cursor, &other))
        return refused(r, 400, "there are two Host headers");
    r->header[r->n_headers++] = (struct request_header){lower, arena_copy(arena, value)};
    if (slice_eq(lower, SLICE("host")))
        return set_host(r, value, arena);
    if (slice_eq(lower, SLICE("authorization")))
        read_user(r, arena);
    if (slice_eq(lower, SLICE("transfer-encoding")))
        r->facts.has_body_length = false;
    if (slice_eq(lower, SLICE("content-length")) &&
        !number_parse(value, INT64_MAX, &r->facts.body_length))
        return refused(r, 400, wrong(arena, "Content-Length", value, "is not a number"));
    return NULL;
}

/* Of what lists servers as many as it keeps in any case, and one at least. */
static uint32_t servers_up(const void *live, struct slice cluster)
{
    const struct request *r = live;
    const struct table *t = r->table;
    if (r->usable)
        return r->usable(r->usable_of, cluster);
    const uint32_t at = table_find_cluster(t, cluster);
    if (at == UINT32_MAX)
        return 0;
    const struct table_cluster *c = &t->cluster[at];
    uint32_t n = c->n_servers;
    for (uint32_t i = c->first_source; i < c->first_source + c->n_sources; i++)
        n += t->source[i].minimum > 0 ? t->source[i].minimum : 1;
    return n;
}

static bool is_exceeded(const void *live, struct slice limit)
{
    const struct request *r = live;
    uint32_t i = 0;
    while (i < r->n_exceeded && !slice_eq(r->exceeded[i], limit))
        i++;
    return i < r->n_exceeded;
}

void request_assume(struct request *r, const struct table *t)
{
    r->table = t;
    r->facts.cluster_up = servers_up;
    r->facts.limit_exceeded = is_exceeded;
    r->facts.claim = next_claim;
    r->facts.live = r;
}

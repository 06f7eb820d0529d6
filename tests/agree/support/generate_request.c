/* Requests that nearly match. */
#include "runtime/base/uri.h"
#include "tests/agree/support/generate.h"

/* One header value so long that a few templates of it pass what a request may grow by. */
#define LONG_BYTES 4097u

/* One of the program's literals, or one that misses it. */
static struct slice value(struct generated *g, struct arena *arena)
{
    struct choice *c = g->choice;
    if (g->literal.n == 0)
        return SLICE("v");
    struct slice s = arena_copy(arena, g->literal.at[choose(c, g->literal.n)]);
    char *at = ARENA_ARRAY(arena, char, s.len + 3);
    memcpy(at, s.at, s.len);
    switch (choose(c, 12)) {
    case 0: at[s.len] = 'x'; return (struct slice){at, s.len + 1};
    case 1: memcpy(at + s.len, "/x", 2); return (struct slice){at, s.len + 2};
    case 2: at[s.len] = '/'; return (struct slice){at, s.len + 1};
    case 3: return (struct slice){at, s.len > 0 ? s.len - 1 : 0};
    case 4:
        if (s.len > 0)
            at[choose(c, (uint32_t)s.len)] ^= 0x20; /* another case, or another byte */
        return (struct slice){at, s.len};
    case 5:
        memmove(at + 1, at, s.len);
        at[0] = 'x';
        return (struct slice){at, s.len + 1};
    default: return s;
    }
}

/* What the codec would let through: no control characters, no blanks at the ends. */
static struct slice header_value(struct generated *g, struct arena *arena)
{
    if (rarely(g->choice, 12)) {
        char *at = ARENA_ARRAY(arena, char, LONG_BYTES);
        memset(at, 'l', LONG_BYTES);
        return (struct slice){at, LONG_BYTES};
    }
    const struct slice s = value(g, arena);
    char *at = ARENA_ARRAY(arena, char, s.len);
    for (size_t i = 0; i < s.len; i++)
        at[i] = (unsigned char)s.at[i] < 0x20 || s.at[i] == 0x7f ? '_' : s.at[i];
    return slice_trim((struct slice){at, s.len});
}

static struct slice joined(struct arena *arena, struct slice a, const char *between, struct slice b)
{
    return arena_format(arena, SLICE_FMT "%s" SLICE_FMT, SLICE_ARG(a), between, SLICE_ARG(b));
}

static struct slice cookies(struct generated *g, struct arena *arena)
{
    static const char *const BETWEEN[] = {"; ", ";", " ;\t", "; broken; ", ";;"};
    struct slice s = SLICE("");
    for (uint32_t n = choose(g->choice, 4); n > 0; n--) {
        const struct slice pair =
            joined(arena, generate_name(g->choice), "=", header_value(g, arena));
        s = s.len == 0 ? pair
                       : joined(arena, s, BETWEEN[choose(g->choice, COUNT_OF(BETWEEN))], pair);
    }
    return s;
}

/* As a browser or a prankster would escape it. */
static struct slice escaped(struct generated *g, struct arena *arena, struct slice s)
{
    char *at = ARENA_ARRAY(arena, char, s.len * 3 + 4);
    size_t n = 0;
    for (size_t i = 0; i < s.len; i++) {
        const unsigned char c = (unsigned char)s.at[i];
        const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '/';
        if (c == ' ' && choose(g->choice, 2) == 0)
            at[n++] = '+';
        else if (plain && choose(g->choice, 4) < 3)
            at[n++] = (char)c;
        else if (c == '%' && choose(g->choice, 2) == 0)
            at[n++] = '%';
        else
            n += (size_t)snprintf(at + n, 4, choose(g->choice, 2) ? "%%%02x" : "%%%02X", c);
    }
    return (struct slice){at, n};
}

static struct slice query(struct generated *g, struct arena *arena)
{
    static const char *const NOISE[] = {"&", "&&", "&%zz&", "&%4&", "&=", "&a&", "&b=%0d%0a&"};
    struct choice *c = g->choice;
    if (choose(c, 4) == 0)
        return SLICE_NONE;
    struct slice s = SLICE("");
    for (uint32_t n = choose(c, 4); n > 0; n--) {
        const struct slice key = escaped(g, arena, generate_name(c));
        const struct slice pair = joined(arena, key, "=", escaped(g, arena, value(g, arena)));
        s = joined(arena, s, s.len ? NOISE[choose(c, COUNT_OF(NOISE))] : "", pair);
    }
    return s;
}

static bool next_header(const void *request, struct slice name, uint32_t *cursor, struct slice *out)
{
    const struct generated_request *r = request;
    while (*cursor < r->n_headers) {
        const struct generated_header *h = &r->header[(*cursor)++];
        if (slice_eq(h->name, name)) {
            *out = h->value;
            return true;
        }
    }
    return false;
}

/* An address of a network the program names, at its ends or just outside. */
static struct address source(struct generated *g)
{
    struct address a;
    if (g->network.n == 0) {
        const bool ok = address_parse(SLICE("10.0.0.1"), &a);
        ASSERT(ok);
        return a;
    }
    const struct network *n = &g->network.at[choose(g->choice, g->network.n)];
    a = choose(g->choice, 2) ? network_last(n) : n->first;
    switch (choose(g->choice, 4)) {
    case 0: a.byte[15] ^= 1; break;
    case 1: a.byte[choose(g->choice, 16)] ^= 0x80; break;
    case 2:
        if (!address_next(&a, &a))
            a.byte[0] = 0;
        break;
    default: break;
    }
    return a;
}

/* One that programs compare with, or its neighbour; rarely none. */
static uint16_t port(struct generated *g)
{
    static const uint16_t PORT[] = {0, 1, 80, 81, 443, 444, 65535};
    return PORT[choose(g->choice, COUNT_OF(PORT))];
}

static struct slice sometimes(struct generated *g, struct arena *arena)
{
    return choose(g->choice, 2) ? value(g, arena) : SLICE_NONE;
}

static uint32_t servers_up(const void *live, struct slice name)
{
    return ((const struct generated_request *)live)->up[slice_eq(name, SLICE("web"))];
}

static bool limit_exceeded(const void *live, struct slice name)
{
    (void)live;
    return name.len % 2 == 0;
}

static void generate_rest(struct generated *g, struct generated_request *r, struct arena *arena)
{
    static const uint64_t LENGTH[] = {0, 1, 4096, 4097, 1 << 20};
    static const uint32_t RANDOM[] = {0, UINT32_MAX / 100 * 10, UINT32_MAX / 2, UINT32_MAX};
    static const char *const PROTO[] = {"http/1.0", "http/1.1", "h2"};
    struct facts *f = &r->facts;
    f->dst = source(g);
    f->src_port = port(g);
    f->dst_port = port(g);
    f->port = port(g);
    f->proto = slice_of(PROTO[choose(g->choice, COUNT_OF(PROTO))]);
    f->has_body_length = choose(g->choice, 3) > 0;
    f->body_length = LENGTH[choose(g->choice, COUNT_OF(LENGTH))];
    f->random = RANDOM[choose(g->choice, COUNT_OF(RANDOM))] + choose(g->choice, 3) - 1;
    f->chance = RANDOM[choose(g->choice, COUNT_OF(RANDOM))];
    f->tls = choose(g->choice, 2);
    f->tls_verified = choose(g->choice, 2);
    f->tls_version = (uint8_t)(choose(g->choice, 2) ? 10 + choose(g->choice, 4) : 0);
    f->tls_sni = sometimes(g, arena);
    f->tls_subject = sometimes(g, arena);
    f->tls_fingerprint = sometimes(g, arena);
    f->user = sometimes(g, arena);
    f->known = choose(g->choice, 8) == 0;
    r->up[0] = choose(g->choice, 3);
    r->up[1] = choose(g->choice, 3);
    f->cluster_up = servers_up;
    f->limit_exceeded = limit_exceeded;
    f->claim = next_header; /* the headers are its claims, too */
    f->live = r;
    f->status = (uint16_t)(200 + choose(g->choice, 300));
    f->cluster = sometimes(g, arena);
    f->server = sometimes(g, arena);
    f->response_header = next_header;
    f->response = r;
}

struct generated_request *generate_request(struct generated *g, struct arena *arena)
{
    struct generated_request *r = ARENA_NEW(arena, struct generated_request);
    r->n_headers = choose(g->choice, GENERATED_HEADERS_MAX + 1);
    for (uint32_t i = 0; i < r->n_headers; i++) {
        r->header[i].name = generate_name(g->choice);
        const bool cookie = slice_eq(r->header[i].name, SLICE("cookie"));
        r->header[i].value = cookie ? cookies(g, arena) : header_value(g, arena);
    }
    struct facts *f = &r->facts;
    f->header = next_header;
    f->request = r;
    f->src = source(g);
    f->method = value(g, arena);
    f->scheme = value(g, arena);
    f->host = value(g, arena);
    f->path = value(g, arena);
    f->listener = value(g, arena);
    f->query = query(g, arena);
    generate_rest(g, r, arena);
    f->uri = f->query.at ? joined(arena, f->path, "?", f->query) : f->path;
    f->path_rules = choose(g->choice, URI_PATH_RULES + 1);
    return r;
}

/* --- as it is sent ---------------------------------------------------------------------------- */

/* No header is added to a head of so many bytes: another may bring it to 24 KiB, which are taken.
 */
#define WIRE_BYTES_MAX ((size_t)8192)

/* 127.0.0.1 most of all, and what lies at the edges of what programs ask for. */
static uint32_t loopback(struct generated *g)
{
    static const uint32_t FROM[] = {0x7f000001, 0x7f000001, 0x7f000002, 0x7f000003,
                                    0x7f000004, 0x7f7fffff, 0x7f800001};
    return FROM[choose(g->choice, COUNT_OF(FROM))];
}

static struct slice wire_host(struct generated *g, struct arena *arena)
{
    static const char *const HOSTS[] = {
        "example.com", "www.example.com",  "WWW.Example.Com.", "a.b", "xexample.com",
        "m.com",       "example.com:8080", "127.0.0.1",        "e"};
    const struct slice s = choose(g->choice, 32) ? SLICE("") : slice_trim(value(g, arena));
    return s.len > 0 ? arena_copy(arena, s) : slice_of(HOSTS[choose(g->choice, COUNT_OF(HOSTS))]);
}

/* Nothing that would end the request line: what else is wrong with it is for its readers to say. */
static struct slice wire_path(struct generated *g, struct arena *arena)
{
    static const char *const BEFORE[] = {"", "", "", "", "/", "/./", "/x/../", "/%61/../"};
    struct slice s = value(g, arena);
    if (s.len == 0 || s.at[0] != '/')
        s = joined(arena, SLICE("/"), "", s);
    s = joined(arena, slice_of(BEFORE[choose(g->choice, COUNT_OF(BEFORE))]), "", s);
    if (rarely(g->choice, 3)) { /* an escaped slash is refused: mostly they stay */
        struct slice rest = s, segment, all = SLICE("");
        while (!rarely(g->choice, 16) && slice_split(&rest, '/', &segment))
            all = joined(arena, all, all.len || s.at[0] == '/' ? "/" : "",
                         escaped(g, arena, segment));
        return joined(arena, all, "", all.len ? SLICE("") : SLICE("/"));
    }
    char *at = ARENA_ARRAY(arena, char, s.len);
    for (size_t i = 0; i < s.len; i++)
        at[i] = s.at[i] <= 0x20 || s.at[i] == 0x7f || strchr("?#\\", s.at[i]) ? '_' : s.at[i];
    return (struct slice){at, s.len};
}

static struct slice wire_query(struct generated *g, struct arena *arena)
{
    const struct slice s = query(g, arena);
    for (size_t i = 0; i < s.len; i++)
        if (s.at[i] <= 0x20 || s.at[i] == 0x7f)
            return SLICE("q=v");
    return s;
}

struct generated_wire *generate_wire(struct generated *g, struct arena *arena)
{
    static const char *const METHODS[] = {"GET", "GET", "PUT", "POST", "get", "DELETE", "OPTIONS"};
    static const uint32_t LENGTH[] = {0, 0, 0, 1, 11, 4096};
    struct choice *c = g->choice;
    struct generated_wire *w = ARENA_NEW(arena, struct generated_wire);
    w->route = choose(c, g->program.n_routes);
    w->from = loopback(g);
    w->absolute = rarely(c, 8);
    w->old = rarely(c, 12);
    w->method = slice_of(METHODS[choose(c, COUNT_OF(METHODS))]);
    if (rarely(c, 64)) {
        w->method = SLICE("CONNECT"); /* which is refused, for that if nothing else is wrong */
        w->host = SLICE("example.com");
    } else {
        w->host = wire_host(g, arena);
    }
    w->nameless = !w->absolute && rarely(c, 24);
    w->target = wire_path(g, arena);
    struct slice q = wire_query(g, arena);
    if (rarely(c, slice_eq(w->method, SLICE("OPTIONS")) ? 3 : 64)) {
        w->target = w->absolute ? SLICE("") : SLICE("*");
        q = SLICE_NONE;
    }
    if (q.at)
        w->target = joined(arena, w->target, "?", q);
    size_t bytes = w->target.len;
    for (uint32_t n = choose(c, GENERATED_HEADERS_MAX + 1); n > 0 && bytes < WIRE_BYTES_MAX; n--) {
        const uint32_t i = w->n_headers++;
        struct slice name = generate_name(c);
        const bool cookie = slice_eq(name, SLICE("cookie"));
        if (slice_eq(name, SLICE("host"))) /* there is one already, and two are refused */
            name = SLICE("b");
        w->header[i].name = name;
        w->header[i].value = cookie ? cookies(g, arena) : header_value(g, arena);
        bytes += name.len + w->header[i].value.len + 4;
    }
    w->body_bytes = LENGTH[choose(c, COUNT_OF(LENGTH))];
    return w;
}

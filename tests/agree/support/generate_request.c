/* Requests that nearly match. */
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
        const struct request_header *h = &r->header[(*cursor)++];
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

struct generated_request *generate_request(struct generated *g, struct arena *arena)
{
    struct generated_request *r = ARENA_NEW(arena, struct generated_request);
    r->n_headers = choose(g->choice, REQUEST_HEADERS_MAX + 1);
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
    f->uri = f->query.at ? joined(arena, f->path, "?", f->query) : f->path;
    return r;
}

#include "tests/prove/support/requests.h"

#include "runtime/base/text.h"
#include "runtime/base/uri.h"

static const char *const PATH[] = {"path == \"/a\"",
                                   "path under \"/a\"",
                                   "path under \"/a/b\"",
                                   "path starts-with \"/a\"",
                                   "path ends-with \"/b\"",
                                   "path ends-with \"b\"",
                                   "path in { \"/a\", \"/b\" }",
                                   "path contains \"a/b\"",
                                   "path starts-with \"/a/\"",
                                   "path matches /^\\/[ab]$/",
                                   "path matches /a.b/"};
static const char *const HOST[] = {
    "host == \"a.b\"",   "host ends-with \".b\"",        "host starts-with \"a\"",
    "host == \"*.a.b\"", "host in { \"a.b\", \"*.b\" }", "host matches /^a+\\.b/"};
static const char *const METHOD[] = {"method == GET", "method in { GET, PUT }", "method == POST"};
static const char *const SRC[] = {"src in { 10.0.0.0/8 }", "src in { 10.0.0.0/9 }",
                                  "src in { 10.128.0.0/9, 11.0.0.0/8 }", "src == 10.0.0.7"};
static const char *const SCHEME[] = {"scheme == http", "scheme == https"};
static const char *const PORT[] = {"src.port < 5", "src.port == 5", "src.port in { 3..8 }",
                                   "src.port exists", "src.port >= 9"};
static const char *const X[] = {"header \"x\" == \"a\"",
                                "header \"x\" == \"ab\"",
                                "header \"x\" starts-with \"a\"",
                                "header \"x\" ends-with \"b\"",
                                "header \"x\" contains \"ba\"",
                                "header \"x\" exists",
                                "header \"x\" in { \"a\", \"b\" }",
                                "header \"x\" != \"a\"",
                                "all header \"x\" starts-with \"a\""};
static const char *const Y[] = {"header \"y\" == \"a\"", "header \"y\" exists",
                                "header \"y\" starts-with \"b\"", "all header \"y\" == \"a\"",
                                "header \"y\" matches /^[ab]$/"};
static const char *const K[] = {"query \"k\" == \"a\"", "query \"k\" exists",
                                "query \"k\" ends-with \"b\""};

struct tests tests_of_kind(enum kind kind)
{
    switch (kind) {
    case KIND_PATH: return (struct tests){PATH, COUNT_OF(PATH)};
    case KIND_HOST: return (struct tests){HOST, COUNT_OF(HOST)};
    case KIND_METHOD: return (struct tests){METHOD, COUNT_OF(METHOD)};
    case KIND_SRC: return (struct tests){SRC, COUNT_OF(SRC)};
    case KIND_SCHEME: return (struct tests){SCHEME, COUNT_OF(SCHEME)};
    case KIND_PORT: return (struct tests){PORT, COUNT_OF(PORT)};
    case KIND_X: return (struct tests){X, COUNT_OF(X)};
    case KIND_Y: return (struct tests){Y, COUNT_OF(Y)};
    case KIND_K: return (struct tests){K, COUNT_OF(K)};
    }
    return (struct tests){0};
}

struct pool {
    struct slice value[VALUES_MAX];
    uint32_t n;
};

/* ---- which values the tests tell apart, told by themselves ---- */

static bool has(struct slice s, struct slice part)
{
    for (size_t i = 0; i + part.len <= s.len; i++)
        if (memcmp(s.at + i, part.at, part.len) == 0)
            return true;
    return false;
}

static bool below(struct slice path, const char *above)
{
    const struct slice a = slice_of(above);
    return slice_eq(path, a) || (slice_starts(path, a) && path.at[a.len] == '/');
}

/* /a.b/ */
static bool gap(struct slice s)
{
    for (size_t i = 0; i + 3 <= s.len; i++)
        if (s.at[i] == 'a' && s.at[i + 2] == 'b')
            return true;
    return false;
}

static size_t run_of_a(struct slice s)
{
    size_t n = 0;
    while (n < s.len && s.at[n] == 'a')
        n++;
    return n;
}

static uint32_t signature(enum kind kind, struct slice s)
{
    uint32_t bits = 0;
    unsigned n = 0;
#define SAYS(what) bits |= (what) ? 1u << n++ : (n++, 0u)
    switch (kind) {
    case KIND_PATH:
        SAYS(slice_eq(s, SLICE("/a")));
        SAYS(slice_eq(s, SLICE("/b")));
        SAYS(below(s, "/a"));
        SAYS(below(s, "/a/b"));
        SAYS(slice_starts(s, SLICE("/a")));
        SAYS(slice_starts(s, SLICE("/a/")));
        SAYS(slice_ends(s, SLICE("/b")));
        SAYS(slice_ends(s, SLICE("b")));
        SAYS(has(s, SLICE("a/b")));
        SAYS(gap(s));
        break;
    case KIND_HOST:
        SAYS(slice_eq(s, SLICE("a.b")));
        SAYS(slice_ends(s, SLICE(".b")));
        SAYS(slice_ends(s, SLICE(".a.b")));
        SAYS(slice_starts(s, SLICE("a")));
        SAYS(run_of_a(s) > 0 && slice_starts(slice_from(s, run_of_a(s)), SLICE(".b")));
        break;
    case KIND_X:
        SAYS(slice_eq(s, SLICE("a")));
        SAYS(slice_eq(s, SLICE("ab")));
        SAYS(slice_eq(s, SLICE("b")));
        SAYS(slice_starts(s, SLICE("a")));
        SAYS(slice_ends(s, SLICE("b")));
        SAYS(has(s, SLICE("ba")));
        break;
    case KIND_METHOD:
    case KIND_SRC:
    case KIND_SCHEME:
    case KIND_PORT:
    case KIND_Y:
    case KIND_K: break;
    }
#undef SAYS
    return bits;
}

static bool is_value(enum kind kind, struct slice s)
{
    char out[16];
    size_t len;
    uint16_t port;
    if (kind == KIND_PATH)
        return s.len > 0 && s.at[0] == '/' && uri_normalise_path(s, 0, out, &len) == URI_OK &&
               slice_eq((struct slice){out, len}, s);
    if (kind == KIND_HOST)
        return uri_normalise_host(s, true, out, &len, &port) == URI_OK && len == s.len;
    return memchr(s.at, '/', s.len) == NULL && memchr(s.at, '.', s.len) == NULL;
}

/* Goes through all short texts; each kind of them once. */
static void fill(enum kind kind, const char *letters, struct pool *out)
{
    static char text[KINDS_MAX][VALUES_MAX][8];
    uint32_t seen[VALUES_MAX];
    const size_t base = strlen(letters);
    size_t all = 1;
    for (size_t len = 1; len <= 7; len++) {
        all *= base;
        for (size_t i = 0; i < all; i++) {
            char at[8] = {0};
            for (size_t k = 0, rest = i; k < len; k++, rest /= base)
                at[k] = letters[rest % base];
            const struct slice s = {at, len};
            if (!is_value(kind, s))
                continue;
            const uint32_t says = signature(kind, s);
            bool known = false;
            for (uint32_t k = 0; k < out->n; k++)
                known |= seen[k] == says;
            if (known || out->n == VALUES_MAX)
                continue;
            seen[out->n] = says;
            memcpy(text[kind][out->n], at, sizeof(at));
            out->value[out->n] = (struct slice){text[kind][out->n], len};
            out->n++;
        }
    }
}

static const struct pool *pool_of(enum kind kind)
{
    static struct pool pool[KINDS_MAX];
    static const struct pool FIXED[KINDS_MAX] = {
        [KIND_METHOD] = {{SLICE_INIT("GET"), SLICE_INIT("PUT"), SLICE_INIT("POST"),
                          SLICE_INIT("Z")},
                         4},
        [KIND_SRC] = {{SLICE_INIT("10.0.0.1"), SLICE_INIT("10.0.0.7"), SLICE_INIT("10.200.0.1"),
                       SLICE_INIT("11.0.0.1"), SLICE_INIT("::1")},
                      5},
        [KIND_SCHEME] = {{SLICE_INIT("http"), SLICE_INIT("https")}, 2},
        [KIND_PORT] = {{SLICE_INIT("\0"), SLICE_INIT("\1"), SLICE_INIT("\3"), SLICE_INIT("\5"),
                        SLICE_INIT("\6"), SLICE_INIT("\11")},
                       6},
        [KIND_Y] = {{SLICE_INIT("a"), SLICE_INIT("b"), SLICE_INIT("z"), SLICE_INIT("bz")}, 4},
        [KIND_K] = {{SLICE_INIT("a"), SLICE_INIT("b"), SLICE_INIT("z")}, 3},
    };
    if (FIXED[kind].n > 0)
        return &FIXED[kind];
    if (pool[kind].n == 0) {
        fill(kind, kind == KIND_PATH ? "/abz" : kind == KIND_HOST ? ".abz" : "abz", &pool[kind]);
        if (kind == KIND_PATH)
            pool[kind].value[pool[kind].n++] = SLICE("*");
    }
    return &pool[kind];
}

static bool repeats(enum kind kind)
{
    return kind == KIND_X || kind == KIND_Y || kind == KIND_K;
}

/* Of fields that repeat: three choices, each a value or none. Some unions come more than once. */
static uint64_t ways(enum kind kind)
{
    const uint64_t n = pool_of(kind)->n;
    return repeats(kind) ? (n + 1) * (n + 1) * (kind == KIND_X ? n + 1 : 1) : n;
}

static void put(enum kind kind, struct slice s, struct text *query, struct witness *w)
{
    struct facts *f = &w->facts;
    bool ok = true;
    switch (kind) {
    case KIND_PATH: f->path = s; break;
    case KIND_HOST: f->host = s; break;
    case KIND_METHOD: f->method = s; break;
    case KIND_SRC: ok = address_parse(s, &f->src); break;
    case KIND_SCHEME: f->scheme = s; break;
    case KIND_PORT: f->src_port = (uint16_t)s.at[0]; break;
    case KIND_X: ok = witness_add_header(w, SLICE("x"), s); break;
    case KIND_Y: ok = witness_add_header(w, SLICE("y"), s); break;
    case KIND_K: text_addf(query, "%sk=" SLICE_FMT, query->len ? "&" : "", SLICE_ARG(s)); break;
    }
    ASSERT(ok);
}

bool next_request(uint32_t kinds, uint64_t *cursor, struct arena *arena, struct witness *out)
{
    uint64_t rest = (*cursor)++;
    struct text query = {0};
    witness_init(out);
    out->facts.listener = SLICE("l");
    for (uint32_t kind = 0; kind < KINDS_MAX; kind++) {
        if ((kinds & 1u << kind) == 0)
            continue;
        const struct pool *pool = pool_of((enum kind)kind);
        uint64_t which = rest % ways((enum kind)kind);
        rest /= ways((enum kind)kind);
        if (!repeats((enum kind)kind)) {
            put((enum kind)kind, pool->value[which], &query, out);
            continue;
        }
        for (; which > 0; which /= pool->n + 1)
            if (which % (pool->n + 1) > 0)
                put((enum kind)kind, pool->value[which % (pool->n + 1) - 1], &query, out);
    }
    struct facts *f = &out->facts;
    if (query.len > 0 && f->path.at[0] == '/') /* `*` has none */
        f->query = arena_copy(arena, text_slice(&query));
    text_done(&query);
    f->uri = f->query.at ? arena_format(arena, SLICE_FMT "?" SLICE_FMT, SLICE_ARG(f->path),
                                        SLICE_ARG(f->query))
                         : f->path;
    return rest == 0;
}

/* Conditions, and the values they compare with. */
#include "compiler/sema/types.h"
#include "tests/agree/support/generate_priv.h"

#define DEPTH_MAX 5u

static const char *const NAMES[] = {"x-a", "x-b", "cookie", "a", "b", "host"};

static const char *const LITERALS[] = {
    "v",           "V",       "va",  "",     "/",   "/api", "/api/", "/api/x", "GET",
    "example.com", "http",    "a b", "%",    "%41", "a=b",  "x;y",   "v, w",   "\xc3\xa4",
    "web",         "q=v&b=V", ",",   "\"v,", "w\"", "\\\"", "*.com", "api"};

/* Numbers at and beside which things change, for fields of every range. */
static const uint64_t NUMBERS[] = {1,  2,   10,  11,  12,    13,   50,      80,
                                   99, 200, 404, 443, 65535, 4096, 1 << 20, UINT64_C(1) << 40};

static const char *const NETWORKS[] = {"10.0.0.0/8",
                                       "10.0.0.0/9",
                                       "10.128.0.0/9",
                                       "10.0.0.1",
                                       "10.0.0.2/31",
                                       "0.0.0.0/0",
                                       "192.168.1.0/24",
                                       "192.168.2.0/23",
                                       "255.255.255.255",
                                       "::/0",
                                       "2001:db8::/32",
                                       "2001:db9::/33",
                                       "::1",
                                       "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"};

/* From the third on without the address that most clients have. */
static const char *const LOOPBACK[] = {"127.0.0.0/8",  "127.0.0.1", "127.0.0.0/9",
                                       "127.0.0.2/31", "127.0.0.4", "127.128.0.0/9",
                                       "::/0"};
#define LOOPBACK_COMMON 3u

struct slice generate_name(struct choice *c)
{
    return slice_of(NAMES[choose(c, COUNT_OF(NAMES))]);
}

struct slice generate_literal(struct generated *g)
{
    struct slice s = slice_of(LITERALS[choose(g->choice, COUNT_OF(LITERALS))]);
    if (rarely(g->choice, 4))
        s = arena_format(&g->arena, SLICE_FMT "%s", SLICE_ARG(s),
                         LITERALS[choose(g->choice, COUNT_OF(LITERALS))]);
    VEC_ADD(&g->literal, s);
    return s;
}

/* What sema takes as a value of the field, in its normal form. */
struct slice generate_typed_literal(struct generated *g, enum table_field field)
{
    static const char *const METHODS[] = {"GET", "PUT", "POST"};
    static const char *const SCHEMES[] = {"http", "https"};
    static const char *const HOSTS[] = {"example.com", "www.example.com", "a.b", "*.com",
                                        "*.example.com"};
    static const char *const PROTOS[] = {"http/1.0", "http/1.1", "h2"};
    static const char *const PATHS[] = {"/", "/a", "/api", "/api/x", "/apix", "/a%20b"};
    static const char *const LISTENERS[] = {"l-0", "l-1"};
    const char *const *from = NULL;
    uint32_t n = 0;
    if (field == FIELD_LISTENER)
        from = LISTENERS, n = g->program.n_routes;
    if (field == FIELD_METHOD)
        from = METHODS, n = COUNT_OF(METHODS);
    if (field == FIELD_SCHEME)
        from = SCHEMES, n = COUNT_OF(SCHEMES);
    if (field == FIELD_PROTO)
        from = PROTOS, n = COUNT_OF(PROTOS);
    if (field == FIELD_HOST || field == FIELD_TLS_SNI)
        from = HOSTS, n = COUNT_OF(HOSTS);
    if (field == FIELD_PATH || field == FIELD_URI)
        from = PATHS, n = COUNT_OF(PATHS);
    if (!g->writable || !from)
        return generate_literal(g);
    const struct slice s = slice_of(from[choose(g->choice, n)]);
    VEC_ADD(&g->literal, s);
    return s;
}

static bool has_host(enum table_field f)
{
    return f == FIELD_HOST || f == FIELD_TLS_SNI;
}

static bool is_word(enum table_field f)
{
    return f == FIELD_METHOD || f == FIELD_SCHEME || f == FIELD_PROTO;
}

static enum compare number_comparison(struct generated *g)
{
    static const enum compare ANY[] = {COMPARE_EQUAL,         COMPARE_NOT_EQUAL,  COMPARE_IN,
                                       COMPARE_LESS,          COMPARE_LESS_EQUAL, COMPARE_GREATER,
                                       COMPARE_GREATER_EQUAL, COMPARE_EXISTS};
    const uint32_t n = COUNT_OF(ANY) - (g->writable ? 1 : 0);
    return ANY[choose(g->choice, n)];
}

static enum compare text_comparison(struct generated *g, enum table_field field)
{
    static const enum compare ANY[] = {COMPARE_EQUAL,       COMPARE_NOT_EQUAL, COMPARE_IN,
                                       COMPARE_STARTS_WITH, COMPARE_ENDS_WITH, COMPARE_CONTAINS,
                                       COMPARE_MATCHES,     COMPARE_UNDER,     COMPARE_EXISTS};
    const enum compare c = ANY[choose(g->choice, COUNT_OF(ANY))];
    if (!g->writable)
        return c;
    const bool maybe_absent =
        table_field_is_keyed(field) || field == FIELD_QUERY || field == FIELD_USER;
    if ((c == COMPARE_EXISTS && !maybe_absent) || (c == COMPARE_UNDER && field != FIELD_PATH) ||
        (is_word(field) && c > COMPARE_IN))
        return COMPARE_EQUAL;
    return c;
}

static enum compare comparison(struct generated *g, enum table_field field)
{
    if (table_field_is_boolean(field))
        return COMPARE_EXISTS;
    if (table_field_is_number(field))
        return number_comparison(g);
    if (table_field_is_address(field))
        return !g->writable && rarely(g->choice, 8) ? COMPARE_EXISTS : COMPARE_IN;
    return text_comparison(g, field);
}

/* Half of the time one of those that a request says most about. */
static enum table_field any_field(struct generated *g)
{
    static const enum table_field USUAL[] = {
        FIELD_SRC,   FIELD_METHOD,    FIELD_HOST,   FIELD_PATH,   FIELD_URI,
        FIELD_QUERY, FIELD_QUERY_KEY, FIELD_HEADER, FIELD_COOKIE, FIELD_HEADER_ITEM};
    return choose(g->choice, 2) == 0 ? USUAL[choose(g->choice, COUNT_OF(USUAL))]
                                     : (enum table_field)choose(g->choice, FIELD_COUNT);
}

/* Of a connection; what live clients do not choose is left out. */
static enum table_field connect_field(struct generated *g)
{
    static const enum table_field KNOWN[] = {FIELD_SRC, FIELD_SRC,      FIELD_LISTENER,
                                             FIELD_DST, FIELD_DST_PORT, FIELD_SRC_PORT};
    return KNOWN[choose(g->choice, g->live ? 3 : COUNT_OF(KNOWN))];
}

/* A listener is asked for by name where connections are; a response is not there yet. */
enum table_field generate_field(struct generated *g)
{
    const enum table_field field = g->phase == PHASE_CONNECT ? connect_field(g) : any_field(g);
    if (g->live && (!field_is_served(field) || field == FIELD_RANDOM || field == FIELD_SRC_PORT))
        return FIELD_HEADER;
    const bool other = (field == FIELD_LISTENER && g->phase != PHASE_CONNECT) ||
                       table_field_phase(field) == PHASE_RESPONSE;
    return g->writable && other ? FIELD_PATH : field;
}

struct slice generate_limit(struct choice *c)
{
    return choose(c, 2) ? SLICE("few") : SLICE("many");
}

struct slice generate_key(struct generated *g, enum table_field field)
{
    if (!table_field_is_keyed(field))
        return SLICE("");
    if (field == FIELD_CLUSTER_UP)
        return choose(g->choice, 2) ? SLICE("web") : SLICE("api");
    if (field == FIELD_LIMIT_EXCEEDED)
        return generate_limit(g->choice);
    return generate_name(g->choice);
}

/* The largest that a file may compare the field with; versions of TLS are 1.0 to 1.3. */
static uint64_t number_max(enum table_field field)
{
    switch ((int)field) {
    case FIELD_SRC_PORT:
    case FIELD_DST_PORT:
    case FIELD_PORT: return 65535;
    case FIELD_RANDOM: return 99;
    case FIELD_TLS_VERSION: return 13;
    }
    return UINT64_MAX;
}

static uint64_t generate_number(struct generated *g, enum table_field field)
{
    const uint64_t n = NUMBERS[choose(g->choice, COUNT_OF(NUMBERS))];
    if (g->writable && field == FIELD_TLS_VERSION)
        return 10 + n % 4;
    return g->writable && n > number_max(field) ? number_max(field) : n;
}

static struct network network(struct generated *g)
{
    struct network n;
    const uint32_t first = g->phase == PHASE_CONNECT ? LOOPBACK_COMMON : 0;
    const char *text = g->live ? LOOPBACK[first + choose(g->choice, COUNT_OF(LOOPBACK) - first)]
                               : NETWORKS[choose(g->choice, COUNT_OF(NETWORKS))];
    const bool ok = network_parse(slice_of(text), &n);
    ASSERT(ok);
    VEC_ADD(&g->network, n);
    return n;
}

static struct table_number_range range(struct generated *g, enum table_field field)
{
    const uint64_t first = generate_number(g, field);
    const uint64_t more = choose(g->choice, 2) ? 0 : generate_number(g, field);
    const uint64_t max = g->writable ? number_max(field) : UINT64_MAX;
    return (struct table_number_range){first, more > max - first ? max : first + more};
}

static const struct program_set *set(struct generated *g, enum table_field field)
{
    const bool networks = table_field_is_address(field), ranges = table_field_is_number(field);
    struct program_set *s = ARENA_NEW(&g->arena, struct program_set);
    const uint32_t n = 1 + choose(g->choice, 6);
    struct slice *string = ARENA_ARRAY(&g->arena, struct slice, n);
    struct network *net = ARENA_ARRAY(&g->arena, struct network, n);
    struct table_number_range *numbers = ARENA_ARRAY(&g->arena, struct table_number_range, n);
    for (uint32_t i = 0; i < n; i++) {
        if (networks)
            net[i] = network(g);
        else if (ranges)
            numbers[i] = range(g, field);
        else
            string[i] = generate_typed_literal(g, field);
    }
    s->n_strings = networks || ranges ? 0 : n;
    s->n_networks = networks ? n : 0;
    s->n_ranges = ranges ? n : 0;
    s->string = s->n_strings ? string : NULL;
    s->network = networks ? net : NULL;
    s->range = ranges ? numbers : NULL;
    return s;
}

struct slice generate_pattern(struct generated *g)
{
    static const char *const PATTERNS[] = {"a",       "^\\/api",  "v|V",  "(a|b)+$", "^$",
                                           "[^\\/]+", "x(\\/|$)", "\\d+", "^.{3,5}$"};
    return slice_of(PATTERNS[choose(g->choice, COUNT_OF(PATTERNS))]);
}

struct slice generate_flags(struct generated *g)
{
    return choose(g->choice, 2) ? SLICE("i") : SLICE("");
}

static struct slice host_part(struct generated *g)
{
    static const char *const PARTS[] = {"e", "www", "example.com", ".com", "m"};
    const struct slice s = slice_of(PARTS[choose(g->choice, COUNT_OF(PARTS))]);
    VEC_ADD(&g->literal, s);
    return s;
}

static void atom(struct generated *g, struct cond *c)
{
    c->kind = COND_ATOM;
    c->field = generate_field(g);
    c->key = generate_key(g, c->field);
    c->compare = comparison(g, c->field);
    c->string = SLICE("");
    if (c->compare == COMPARE_IN)
        c->set = set(g, c->field);
    else if (table_field_is_number(c->field))
        c->number = generate_number(g, c->field);
    else if (c->compare == COMPARE_MATCHES)
        c->string = generate_pattern(g), c->flags = generate_flags(g);
    else if (c->compare == COMPARE_CONTAINS)
        c->string = generate_literal(g);
    else if (has_host(c->field) && c->compare > COMPARE_IN && g->writable)
        c->string = host_part(g); /* a file has them in lower case */
    else if (c->compare != COMPARE_EXISTS)
        c->string = generate_typed_literal(g, c->field);
    const enum table_keyed keyed = table_field_keyed(c->field);
    c->all = (keyed == FIELD_KEYED || keyed == FIELD_ITEMS) && c->compare != COMPARE_EXISTS &&
             c->compare != COMPARE_NOT_EQUAL && rarely(g->choice, 3);
}

static const struct cond *random_is(struct generated *g, enum compare compare, uint64_t number)
{
    struct cond *c = ARENA_NEW(&g->arena, struct cond);
    *c = (struct cond){.kind = COND_ATOM,
                       .field = FIELD_RANDOM,
                       .key = SLICE(""),
                       .string = SLICE(""),
                       .compare = compare,
                       .number = number};
    return c;
}

/* Chance with one answer only, a hundred per cent of the time: the number is below `n` or not,
 * never both, for it is drawn once. */
static void certain_random(struct generated *g, struct cond *c)
{
    static const enum compare PAIR[][2] = {{COMPARE_LESS, COMPARE_GREATER_EQUAL},
                                           {COMPARE_LESS_EQUAL, COMPARE_GREATER},
                                           {COMPARE_EQUAL, COMPARE_NOT_EQUAL}};
    const enum compare *pair = PAIR[choose(g->choice, COUNT_OF(PAIR))];
    const uint64_t n = 1 + choose(g->choice, 98);
    c->kind = choose(g->choice, 2) ? COND_AND : COND_OR;
    c->left = random_is(g, pair[0], n);
    c->right = random_is(g, pair[1], n);
}

const struct cond *generate_condition(struct generated *g, uint32_t depth)
{
    struct cond *c = ARENA_NEW(&g->arena, struct cond);
    if (g->live && g->phase == PHASE_REQUEST && rarely(g->choice, 12)) {
        certain_random(g, c);
        return c;
    }
    const bool acls = g->acl.n > 0 && g->phase != PHASE_CONNECT;
    const uint32_t kind = depth < DEPTH_MAX ? choose(g->choice, 10) : 0;
    if (kind < 5 || (kind == 9 && !acls)) {
        atom(g, c);
        return c;
    }
    c->kind = kind < 7 ? COND_AND : kind == 7 ? COND_OR : kind == 8 ? COND_NOT : COND_ACL;
    if (c->kind == COND_ACL) {
        const uint32_t i = choose(g->choice, g->acl.n);
        c->acl = arena_format(&g->arena, "acl-%u", i);
        c->left = g->acl.at[i];
        return c;
    }
    c->left = generate_condition(g, depth + 1);
    if (c->kind != COND_NOT)
        c->right = generate_condition(g, depth + 1);
    return c;
}

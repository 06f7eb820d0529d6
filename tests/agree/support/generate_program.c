/* Programs as sema would make them, in memory. */
#include "runtime/base/clock.h"
#include "tests/agree/support/generate.h"

#define ACLS_MAX  3u
#define DEPTH_MAX 5u

static const char *const NAMES[] = {"x-a", "x-b", "cookie", "a", "b", "host"};

static const char *const LITERALS[] = {
    "v",    "V",   "va", "",    "/",   "/api", "/api/", "/api/x",   "GET", "example.com",
    "http", "a b", "%",  "%41", "a=b", "x;y",  "v, w",  "\xc3\xa4", "web", "q=v&b=V"};

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

struct slice generate_name(struct choice *c)
{
    return slice_of(NAMES[choose(c, COUNT_OF(NAMES))]);
}

static struct slice literal(struct generated *g)
{
    struct slice s = slice_of(LITERALS[choose(g->choice, COUNT_OF(LITERALS))]);
    if (rarely(g->choice, 4))
        s = arena_format(&g->arena, SLICE_FMT "%s", SLICE_ARG(s),
                         LITERALS[choose(g->choice, COUNT_OF(LITERALS))]);
    VEC_ADD(&g->literal, s);
    return s;
}

/* What sema takes as a value of the field, in its normal form. */
static struct slice typed_literal(struct generated *g, enum table_field field)
{
    static const char *const METHODS[] = {"GET", "PUT", "POST"};
    static const char *const SCHEMES[] = {"http", "https"};
    static const char *const HOSTS[] = {"example.com", "www.example.com", "a.b"};
    static const char *const PATHS[] = {"/", "/a", "/api", "/api/x", "/apix", "/a%20b"};
    const char *const *from = NULL;
    uint32_t n = 0;
    if (field == FIELD_METHOD)
        from = METHODS, n = COUNT_OF(METHODS);
    if (field == FIELD_SCHEME)
        from = SCHEMES, n = COUNT_OF(SCHEMES);
    if (field == FIELD_HOST)
        from = HOSTS, n = COUNT_OF(HOSTS);
    if (field == FIELD_PATH || field == FIELD_URI)
        from = PATHS, n = COUNT_OF(PATHS);
    if (!g->writable || !from)
        return literal(g);
    const struct slice s = slice_of(from[choose(g->choice, n)]);
    VEC_ADD(&g->literal, s);
    return s;
}

static enum compare comparison(struct generated *g, enum table_field field)
{
    const enum compare c = (enum compare)choose(g->choice, COMPARE_EXISTS + 1);
    if (!g->writable)
        return c;
    const bool word = field == FIELD_METHOD || field == FIELD_SCHEME;
    const bool maybe_absent = table_field_is_keyed(field) || field == FIELD_QUERY;
    if ((c == COMPARE_EXISTS && !maybe_absent) || (c == COMPARE_UNDER && field != FIELD_PATH) ||
        (word && c > COMPARE_IN))
        return COMPARE_EQUAL;
    return c;
}

static enum table_field asked_field(struct generated *g)
{
    const enum table_field field = (enum table_field)choose(g->choice, FIELD_COUNT);
    /* A listener is asked for by name, and there is but one. */
    return g->writable && field == FIELD_LISTENER ? FIELD_PATH : field;
}

static struct network network(struct generated *g)
{
    struct network n;
    const bool ok = network_parse(slice_of(NETWORKS[choose(g->choice, COUNT_OF(NETWORKS))]), &n);
    ASSERT(ok);
    VEC_ADD(&g->network, n);
    return n;
}

static const struct program_set *set(struct generated *g, enum table_field field)
{
    const bool networks = field == FIELD_SRC;
    struct program_set *s = ARENA_NEW(&g->arena, struct program_set);
    const uint32_t n = 1 + choose(g->choice, 6);
    struct slice *string = ARENA_ARRAY(&g->arena, struct slice, n);
    struct network *range = ARENA_ARRAY(&g->arena, struct network, n);
    for (uint32_t i = 0; i < n; i++) {
        if (networks)
            range[i] = network(g);
        else
            string[i] = typed_literal(g, field);
    }
    s->string = networks ? NULL : string;
    s->n_strings = networks ? 0 : n;
    s->network = networks ? range : NULL;
    s->n_networks = networks ? n : 0;
    return s;
}

static void atom(struct generated *g, struct cond *c)
{
    c->kind = COND_ATOM;
    c->field = asked_field(g);
    if (table_field_is_keyed(c->field))
        c->key = generate_name(g->choice);
    if (c->field == FIELD_SRC) {
        c->compare = !g->writable && rarely(g->choice, 8) ? COMPARE_EXISTS : COMPARE_IN;
    } else {
        c->compare = comparison(g, c->field);
        c->string = typed_literal(g, c->field);
    }
    if (c->compare == COMPARE_IN)
        c->set = set(g, c->field);
}

static const struct cond *condition(struct generated *g, uint32_t depth)
{
    struct cond *c = ARENA_NEW(&g->arena, struct cond);
    const uint32_t kind = depth < DEPTH_MAX ? choose(g->choice, 10) : 0;
    if (kind < 5 || (kind == 9 && g->acl.n == 0)) {
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
    c->left = condition(g, depth + 1);
    if (c->kind != COND_NOT)
        c->right = condition(g, depth + 1);
    return c;
}

static struct table_template template(struct generated *g)
{
    const uint32_t n = choose(g->choice, 4) + (g->writable ? 1 : 0);
    struct table_part *part = ARENA_ARRAY(&g->arena, struct table_part, n);
    for (uint32_t i = 0; i < n; i++) {
        if (choose(g->choice, 2) == 0) {
            part[i].literal = literal(g);
            continue;
        }
        /* Half of them headers: those can change under a template's hands. */
        part[i].field =
            choose(g->choice, 2) ? FIELD_HEADER : (enum table_field)choose(g->choice, FIELD_COUNT);
        if (table_field_is_keyed(part[i].field))
            part[i].key = generate_name(g->choice);
    }
    return (struct table_template){part, n};
}

static void terminal(struct generated *g, struct action *a)
{
    a->kind = (enum action_kind)(ACTION_FORWARD + choose(g->choice, 4));
    a->cluster = choose(g->choice, g->program.n_clusters);
    a->status = (uint16_t)(a->kind == ACTION_REDIRECT ? 302
                           : a->kind == ACTION_DENY   ? 400 + choose(g->choice, 50)
                                                      : 210 + choose(g->choice, 50));
    a->type = a->body = SLICE("");
    if (a->kind == ACTION_REDIRECT)
        a->value = template(g);
    if (a->kind == ACTION_RESPOND)
        a->type = SLICE("text/plain");
    if (a->kind == ACTION_RESPOND || a->kind == ACTION_DENY)
        a->body = literal(g);
}

static void clause(struct generated *g, struct clause *c, bool last)
{
    struct action *action = ARENA_ARRAY(&g->arena, struct action, GENERATED_ACTIONS_MAX);
    const uint32_t changes = choose(g->choice, GENERATED_ACTIONS_MAX);
    for (uint32_t i = 0; i < changes; i++) {
        action[i].kind = (enum action_kind)(ACTION_SET_HEADER + choose(g->choice, 3));
        action[i].name = generate_name(g->choice);
        /* A request has exactly one host: files may set it, and nothing else. */
        if (g->writable && slice_eq(action[i].name, SLICE("host")))
            action[i].kind = ACTION_SET_HEADER;
        if (action[i].kind != ACTION_REMOVE_HEADER)
            action[i].value = template(g);
    }
    if (!last && changes > 0 && choose(g->choice, 3) > 0)
        action[changes].kind = ACTION_CONTINUE;
    else
        terminal(g, &action[changes]);
    c->action = action;
    c->n_actions = changes + 1;
    c->otherwise = last;
    if (last) {
        struct cond *always = ARENA_NEW(&g->arena, struct cond);
        always->kind = COND_TRUE;
        c->when = always;
    } else {
        c->when = condition(g, 0);
    }
}

static void route(struct generated *g, struct route *r, uint32_t i)
{
    const uint32_t n = 1 + choose(g->choice, GENERATED_CLAUSES_MAX);
    struct clause *c = ARENA_ARRAY(&g->arena, struct clause, n);
    for (uint32_t k = 0; k < n; k++)
        clause(g, &c[k], k == n - 1);
    *r =
        (struct route){.name = arena_format(&g->arena, "route-%u", i), .clause = c, .n_clauses = n};
}

static void clusters(struct generated *g)
{
    struct program_cluster *c = ARENA_ARRAY(&g->arena, struct program_cluster, 2);
    struct program_server *s = ARENA_NEW(&g->arena, struct program_server);
    s->name = SLICE("only");
    s->weight = 1;
    const bool ok = endpoint_parse(SLICE("127.0.0.1:9000"), &s->endpoint);
    ASSERT(ok);
    for (uint32_t i = 0; i < 2; i++) {
        c[i].name = i ? SLICE("web") : SLICE("api");
        c[i].server = s;
        c[i].n_servers = 1;
        for (uint32_t k = 0; k < TIMEOUT_COUNT; k++)
            c[i].timeout_ns[k] = NS_PER_S;
    }
    g->program.cluster = c;
    g->program.n_clusters = 2;
}

void generated_init(struct generated *g, struct choice *choice, bool writable)
{
    *g = (struct generated){.choice = choice, .writable = writable};
    clusters(g);
    const uint32_t n_acls = choose(choice, ACLS_MAX + 1);
    for (uint32_t i = 0; i < n_acls; i++) {
        const struct cond *acl = condition(g, 2); /* first: it may use those before it */
        VEC_ADD(&g->acl, acl);
    }

    g->program.n_routes = 1 + choose(choice, 2);
    struct route *r = ARENA_ARRAY(&g->arena, struct route, g->program.n_routes);
    for (uint32_t i = 0; i < g->program.n_routes; i++)
        route(g, &r[i], i);
    g->program.route = r;
}

void generated_done(struct generated *g)
{
    VEC_DONE(&g->literal);
    VEC_DONE(&g->network);
    VEC_DONE(&g->acl);
    arena_free(&g->arena);
}

/* Programs as sema would make them, in memory. */
#include "runtime/base/clock.h"
#include "tests/agree/support/generate_priv.h"

#define ACLS_MAX 3u

/* Keys of a map. */
#define GENERATED_KEYS_MAX 4u

static struct table_template template(struct generated *g)
{
    const uint32_t n = choose(g->choice, 4) + (g->writable ? 1 : 0);
    struct table_part *part = ARENA_ARRAY(&g->arena, struct table_part, n);
    for (uint32_t i = 0; i < n; i++) {
        if (choose(g->choice, 2) == 0) {
            part[i].literal = generate_literal(g);
            continue;
        }
        /* Half of them headers: those can change under a template's hands. */
        part[i].field = choose(g->choice, 2) ? FIELD_HEADER : generate_field(g);
        if (g->writable && part[i].field == FIELD_HEADER_ITEM)
            part[i].field = FIELD_HEADER; /* a template has whole lines */
        part[i].key = generate_key(g, part[i].field);
    }
    return (struct table_template){part, n};
}

/* A path, as a rewrite makes it: what templates make of it is seen to by what receives it. */
static struct table_template path_template(struct generated *g)
{
    static const char *const PATHS[] = {"/", "/api", "/b/", "/x/../y", "/a b"};
    struct table_template t = template(g);
    struct table_part *part = ARENA_ARRAY(&g->arena, struct table_part, t.n + 1);
    part[0].literal = slice_of(PATHS[choose(g->choice, COUNT_OF(PATHS))]);
    for (uint32_t i = 0; i < t.n; i++)
        part[i + 1] = t.part[i];
    if (!g->writable)
        return (struct table_template){part, t.n + 1};
    /* A file says it without a query and escapes. */
    for (uint32_t i = 1; i <= t.n; i++)
        if (part[i].literal.at)
            part[i].literal = SLICE("/c");
    return (struct table_template){part, t.n + 1};
}

static struct slice prefix(struct generated *g)
{
    static const char *const PREFIXES[] = {"/", "/a", "/api", "/api/x", "/apix"};
    const struct slice s = slice_of(PREFIXES[choose(g->choice, COUNT_OF(PREFIXES))]);
    VEC_ADD(&g->literal, s);
    return s;
}

static struct table_template literal_template(struct generated *g, struct slice text)
{
    struct table_part *part = ARENA_NEW(&g->arena, struct table_part);
    part->literal = text;
    return (struct table_template){part, 1};
}

/* A request has exactly one host: files may set it, to something that is one, and nothing else. */
static struct table_template host_template(struct generated *g)
{
    static const char *const HOSTS[] = {"example.com", "www.example.com", "a.b", "10.0.0.1:80"};
    const struct table_template any = template(g);
    for (uint32_t i = 0; i < any.n; i++)
        if (any.part[i].literal.at)
            return literal_template(g, slice_of(HOSTS[choose(g->choice, COUNT_OF(HOSTS))]));
    return any;
}

static struct table_template replacement(struct generated *g)
{
    struct table_part *part = ARENA_ARRAY(&g->arena, struct table_part, 2);
    part[0].literal = choose(g->choice, 2) ? SLICE("/new") : SLICE("n");
    part[1] = (struct table_part){.field = FIELD_COUNT};
    return (struct table_template){part, 1 + choose(g->choice, 2)};
}

static void change_target(struct generated *g, struct action *a)
{
    switch (choose(g->choice, 5)) {
    case 0:
        a->kind = ACTION_REWRITE_PATH;
        a->value = path_template(g);
        break;
    case 1:
        a->kind = ACTION_REPLACE_PREFIX;
        a->name = prefix(g);
        a->value = literal_template(g, prefix(g));
        break;
    case 2:
        a->kind = ACTION_REPLACE_PATH;
        a->pattern = generate_pattern(g);
        a->flags = generate_flags(g);
        a->value = replacement(g);
        break;
    case 3:
        a->kind = ACTION_SET_QUERY;
        a->name = generate_name(g->choice);
        a->value = template(g);
        break;
    default:
        a->kind = ACTION_REMOVE_QUERY;
        a->name = generate_name(g->choice);
        break;
    }
}

static void change_response(struct generated *g, struct action *a)
{
    const uint32_t kind = choose(g->choice, 3);
    *a = (struct action){.kind = (enum action_kind)(ACTION_SET_RESPONSE_HEADER + kind),
                         .name = generate_name(g->choice)};
    if (a->kind != ACTION_REMOVE_RESPONSE_HEADER)
        a->value = template(g);
}

static void allow_origins(struct action *a)
{
    static const struct slice origin = SLICE_INIT("https://a.example");
    static const struct table_cors rule = {
        .origin = &origin, .n_origins = 1, .max_age_s = SLICE_INIT("5")};
    a->cors = &rule;
    a->name = SLICE("{ origins \"https://a.example\" }");
}

static void require_token(struct generated *g, struct action *a)
{
    static const struct slice issuer = SLICE_INIT("https://a.example");
    struct table_jwt *rule = ARENA_NEW(&g->arena, struct table_jwt);
    *rule =
        (struct table_jwt){.name = g->program.secret[0].name, .issuer = &issuer, .n_issuers = 1};
    a->jwt = rule;
    a->name = arena_format(&g->arena, SLICE_FMT " { issuer \"https://a.example\" }",
                           SLICE_ARG(rule->name));
}

static void ask(struct generated *g, struct action *a)
{
    struct table_auth *rule = ARENA_ARRAY(&g->arena, struct table_auth, 1);
    a->cluster = choose(g->choice, g->program.n_clusters);
    a->name = g->program.cluster[a->cluster].name;
    *rule = (struct table_auth){
        .cluster = a->cluster, .path = SLICE("/"), .timeout_ns = 1000000, .sends_all = true};
    a->auth = rule;
}

static void change(struct generated *g, struct action *a)
{
    *a = (struct action){.name = SLICE("")};
    const uint32_t kind = choose(g->choice, 12);
    if (kind < 3) {
        change_target(g, a);
        return;
    }
    if (kind == 3) {
        static const enum action_kind kinds[] = {
            ACTION_TAG,  ACTION_TIMEOUT_READ,  ACTION_RETRY,       ACTION_COMPRESS,    ACTION_LIMIT,
            ACTION_CORS, ACTION_REQUIRE_BASIC, ACTION_REQUIRE_JWT, ACTION_REQUIRE_AUTH};
        /* Where requests are sent, nobody has a password or a token, and nobody asks for another's.
         */
        a->kind = kinds[choose(g->choice, COUNT_OF(kinds) - (g->live ? 3 : 0))];
        a->name = a->kind == ACTION_TAG ? generate_name(g->choice) : SLICE("");
        if (a->kind == ACTION_LIMIT)
            a->name = choose(g->choice, 3) ? generate_limit(g->choice) : SLICE("wide");
        if (a->kind == ACTION_TIMEOUT_READ)
            a->number = g->live ? UINT64_C(60000000000) : 1000000;
        if (a->kind == ACTION_REQUIRE_BASIC)
            a->name = g->program.secret[0].name;
        if (a->kind == ACTION_REQUIRE_JWT)
            require_token(g, a);
        if (a->kind == ACTION_CORS)
            allow_origins(a);
        if (a->kind == ACTION_REQUIRE_AUTH)
            ask(g, a);
        if (a->kind == ACTION_RETRY)
            a->number = choose(g->choice, 11);
        return;
    }
    if (kind == 4) {
        change_response(g, a);
        return;
    }
    a->kind = (enum action_kind)(ACTION_SET_HEADER + choose(g->choice, 3));
    a->name = generate_name(g->choice);
    if (g->writable && slice_eq(a->name, SLICE("host"))) {
        a->kind = ACTION_SET_HEADER;
        a->value = host_template(g);
    } else if (a->kind != ACTION_REMOVE_HEADER) {
        a->value = template(g);
    }
}

static void split(struct generated *g, struct action *a)
{
    struct split_choice *c = ARENA_ARRAY(&g->arena, struct split_choice, 3);
    const uint32_t n = 1 + choose(g->choice, 3);
    uint32_t left = 100;
    for (uint32_t i = 0; i < n; i++) {
        c[i].percent = i + 1 < n ? 1 + choose(g->choice, left - (n - i)) : left;
        c[i].cluster = choose(g->choice, g->program.n_clusters);
        left -= c[i].percent;
    }
    a->choice = c;
    a->n_choices = n;
    a->field = FIELD_COUNT;
    if (choose(g->choice, 2)) {
        a->field = generate_field(g);
        a->key = generate_key(g, a->field);
    }
}

static bool has(const struct slice *key, uint32_t n, struct slice wanted)
{
    for (uint32_t i = 0; i < n; i++)
        if (slice_eq(key[i], wanted))
            return true;
    return false;
}

static bool has_host(enum table_field f)
{
    return f == FIELD_HOST || f == FIELD_TLS_SNI;
}

/* A file has keys of three types, hosts without a star among them. */
static bool is_key(const struct generated *g, enum table_field field, struct slice s)
{
    return !g->writable || (s.len > 0 && !(has_host(field) && s.at[0] == '*'));
}

static enum table_field map_field(struct generated *g)
{
    const enum table_field f = generate_field(g);
    const bool word = f == FIELD_METHOD || f == FIELD_SCHEME || f == FIELD_PROTO;
    const bool text =
        !table_field_is_number(f) && !table_field_is_address(f) && !table_field_is_boolean(f);
    return !g->writable || (text && !word) ? f : FIELD_HEADER;
}

static void forward_map(struct generated *g, struct action *a)
{
    struct program_map *m = ARENA_NEW(&g->arena, struct program_map);
    struct slice *key = ARENA_ARRAY(&g->arena, struct slice, GENERATED_KEYS_MAX);
    uint32_t *cluster = ARENA_ARRAY(&g->arena, uint32_t, GENERATED_KEYS_MAX);
    a->field = map_field(g);
    a->key = generate_key(g, a->field);
    *m = (struct program_map){
        .name = arena_format(&g->arena, "map-%u", g->n_maps++), .key = key, .cluster = cluster};
    for (uint32_t i = 0; i < GENERATED_KEYS_MAX; i++) {
        const struct slice s = generate_typed_literal(g, a->field);
        if (!is_key(g, a->field, s) || has(key, m->n, s))
            continue;
        cluster[m->n] = choose(g->choice, g->program.n_clusters);
        key[m->n++] = s;
    }
    if (m->n == 0)
        key[m->n++] = has_host(a->field) ? SLICE("a.b") : SLICE("/api");
    a->map = m;
}

/* `last_route`: there is none behind it that a goto could lead to. */
static void terminal(struct generated *g, struct action *a, uint32_t route, bool last_route)
{
    static const enum action_kind KIND[] = {
        ACTION_FORWARD,     ACTION_DENY,    ACTION_RESPOND,  ACTION_REDIRECT, ACTION_FORWARD,
        ACTION_DENY,        ACTION_RESPOND, ACTION_REDIRECT, ACTION_SPLIT,    ACTION_DROP,
        ACTION_FORWARD_MAP, ACTION_TARPIT,  ACTION_GOTO};
    *a = (struct action){.name = SLICE("")};
    a->kind = KIND[choose(g->choice, COUNT_OF(KIND) - (last_route ? 1 : 0))];
    if (g->live && a->kind == ACTION_TARPIT && !rarely(g->choice, 3))
        a->kind = ACTION_FORWARD; /* who sends them waits */
    a->cluster = choose(g->choice, g->program.n_clusters);
    a->status = (uint16_t)(a->kind == ACTION_REDIRECT ? 302
                           : a->kind == ACTION_DENY   ? 400 + choose(g->choice, 50)
                                                      : 210 + choose(g->choice, 50));
    a->type = a->body = SLICE("");
    a->route = route + 1;
    a->number = a->kind == ACTION_TARPIT ? 1000000 : 0;
    if (a->kind == ACTION_REDIRECT)
        a->value = template(g);
    if (a->kind == ACTION_RESPOND)
        a->type = SLICE("text/plain");
    if (a->kind == ACTION_RESPOND || a->kind == ACTION_DENY)
        a->body = generate_literal(g);
    if (a->kind == ACTION_SPLIT)
        split(g, a);
    if (a->kind == ACTION_FORWARD_MAP)
        forward_map(g, a);
}

static void clause(struct generated *g, struct clause *c, uint32_t route, bool last)
{
    struct action *action = ARENA_ARRAY(&g->arena, struct action, GENERATED_ACTIONS_MAX);
    const uint32_t changes = choose(g->choice, GENERATED_ACTIONS_MAX);
    for (uint32_t i = 0; i < changes; i++)
        change(g, &action[i]);
    if (!last && changes > 0 && choose(g->choice, 3) > 0)
        action[changes].kind = ACTION_CONTINUE;
    else
        terminal(g, &action[changes], route, route + 1 == g->program.n_routes);
    c->action = action;
    c->n_actions = changes + 1;
    c->otherwise = last;
    c->allow_shadowed = choose(g->choice, 2);
    if (last) {
        struct cond *always = ARENA_NEW(&g->arena, struct cond);
        always->kind = COND_TRUE;
        c->when = always;
    } else {
        c->when = generate_condition(g, 0);
    }
}

static void route(struct generated *g, struct route *r, uint32_t i)
{
    const uint32_t n = 1 + choose(g->choice, GENERATED_CLAUSES_MAX);
    struct clause *c = ARENA_ARRAY(&g->arena, struct clause, n);
    for (uint32_t k = 0; k < n; k++)
        clause(g, &c[k], i, k == n - 1);
    *r = (struct route){.name = arena_format(&g->arena, "route-%u", i),
                        .phase = PHASE_REQUEST,
                        .clause = c,
                        .n_clauses = n};
}

/* --- listeners, and what they do with connections and responses ------------------------------- */

static const struct action *only(struct generated *g, enum action_kind kind)
{
    struct action *a = ARENA_NEW(&g->arena, struct action);
    a->kind = kind;
    a->name = SLICE("");
    return a;
}

/* Connections are dropped, or let by. */
static void connect_clause(struct generated *g, struct clause *c)
{
    c->when = generate_condition(g, 2);
    c->action = only(g, rarely(g->choice, 4) ? ACTION_CONTINUE : ACTION_DROP);
    c->n_actions = 1;
    c->allow_shadowed = choose(g->choice, 2);
}

static void response_clause(struct generated *g, struct clause *c)
{
    struct action *a = ARENA_ARRAY(&g->arena, struct action, GENERATED_ACTIONS_MAX);
    c->when = generate_condition(g, 2);
    c->action = a;
    for (; c->n_actions == 0 || rarely(g->choice, 2); c->n_actions++) {
        if (c->n_actions + 1 == GENERATED_ACTIONS_MAX)
            break;
        change_response(g, &a[c->n_actions]);
    }
    a[c->n_actions++] = *only(g, ACTION_CONTINUE);
}

static void on(struct generated *g, enum table_phase phase, struct slice name, struct route *out)
{
    const uint32_t n = 1 + choose(g->choice, 3);
    struct clause *c = ARENA_ARRAY(&g->arena, struct clause, n);
    *out = (struct route){.name = name, .phase = phase, .clause = c, .n_clauses = n};
    g->phase = phase;
    for (uint32_t i = 0; i < n; i++) {
        if (phase == PHASE_CONNECT)
            connect_clause(g, &c[i]);
        else
            response_clause(g, &c[i]);
    }
    g->phase = PHASE_REQUEST;
}

static void listener(struct generated *g, struct program_listener *l, uint32_t i)
{
    struct table_bind *bind = ARENA_NEW(&g->arena, struct table_bind);
    *bind = (struct table_bind){.tls = TABLE_NO_TLS, .backlog = 1, .mode = TABLE_NO_MODE};
    const bool ok =
        endpoint_parse(arena_format(&g->arena, "127.0.0.1:%u", 80 + i), &bind->endpoint);
    ASSERT(ok);
    *l = (struct program_listener){.name = arena_format(&g->arena, "l-%u", i),
                                   .bind = bind,
                                   .n_binds = 1,
                                   .route = i,
                                   .reach = ARENA_ARRAY(&g->arena, bool, g->program.n_clusters),
                                   .max_connections = 1000,
                                   .max_streams = 100,
                                   .max_glitches = 1000,
                                   .min_rate = 20,
                                   .overload_saves = 85,
                                   .overload_refuses = 95,
                                   .max_per_source = TABLE_NO_MAX,
                                   .max_handshakes = TABLE_NO_MAX,
                                   .min_rate_ns = NS_PER_S,
                                   .max_requests = TABLE_NO_MAX,
                                   .max_head_bytes = TABLE_HEAD_BYTES_MAX,
                                   .max_body_bytes = TABLE_NO_BODY_MAX};
    for (uint32_t k = 0; k < TIMEOUT_COUNT; k++)
        l->timeout_ns[k] = NS_PER_S;
    if (rarely(g->choice, 3))
        on(g, PHASE_CONNECT, l->name, &l->on_connect);
    if (!g->writable && rarely(g->choice, 3)) /* the text would have other words for its fields */
        on(g, PHASE_RESPONSE, l->name, &l->on_response);
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
        c[i].field = FIELD_COUNT;
        c[i].n_servers = 1;
        for (uint32_t k = 0; k < TIMEOUT_COUNT; k++)
            c[i].timeout_ns[k] = NS_PER_S;
    }
    g->program.cluster = c;
    g->program.n_clusters = 2;
    struct program_secret *secret = ARENA_ARRAY(&g->arena, struct program_secret, 1);
    *secret =
        (struct program_secret){.name = SLICE("staff"), .from_env = true, .source = SLICE("STAFF")};
    g->program.secret = secret;
    g->program.n_secrets = 1;
}

/* None that anybody comes near: what is decided says which are met, in order. */
static void limits(struct generated *g)
{
    static const struct program_value MUCH = {
        .written = SLICE_INIT("1M/s"), .field = FIELD_COUNT, .number = 1000000, .last = NS_PER_S};
    static const struct program_setting RATE = {
        .id = SETTING_LIMIT_RATE, .value = &MUCH, .n_values = 1};
    static const struct program_value WIDE = {
        .written = SLICE_INIT("1GiB/s"), .field = FIELD_COUNT, .number = 1u << 30};
    static const struct program_setting BYTES[] = {
        {.id = SETTING_LIMIT_DOWNLOAD, .value = &WIDE, .n_values = 1},
        {.id = SETTING_LIMIT_UPLOAD, .value = &WIDE, .n_values = 1}};
    static const struct program_object LIMIT[] = {
        {.name = SLICE_INIT("few"), .settings = {&RATE, 1}},
        {.name = SLICE_INIT("many"), .settings = {&RATE, 1}},
        {.name = SLICE_INIT("wide"), .settings = {BYTES, COUNT_OF(BYTES)}}};
    g->program.object[OBJECT_LIMIT] = LIMIT;
    g->program.n_objects[OBJECT_LIMIT] = COUNT_OF(LIMIT);
}

static void generate(struct generated *g)
{
    struct choice *choice = g->choice;
    g->phase = PHASE_REQUEST;
    clusters(g);
    limits(g);
    const uint32_t n_acls = choose(choice, ACLS_MAX + 1);
    for (uint32_t i = 0; i < n_acls; i++) {
        const struct cond *acl = generate_condition(g, 2); /* first: it may use those before it */
        VEC_ADD(&g->acl, acl);
    }

    g->program.n_routes = 1 + choose(choice, 2);
    struct route *r = ARENA_ARRAY(&g->arena, struct route, g->program.n_routes);
    for (uint32_t i = 0; i < g->program.n_routes; i++)
        route(g, &r[i], i);
    g->program.route = r;

    struct program_listener *l =
        ARENA_ARRAY(&g->arena, struct program_listener, g->program.n_routes);
    for (uint32_t i = 0; i < g->program.n_routes; i++)
        listener(g, &l[i], i);
    g->program.listener = l;
    g->program.n_listeners = g->program.n_routes;
}

void generated_init(struct generated *g, struct choice *choice, bool writable)
{
    *g = (struct generated){.choice = choice, .writable = writable};
    generate(g);
}

void generated_init_live(struct generated *g, struct choice *choice)
{
    *g = (struct generated){.choice = choice, .writable = true, .live = true};
    generate(g);
}

void generated_done(struct generated *g)
{
    VEC_DONE(&g->literal);
    VEC_DONE(&g->network);
    VEC_DONE(&g->acl);
    arena_free(&g->arena);
}

#include "compiler/tools/unparse.h"

#include "compiler/sema/durations.h"
#include "compiler/tools/unparse_priv.h"

static void duration(struct text *out, const char *name, int64_t ns)
{
    text_addf(out, "%s ", name);
    duration_write((uint64_t)ns, out);
}

static void timeouts(struct text *out, const int64_t timeout_ns[TIMEOUT_COUNT])
{
    for (enum table_timeout t = 0; t < TIMEOUT_COUNT; t++) {
        if (timeout_ns[t] == 0)
            continue; /* the other scope's */
        text_adds(out, "  timeout ");
        duration(out, table_timeout_name(t), timeout_ns[t]);
        text_addc(out, '\n');
    }
}

static void string_of(struct text *out, const char *word, struct slice value)
{
    text_addf(out, "  %s ", word);
    unparse_string(out, value);
}

/* In the order that they are taken in. */
static void steps(struct text *out, const struct program_setting *given)
{
    for (uint32_t i = 0; i < given->n_own; i++) {
        const struct program_setting *a = &given->own[i];
        if (a->id == SETTING_HEALTH_SEND || a->id == SETTING_HEALTH_EXPECT)
            text_addf(out, "  " SLICE_FMT " " SLICE_FMT, SLICE_ARG(setting_info(a->id)->word),
                      SLICE_ARG(a->value[0].written));
    }
}

static void health(struct text *out, const struct table_health *h,
                   const struct program_setting *given, const struct program_setting *sni)
{
    if (h->kind == HEALTH_NONE)
        return;
    static const char *const KIND[] = {
        [HEALTH_HTTP] = "http", [HEALTH_TCP] = "tcp", [HEALTH_TLS] = "tls", [HEALTH_GRPC] = "grpc"};
    text_addf(out, "  health %s", KIND[h->kind]);
    if (h->kind == HEALTH_HTTP) {
        text_addf(out, " " SLICE_FMT " ", SLICE_ARG(h->method));
        unparse_string(out, h->path);
    }
    text_adds(out, " { ");
    duration(out, "every", h->every_ns);
    duration(out, "  timeout", h->timeout_ns);
    text_addf(out, "  rise %u  fall %u", h->rise, h->fall);
    if (h->host.len > 0)
        string_of(out, "host", h->host);
    if (h->kind == HEALTH_HTTP)
        text_addf(out, "  expect status %u..%u", h->status_first, h->status_last);
    if (sni)
        string_of(out, "sni", sni->value[0].text);
    if (h->service.len > 0)
        string_of(out, "service", h->service);
    for (uint32_t i = 0; i < h->n_headers; i++) {
        string_of(out, "header", h->header[i].name);
        text_addc(out, ' ');
        unparse_string(out, h->header[i].value);
    }
    if (h->n_steps > 0)
        steps(out, given);
    if (h->port)
        text_addf(out, "  port %u", h->port);
    if (h->keep_alive)
        text_adds(out, "  keep-alive");
    if (h->assume_up)
        text_adds(out, "  assume up");
    text_adds(out, " }\n");
}

static void server(struct text *out, const struct program_server *s, bool weighted)
{
    char endpoint[ENDPOINT_TEXT_MAX];
    endpoint_format(&s->endpoint, endpoint);
    text_addf(out, "  server " SLICE_FMT " %s", SLICE_ARG(s->name), endpoint);
    if (weighted || s->weight != 1)
        text_addf(out, " weight %u", s->weight);
    if (s->max_connections > 0)
        text_addf(out, " max-connections %u", s->max_connections);
    if (s->priority > 0)
        text_addf(out, " priority %u", s->priority);
    text_adds(out, s->backup ? " backup" : "");
    if (s->slow_start_ns) {
        text_adds(out, " slow-start ");
        duration_write((uint64_t)s->slow_start_ns, out);
    }
    if (s->state != STATE_READY)
        text_addf(out, " state %s", table_state_name(s->state));
    text_addc(out, '\n');
}

static const struct program_setting *given(const struct program_settings *list, enum setting_id id)
{
    for (uint32_t i = 0; i < list->n; i++)
        if (list->at[i].id == id)
            return &list->at[i];
    return NULL;
}

static const struct program_setting *own(const struct program_setting *of, enum setting_id id)
{
    for (uint32_t i = 0; i < of->n_own; i++)
        if (of->own[i].id == id)
            return &of->own[i];
    return NULL;
}

/* Does it say more than the table has room for? */
static bool says_more(const struct program_setting *a)
{
    bool more = false;
    for (uint32_t i = 0; i < a->n_own; i++)
        more |= !setting_info(a->own[i].id)->served;
    return more;
}

static bool in_cluster(enum setting_id id)
{
    return id == SETTING_CLUSTER_BALANCE || id == SETTING_CLUSTER_SERVER ||
           id == SETTING_CLUSTER_HEALTH || id == SETTING_CLUSTER_TIMEOUT;
}

static bool in_listener(enum setting_id id)
{
    return id == SETTING_LISTENER_BIND || id == SETTING_LISTENER_ROUTE ||
           id == SETTING_LISTENER_TIMEOUT || id == SETTING_LISTENER_MAX_CONNECTIONS ||
           id == SETTING_LISTENER_MAX_STREAMS || id == SETTING_LISTENER_MAX_GLITCHES ||
           id == SETTING_LISTENER_MIN_RATE || id == SETTING_LISTENER_OVERLOAD ||
           id == SETTING_LISTENER_MAX_HEADER_SIZE;
}

/* The servers with all that was said of them. */
static void servers(struct text *out, const struct program_cluster *c)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < c->settings.n; i++) {
        const struct program_setting *a = &c->settings.at[i];
        if (a->id != SETTING_CLUSTER_SERVER)
            continue;
        if (says_more(a))
            unparse_setting(out, a);
        else
            server(out, &c->server[n], c->balance != BALANCE_ROUND_ROBIN);
        n++;
    }
}

static void cluster(struct text *out, const struct program_cluster *c)
{
    const struct program_setting *balance = given(&c->settings, SETTING_CLUSTER_BALANCE);
    const struct program_setting *probe = given(&c->settings, SETTING_CLUSTER_HEALTH);
    text_addf(out, "\ncluster " SLICE_FMT " {\n", SLICE_ARG(c->name));
    if (balance && (balance->n_values > 1 || balance->n_own > 0))
        unparse_setting(out, balance);
    else
        text_addf(out, "  balance %s\n", table_balance_name(c->balance));
    servers(out, c);
    health(out, &c->health, probe, probe ? own(probe, SETTING_HEALTH_SNI) : NULL);
    unparse_rest(out, &c->settings, in_cluster);
    timeouts(out, c->timeout_ns);
    text_adds(out, "}\n");
}

static void named(struct text *out, const char *verb, const struct action *a, bool value,
                  bool responding)
{
    text_addf(out, "%s ", verb);
    unparse_string(out, a->name);
    if (!value)
        return;
    text_addc(out, ' ');
    unparse_template(out, &a->value, responding);
}

static void deny(struct text *out, const struct action *a)
{
    text_addf(out, "deny %u", a->status);
    if (a->body.len == 0)
        return;
    text_adds(out, " with ");
    unparse_string(out, a->body);
}

static void respond(struct text *out, const struct action *a)
{
    text_addf(out, "respond %u ", a->status);
    unparse_string(out, a->type);
    text_addc(out, ' ');
    unparse_string(out, a->body);
}

static void split(struct text *out, const struct program *p, const struct action *a)
{
    text_adds(out, "split ");
    if (a->field != FIELD_COUNT) {
        text_adds(out, "by ");
        unparse_field(out, a->field, a->key, false);
        text_addc(out, ' ');
    }
    text_adds(out, "{ ");
    for (uint32_t i = 0; i < a->n_choices; i++)
        text_addf(out, "%s%u%% -> " SLICE_FMT, i ? "; " : "", a->choice[i].percent,
                  SLICE_ARG(p->cluster[a->choice[i].cluster].name));
    text_adds(out, " }");
}

static void forward_map(struct text *out, const struct program *p, const struct action *a)
{
    text_addf(out, "forward map(" SLICE_FMT ", ", SLICE_ARG(a->map->name));
    unparse_field(out, a->field, a->key, false);
    text_addf(out, ") else " SLICE_FMT, SLICE_ARG(p->cluster[a->cluster].name));
}

static void replace_path(struct text *out, const struct action *a, bool responding)
{
    text_addf(out, "replace path /" SLICE_FMT "/" SLICE_FMT " ", SLICE_ARG(a->pattern),
              SLICE_ARG(a->flags));
    unparse_template(out, &a->value, responding);
}

static void mirror(struct text *out, const struct program *p, const struct action *a)
{
    text_addf(out, "mirror " SLICE_FMT, SLICE_ARG(p->cluster[a->cluster].name));
    if (a->number != 100)
        text_addf(out, " %llu%%", (unsigned long long)a->number);
}

void unparse_action(struct text *out, const struct program *p, const struct action *a,
                    bool responding)
{
    switch (a->kind) {
    case ACTION_SET_HEADER: named(out, "set header", a, true, responding); return;
    case ACTION_ADD_HEADER: named(out, "add header", a, true, responding); return;
    case ACTION_REMOVE_HEADER: named(out, "remove header", a, false, responding); return;
    case ACTION_SET_RESPONSE_HEADER: named(out, "set response header", a, true, responding); return;
    case ACTION_ADD_RESPONSE_HEADER: named(out, "add response header", a, true, responding); return;
    case ACTION_REMOVE_RESPONSE_HEADER:
        named(out, "remove response header", a, false, responding);
        return;
    case ACTION_REWRITE_PATH:
        text_adds(out, "rewrite path ");
        unparse_template(out, &a->value, responding);
        return;
    case ACTION_REPLACE_PREFIX: named(out, "replace prefix", a, true, responding); return;
    case ACTION_REPLACE_PATH: replace_path(out, a, responding); return;
    case ACTION_SET_QUERY: named(out, "set query", a, true, responding); return;
    case ACTION_REMOVE_QUERY: named(out, "remove query", a, false, responding); return;
    case ACTION_TAG: named(out, "tag", a, false, responding); return;
    case ACTION_TIMEOUT_READ: duration(out, "timeout read", (int64_t)a->number); return;
    case ACTION_RETRY: text_addf(out, "retry %llu", (unsigned long long)a->number); return;
    case ACTION_MIRROR: mirror(out, p, a); return;
    case ACTION_LIMIT: text_addf(out, "limit " SLICE_FMT, SLICE_ARG(a->name)); return;
    case ACTION_REQUIRE_AUTH: text_addf(out, "require auth " SLICE_FMT, SLICE_ARG(a->name)); return;
    case ACTION_REQUIRE_BASIC:
        text_addf(out, "require basic " SLICE_FMT, SLICE_ARG(a->name));
        return;
    case ACTION_REQUIRE_JWT: text_addf(out, "require jwt " SLICE_FMT, SLICE_ARG(a->name)); return;
    case ACTION_COMPRESS: text_adds(out, "compress"); return;
    case ACTION_CACHE: duration(out, "cache", (int64_t)a->number); return;
    case ACTION_CORS: text_addf(out, "cors " SLICE_FMT, SLICE_ARG(a->name)); return;
    case ACTION_CONTINUE: text_adds(out, "continue"); return;
    case ACTION_FORWARD:
        text_addf(out, "forward " SLICE_FMT, SLICE_ARG(p->cluster[a->cluster].name));
        return;
    case ACTION_DENY: deny(out, a); return;
    case ACTION_RESPOND: respond(out, a); return;
    case ACTION_REDIRECT:
        text_addf(out, "redirect %u ", a->status);
        unparse_template(out, &a->value, responding);
        return;
    case ACTION_SPLIT: split(out, p, a); return;
    case ACTION_FORWARD_MAP: forward_map(out, p, a); return;
    case ACTION_DROP: text_adds(out, "drop"); return;
    case ACTION_TARPIT: duration(out, "tarpit", (int64_t)a->number); return;
    case ACTION_GOTO: text_addf(out, "goto " SLICE_FMT, SLICE_ARG(p->route[a->route].name)); return;
    }
}

static void clause(struct text *out, const struct program *p, const struct clause *c,
                   bool responding)
{
    text_adds(out, c->otherwise ? "  otherwise" : "  when ");
    unparse_condition(out, c->when, responding);
    text_adds(out, " { ");
    bool first = true;
    for (uint32_t i = 0; i < c->n_actions; i++) {
        if (c->action[i].implied)
            continue;
        text_adds(out, first ? "" : "; ");
        first = false;
        unparse_action(out, p, &c->action[i], responding);
    }
    text_adds(out, " }\n");
}

/* `on connect`, `on response`; in the latter, headers are the response's unless they say otherwise.
 */
static void block(struct text *out, const struct program *p, const char *when,
                  const struct route *r)
{
    if (r->n_clauses == 0)
        return;
    text_addf(out, "  %s {\n", when);
    for (uint32_t i = 0; i < r->n_clauses; i++) {
        text_adds(out, "  ");
        clause(out, p, &r->clause[i], r->phase == PHASE_RESPONSE);
    }
    text_adds(out, "  }\n");
}

static void listener(struct text *out, const struct program *p, const struct program_listener *l)
{
    text_addf(out, "\nlistener " SLICE_FMT " {\n", SLICE_ARG(l->name));
    for (uint32_t i = 0; i < l->settings.n; i++)
        if (l->settings.at[i].id == SETTING_LISTENER_BIND)
            unparse_setting(out, &l->settings.at[i]);
    unparse_rest(out, &l->settings, in_listener);
    timeouts(out, l->timeout_ns);
    text_addf(out, "  max-connections %u\n  max-streams %u\n  max-glitches %u\n",
              l->max_connections, l->max_streams, l->max_glitches);
    text_addf(out, "  overload %u%% %u%%\n", l->overload_saves, l->overload_refuses);
    text_addf(out, "  max-header-size %uB\n  min-rate ", l->max_head_bytes);
    char rate[16];
    snprintf(rate, sizeof(rate), "%uB", l->min_rate);
    duration(out, rate, l->min_rate_ns);
    text_addc(out, '\n');
    text_addf(out, "  route " SLICE_FMT "\n", SLICE_ARG(p->route[l->route].name));
    block(out, p, "on connect", &l->on_connect);
    block(out, p, "on response", &l->on_response);
    text_adds(out, "}\n");
}

static void route(struct text *out, const struct program *p, const struct route *r)
{
    text_addf(out, "\nroute " SLICE_FMT " {\n", SLICE_ARG(r->name));
    for (uint32_t i = 0; i < r->n_clauses; i++)
        clause(out, p, &r->clause[i], r->phase == PHASE_RESPONSE);
    text_adds(out, "}\n");
}

void unparse(const struct program *p, struct text *out)
{
    text_adds(out, "lbconf 1\n\n");
    unparse_definitions(out, p);
    unparse_objects(out, p);
    for (uint32_t i = 0; i < p->n_clusters; i++)
        cluster(out, &p->cluster[i]);
    for (uint32_t i = 0; i < p->n_listeners; i++)
        listener(out, p, &p->listener[i]);
    for (uint32_t i = 0; i < p->n_routes; i++)
        route(out, p, &p->route[i]);
    unparse_tests(out, p);
}

void unparse_cluster(const struct program *p, uint32_t i, struct text *out)
{
    ASSERT(i < p->n_clusters);
    cluster(out, &p->cluster[i]);
}

void unparse_listener(const struct program *p, uint32_t i, struct text *out)
{
    ASSERT(i < p->n_listeners);
    listener(out, p, &p->listener[i]);
}

void unparse_when(const struct cond *c, struct text *out)
{
    unparse_condition(out, c, false);
}

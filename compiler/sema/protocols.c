/* What fits which protocol: once all is known, each listener is followed through its routes. */
#include "compiler/sema/settings_read.h"

/* Known of a connection, or of nothing but the moment. */
static bool is_of_connections(enum table_field f)
{
    return table_field_phase(f) == PHASE_CONNECT || f == FIELD_TLS || f == FIELD_TLS_SNI ||
           f == FIELD_PROTO || f == FIELD_RANDOM || f == FIELD_CLUSTER_UP || f == FIELD_COUNT;
}

struct follow {
    struct sema *s;
    const struct program *p;
    struct program_listener *listener;
    bool *seen; /* routes */
    bool ok;
};

/* One mistake a route is enough: the listener is to be another, or the route. */
static void say(struct follow *f, struct span where, const char *what)
{
    if (f->ok) {
        diag(f->s->diags, DIAG_NOT_OF_TCP, where, SLICE_ARG(f->listener->name), what);
        diag_also(f->s->diags, f->listener->span, "`protocol tcp` is said here");
    }
    f->ok = false;
}

static void asked(struct follow *f, enum table_field field, struct span where)
{
    f->listener->peeks |= f->listener->tcp && (field == FIELD_TLS || field == FIELD_TLS_SNI);
    if (!f->listener->tcp || is_of_connections(field))
        return;
    say(f, where, "this is known of a request only");
    if (table_field_phase(field) == PHASE_REQUEST)
        diag_note(f->s->diags, "of a connection there are src, src.port, dst, dst.port, listener, "
                               "tls, tls.sni, random and cluster.NAME.up");
}

static void condition_of(struct follow *f, const struct cond *c)
{
    switch (c->kind) {
    case COND_TRUE: return;
    case COND_ATOM: asked(f, c->field, c->span); return;
    case COND_AND:
    case COND_OR: condition_of(f, c->right); break;
    case COND_NOT:
    case COND_ACL: break;
    }
    condition_of(f, c->left);
}

static bool is_for_connections(enum action_kind kind)
{
    switch (kind) {
    case ACTION_TAG:
    case ACTION_CONTINUE:
    case ACTION_FORWARD:
    case ACTION_SPLIT:
    case ACTION_FORWARD_MAP:
    case ACTION_DROP:
    case ACTION_TARPIT:
    case ACTION_LIMIT: /* one that counts bytes */
    case ACTION_GOTO: return true;
    case ACTION_SET_HEADER:
    case ACTION_ADD_HEADER:
    case ACTION_REMOVE_HEADER:
    case ACTION_SET_RESPONSE_HEADER:
    case ACTION_ADD_RESPONSE_HEADER:
    case ACTION_REMOVE_RESPONSE_HEADER:
    case ACTION_REWRITE_PATH:
    case ACTION_REPLACE_PREFIX:
    case ACTION_REPLACE_PATH:
    case ACTION_SET_QUERY:
    case ACTION_REMOVE_QUERY:
    case ACTION_TIMEOUT_READ:
    case ACTION_RETRY:
    case ACTION_MIRROR:
    case ACTION_REQUIRE_AUTH:
    case ACTION_REQUIRE_BASIC:
    case ACTION_REQUIRE_JWT:
    case ACTION_COMPRESS:
    case ACTION_CACHE:
    case ACTION_CORS:
    case ACTION_DENY:
    case ACTION_RESPOND:
    case ACTION_REDIRECT: return false;
    }
    ASSERT(!"every case above returns");
    return false;
}

/* Of a connection bytes can be counted, by what is known of it. */
static void limited(struct follow *f, struct slice name, struct span where)
{
    const struct program_object *limit = f->listener->tcp ? limit_named(f->p, name) : NULL;
    if (!limit)
        return;
    const struct program_setting *key = setting_given(&limit->settings, SETTING_LIMIT_KEY);
    if (!limit_of_bytes(&limit->settings)) {
        say(f, where, "this limit counts requests");
        return;
    }
    for (uint32_t i = 0; key && !key->wrong && i < key->n_values; i++)
        if (key->value[i].field != FIELD_CLUSTER)
            asked(f, key->value[i].field, key->value[i].span);
}

static void limited_by(struct follow *f, const struct program_settings *given, enum setting_id id,
                       struct span where)
{
    for (uint32_t i = 0; i < given->n; i++)
        if (given->at[i].id == id && !given->at[i].wrong)
            limited(f, given->at[i].value[0].text, where.to > 0 ? where : given->at[i].span);
}

static void reaches(struct follow *f, uint32_t cluster, struct span where)
{
    const struct program_cluster *c = &f->p->cluster[cluster];
    f->listener->reach[cluster] = true;
    limited_by(f, &c->settings, SETTING_CLUSTER_LIMIT, where);
    if (f->listener->tcp || !c->tcp || !f->ok)
        return;
    diag(f->s->diags, DIAG_TCP_CLUSTER, where, SLICE_ARG(f->listener->name), SLICE_ARG(c->name));
    diag_also(f->s->diags, c->span, "`protocol tcp` is said here");
    f->ok = false;
}

static void targets(struct follow *f, const struct action *a)
{
    for (uint32_t i = 0; a->kind == ACTION_SPLIT && i < a->n_choices; i++)
        reaches(f, a->choice[i].cluster, a->span);
    for (uint32_t i = 0; a->kind == ACTION_FORWARD_MAP && i < a->map->n; i++)
        reaches(f, a->map->cluster[i], a->span);
    if (a->kind == ACTION_FORWARD || a->kind == ACTION_FORWARD_MAP || a->kind == ACTION_MIRROR ||
        a->kind == ACTION_REQUIRE_AUTH)
        reaches(f, a->cluster, a->span);
}

static void route_of(struct follow *f, uint32_t route);

static void action_of(struct follow *f, const struct action *a)
{
    if (f->listener->tcp && !is_for_connections(a->kind)) {
        say(f, a->span, "this can be done with requests only");
        return;
    }
    targets(f, a);
    if (a->kind == ACTION_LIMIT)
        limited(f, a->name, a->span);
    if (a->kind == ACTION_SPLIT || a->kind == ACTION_FORWARD_MAP)
        asked(f, a->field, a->span);
    if (a->kind == ACTION_GOTO)
        route_of(f, a->route);
}

/* As deep as gotos lead, of which gotos_check() knows that they end. */
static void route_of(struct follow *f, uint32_t route)
{
    if (f->seen[route])
        return;
    f->seen[route] = true;
    const struct route *r = &f->p->route[route];
    for (uint32_t i = 0; i < r->n_clauses; i++) {
        condition_of(f, r->clause[i].when);
        for (uint32_t k = 0; k < r->clause[i].n_actions; k++)
            action_of(f, &r->clause[i].action[k]);
    }
}

/* Settings that a connection has no use for. */
static void settings_of(struct follow *f)
{
    static const enum setting_id OF_REQUESTS[] = {SETTING_LISTENER_PATH,
                                                  SETTING_LISTENER_COMPRESS,
                                                  SETTING_LISTENER_CLIENT_HEADER,
                                                  SETTING_LISTENER_MAX_STREAMS,
                                                  SETTING_LISTENER_MAX_GLITCHES,
                                                  SETTING_LISTENER_MIN_RATE,
                                                  SETTING_LISTENER_MAX_HEADER_SIZE,
                                                  SETTING_LISTENER_MAX_BODY_SIZE,
                                                  SETTING_LISTENER_MAX_REQUESTS};
    if (f->listener->on_response.n_clauses > 0)
        say(f, f->listener->on_response.span, "there will be no response to do this with");
    for (size_t i = 0; i < COUNT_OF(OF_REQUESTS); i++) {
        const struct program_setting *a = setting_given(&f->listener->settings, OF_REQUESTS[i]);
        if (a)
            say(f, a->span, "this has an effect on requests only");
    }
    limited_by(f, &f->listener->settings, SETTING_LISTENER_LIMIT, (struct span){0});
}

/* By what does a limit count that a connection does not have yet? NULL: it has all. */
static const struct program_value *key_too_late(const struct program_object *limit)
{
    const struct program_setting *key = setting_given(&limit->settings, SETTING_LIMIT_KEY);
    for (uint32_t i = 0; key && !key->wrong && i < key->n_values; i++)
        if (table_field_phase(key->value[i].field) != PHASE_CONNECT)
            return &key->value[i];
    return NULL;
}

/* Limits may be defined behind the listeners that name them, so this waits until all is read. */
static bool limits_of_connections(struct sema *s, const struct program *p, const struct route *r)
{
    bool ok = true;
    for (uint32_t i = 0; i < r->n_clauses; i++) {
        const struct clause *c = &r->clause[i];
        for (uint32_t k = 0; k < c->n_actions; k++) {
            const struct action *a = &c->action[k];
            const struct program_object *limit =
                a->kind == ACTION_LIMIT ? limit_named(p, a->name) : NULL;
            const struct program_value *late = limit ? key_too_late(limit) : NULL;
            ok &= !limit ||
                  limit_named_of_requests(s, p, a->name, a->span, "here connections are counted");
            if (!late)
                continue;
            diag(s->diags, DIAG_NOT_KNOWN_YET, a->span, "a connection",
                 table_field_name(late->field));
            diag_also(s->diags, late->span, "this limit counts by it");
            ok = false;
        }
    }
    return ok;
}

bool protocols_check(struct sema *s, struct program *p)
{
    bool ok = true;
    for (uint32_t i = 0; i < p->n_listeners; i++) {
        struct program_listener *l = &p->listener[i];
        struct follow f = {.s = s, .p = p, .listener = l, .ok = true};
        f.seen = MUST_ARRAY(bool, p->n_routes);
        l->reach = ARENA_ARRAY(s->arena, bool, p->n_clusters);
        if (l->tcp)
            settings_of(&f);
        route_of(&f, l->route);
        free(f.seen);
        ok &= f.ok & limits_of_connections(s, p, &l->on_connect);
    }
    return ok;
}

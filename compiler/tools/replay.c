#include "compiler/tools/replay_priv.h"

#include "compiler/table/eval.h"
#include "runtime/base/hash.h"
#include "runtime/base/uri.h"

/* What the log has of a request's headers: of the Combined format two, else none. */
static bool header_of(const void *request, struct slice name, uint32_t *cursor, struct slice *value)
{
    const struct replay *cr = request;
    struct replay *r = (struct replay *)(uintptr_t)cr; /* it notes that it was asked */
    const bool referer = slice_eq(name, SLICE("referer"));
    if (!r->line.has_headers || (!referer && !slice_eq(name, SLICE("user-agent")))) {
        r->header_asked = true;
        return false;
    }
    *value = referer ? r->line.referer : r->line.agent;
    return value->at && (*cursor)++ == 0;
}

struct replay *replay_new(const struct replay_options *options)
{
    struct replay *r = MUST_NEW(struct replay);
    r->options = *options;
    r->by_clause = MUST_ARRAY(uint64_t, options->table->n_clauses);
    r->verdict = MUST_NEW(struct verdict);
    r->verdict_old = MUST_NEW(struct verdict);
    r->slots = 64;
    r->slot = MUST_ARRAY(uint32_t, r->slots);
    const char *problem = request_parse(&r->request, SLICE("GET /"), 0, &r->arena);
    ASSERT(!problem);
    r->request.facts.header = header_of;
    r->request.facts.request = r;
    return r;
}

void replay_free(struct replay *r)
{
    if (!r)
        return;
    free(r->by_clause);
    free(r->verdict);
    free(r->verdict_old);
    free(r->slot);
    free(r->scratch);
    free(r->path);
    text_done(&r->key);
    VEC_DONE(&r->group);
    arena_free(&r->arena);
    free(r);
}

bool replay_differs(const struct replay *r)
{
    return r->count.differ > 0;
}

/* --- from the line to the facts -----------------------------------------------------------------
 */

static void make_room(struct replay *r, size_t bytes)
{
    if (bytes <= r->room)
        return;
    r->room = bytes * 2;
    free(r->scratch);
    free(r->path);
    r->scratch = MUST_ARRAY(char, r->room);
    r->path = MUST_ARRAY(char, r->room);
}

static bool set_host(struct replay *r, struct slice authority)
{
    struct facts *f = &r->request.facts;
    size_t len;
    uint16_t port;
    f->host = SLICE("");
    if (authority.len > URI_HOST_BYTES_MAX + 6 ||
        uri_normalise_host(authority, true, r->host, &len, &port) != URI_OK)
        return false;
    f->host = (struct slice){r->host, len};
    return true;
}

static bool set_path(struct replay *r, struct slice path, struct slice query)
{
    struct facts *f = &r->request.facts;
    size_t len;
    if (uri_normalise_path(path, f->path_rules, r->path, &len) != URI_OK ||
        uri_check_query(query) != URI_OK)
        return false;
    f->path = f->uri = (struct slice){r->path, len};
    f->query = SLICE_NONE;
    if (!query.at)
        return true;
    r->path[len] = '?';
    memcpy(r->path + len + 1, query.at, query.len);
    f->query = (struct slice){r->path + len + 1, query.len};
    f->uri.len += query.len + 1;
    return true;
}

/* As it comes by the listener. False when it is refused with 400 there, before any decision. */
static bool set_facts(struct replay *r, const struct table_listener *by)
{
    struct facts *f = &r->request.facts;
    f->listener = by->name;
    f->path_rules = by->path_rules;
    const struct logline *l = &r->line;
    const struct slice host = l->host.len > 0 ? l->host : r->options.host;
    struct uri_target t;
    f->src = l->client;
    f->method = l->method;
    f->scheme = l->scheme.len > 0           ? l->scheme
                : r->options.scheme.len > 0 ? r->options.scheme
                                            : SLICE("http");
    if (slice_eq(l->target, SLICE("*"))) {
        f->path = f->uri = l->target;
        f->query = SLICE_NONE;
        return set_host(r, host);
    }
    if (uri_split_target(l->target, &t) != URI_OK)
        return false;
    return set_host(r, t.authority.len > 0 ? t.authority : host) && set_path(r, t.path, t.query);
}

static const struct table_listener *find_listener(const struct table *t, struct slice name)
{
    for (uint32_t i = 0; i < t->n_listeners; i++)
        if (name.len == 0 || slice_eq(t->listener[i].name, name))
            return &t->listener[i];
    return NULL;
}

/* --- was it decided alike? ----------------------------------------------------------------------
 */

enum likeness { ALIKE, OTHER_CLAUSE, DIFFERS, UNKNOWN };

static bool is_refused(const struct verdict *v)
{
    return v->overflow || v->bad_target;
}

/* May it have been this cluster? Chance falls out otherwise another time. */
static bool may_come_to(const struct replay *r, const struct table_end *e, struct slice cluster)
{
    const struct table *t = r->options.table;
    if (slice_eq(t->cluster[r->verdict->cluster].name, cluster))
        return true;
    for (uint32_t i = 0; e->kind == END_SPLIT && e->field == FIELD_COUNT && i < e->n_choices; i++)
        if (slice_eq(t->cluster[e->choice[i].cluster].name, cluster))
            return true;
    return false;
}

static enum likeness same_as_logged(const struct replay *r)
{
    const struct table *t = r->options.table;
    const struct logline *l = &r->line;
    const struct table_end *e = &t->end[r->verdict->end];
    const bool forwards = explain_is_forwarded(e->kind);
    const bool logged = l->cluster.len > 0 || l->answered || (l->clause.len == 0 && l->status > 0);
    if (is_refused(r->verdict))
        return l->status == (r->verdict->overflow ? 431 : 400) ? ALIKE : DIFFERS;
    if (!logged || (l->cluster.len == 0 && !l->answered && forwards))
        return UNKNOWN; /* it ended before, or all we have is a status that a server may have sent
                         */
    if (l->cluster.len > 0)
        return forwards && may_come_to(r, e, l->cluster) ? ALIKE : DIFFERS;
    return !forwards && e->status == l->status ? ALIKE : DIFFERS;
}

static bool same_clause_as_logged(const struct replay *r)
{
    const struct table *t = r->options.table;
    const struct table_clause *c = &t->clause[r->verdict->clause];
    const struct slice route = t->route[c->route].name;
    char number[16];
    const int len = snprintf(number, sizeof(number), ":%u", c->number);
    const struct slice behind = {number, (size_t)len};
    return r->line.clause.len == 0 ||
           (r->line.clause.len == route.len + behind.len && slice_starts(r->line.clause, route) &&
            slice_ends(r->line.clause, behind));
}

static bool same_text(const struct table *a, const struct table_template *of_a,
                      const struct table *b, const struct table_template *of_b,
                      const struct replay *r)
{
    enum { ROOM = 4096 };
    char x[ROOM], y[ROOM];
    const size_t m = eval_template(a, of_a, &r->request.facts, r->verdict, x, ROOM);
    const size_t n = eval_template(b, of_b, &r->request.facts, r->verdict_old, y, ROOM);
    return m == n && memcmp(x, y, m < ROOM ? m : ROOM) == 0;
}

/* Splits by chance are alike when each cluster has the same share; others go by the request. */
static bool same_choices(const struct table *t, const struct table_end *e, const struct table *o,
                         const struct table_end *f)
{
    const bool chance = e->kind == END_SPLIT && e->field == FIELD_COUNT;
    if (chance != (f->kind == END_SPLIT && f->field == FIELD_COUNT))
        return false;
    if (chance && e->n_choices != f->n_choices)
        return false;
    for (uint32_t i = 0; chance && i < e->n_choices; i++)
        if (e->choice[i].below != f->choice[i].below ||
            !slice_eq(t->cluster[e->choice[i].cluster].name, o->cluster[f->choice[i].cluster].name))
            return false;
    return true;
}

static bool same_end(const struct replay *r)
{
    const struct table *t = r->options.table, *o = r->options.against;
    const struct table_end *e = &t->end[r->verdict->end], *f = &o->end[r->verdict_old->end];
    if (explain_is_forwarded(e->kind) != explain_is_forwarded(f->kind))
        return false;
    if (explain_is_forwarded(e->kind))
        return same_choices(t, e, o, f) && slice_eq(t->cluster[r->verdict->cluster].name,
                                                    o->cluster[r->verdict_old->cluster].name);
    if (e->kind != f->kind || e->status != f->status || !slice_eq(e->body, f->body) ||
        !slice_eq(e->type, f->type))
        return false;
    return e->kind != END_REDIRECT || same_text(t, &e->location, o, &f->location, r);
}

static bool same_changes(const struct replay *r)
{
    const struct verdict *v = r->verdict, *w = r->verdict_old;
    if (v->n_effects != w->n_effects)
        return false;
    for (uint32_t i = 0; i < v->n_effects; i++) {
        const struct table_effect *a = &r->options.table->effect[v->effect[i]];
        const struct table_effect *b = &r->options.against->effect[w->effect[i]];
        if (a->kind != b->kind || !slice_eq(a->name, b->name) || a->number != b->number ||
            !slice_eq(v->value[i], w->value[i]))
            return false;
    }
    return v->rewritten == w->rewritten && (!v->rewritten || slice_eq(v->uri, w->uri));
}

static enum likeness same_as_against(const struct replay *r)
{
    const struct verdict *v = r->verdict, *w = r->verdict_old;
    if (is_refused(v) || is_refused(w))
        return v->overflow == w->overflow && v->bad_target == w->bad_target ? ALIKE : DIFFERS;
    return same_end(r) && same_changes(r) ? ALIKE : DIFFERS;
}

static bool same_clause_as_against(const struct replay *r)
{
    const struct table_clause *a = &r->options.table->clause[r->verdict->clause];
    const struct table_clause *b = &r->options.against->clause[r->verdict_old->clause];
    return a->number == b->number && slice_eq(r->options.table->route[a->route].name,
                                              r->options.against->route[b->route].name);
}

static enum likeness likeness(const struct replay *r)
{
    const bool against = r->options.against != NULL;
    const enum likeness same = against ? same_as_against(r) : same_as_logged(r);
    if (same != ALIKE || is_refused(r->verdict))
        return same;
    const bool clause = against ? same_clause_as_against(r) : same_clause_as_logged(r);
    return clause ? ALIKE : OTHER_CLAUSE;
}

/* --- what is told of those that were not ---------------------------------------------------------
 */

static void write_decision(const struct table *t, const struct verdict *v, struct text *out)
{
    if (is_refused(v)) {
        text_adds(out, v->overflow ? "refused with 431" : "refused with 400");
        return;
    }
    const struct table_end *e = &t->end[v->end];
    const struct table_clause *c = &t->clause[v->clause];
    if (explain_is_forwarded(e->kind))
        text_addf(out, "forward " SLICE_FMT, SLICE_ARG(t->cluster[v->cluster].name));
    else if (explain_is_answered(e->kind))
        text_addf(out, "%s %u", table_end_name(e->kind), e->status);
    else
        text_adds(out, table_end_name(e->kind));
    text_addf(out, " (" SLICE_FMT ":%u)", SLICE_ARG(t->route[c->route].name), c->number);
}

static void write_old(const struct replay *r, struct text *out)
{
    const struct logline *l = &r->line;
    if (r->options.against) {
        write_decision(r->options.against, r->verdict_old, out);
        return;
    }
    if (l->cluster.len > 0)
        text_addf(out, "forward " SLICE_FMT, SLICE_ARG(l->cluster));
    else
        text_addf(out, "%s %u", l->answered ? "answer" : "status", l->status);
    if (l->clause.len > 0)
        text_addf(out, " (" SLICE_FMT ")", SLICE_ARG(l->clause));
}

struct lack {
    const struct replay *replay;
    const struct table *table;
    struct text *out;
};

/* Everything else that conditions may ask for has no place in a log line. */
static bool is_logged(const struct replay *r, const struct table_atom *a)
{
    static const char *const known[] = {"src", "method", "scheme", "host", "path", "uri", "query"};
    const char *field = table_field_name(a->field);
    for (size_t i = 0; i < COUNT_OF(known); i++)
        if (strcmp(field, known[i]) == 0)
            return true;
    if (strcmp(field, "listener") == 0)
        return r->line.listener.len > 0;
    return r->line.has_headers && strcmp(field, "header") == 0 &&
           (slice_eq(a->key, SLICE("referer")) || slice_eq(a->key, SLICE("user-agent")));
}

static void seen(void *to, struct eval_step step)
{
    struct lack *l = to;
    const struct table_node *node = &l->table->node[step.node];
    if (l->out->len > 0 || node->kind != NODE_TEST)
        return;
    const struct table_atom *a = &l->table->atom[node->what];
    if (is_logged(l->replay, a))
        return;
    text_adds(l->out, table_field_name(a->field));
    if (table_field_is_keyed(a->field))
        text_addf(l->out, " \"" SLICE_FMT "\"", SLICE_ARG(a->key));
}

/* What the decision went by, and the log does not have; nothing where it has everything. */
static void write_lack(struct replay *r, uint32_t route, uint32_t route_old, struct text *out)
{
    struct lack l = {r, r->options.table, out};
    const struct eval_trace trace = {.seen = seen, .to = &l};
    const uint32_t end = r->verdict->end, clause = r->verdict->clause;
    eval(l.table, route, &r->request.facts, r->verdict, &trace);
    ASSERT(is_refused(r->verdict) || (r->verdict->end == end && r->verdict->clause == clause));
    if (!r->options.against)
        return;
    l.table = r->options.against;
    eval(l.table, route_old, &r->request.facts, r->verdict_old, &trace);
}

static struct slice example(struct replay *r)
{
    const struct facts *f = &r->request.facts;
    char from[ADDRESS_TEXT_MAX];
    address_format(&f->src, from);
    const bool host = f->host.len > 0;
    return arena_format(
        &r->arena,
        "'" SLICE_FMT " " SLICE_FMT "%s" SLICE_FMT SLICE_FMT "' --from %s --listener " SLICE_FMT,
        SLICE_ARG(f->method), SLICE_ARG(host ? f->scheme : SLICE("")), host ? "://" : "",
        SLICE_ARG(f->host), SLICE_ARG(f->uri), from, SLICE_ARG(f->listener));
}

static void grow(struct replay *r)
{
    free(r->slot);
    r->slots *= 2;
    r->slot = MUST_ARRAY(uint32_t, r->slots);
    for (uint32_t i = 0; i < r->group.n; i++) {
        const struct replay_group *g = &r->group.at[i];
        const size_t len = (size_t)(g->lacks.at + g->lacks.len - g->old.at);
        uint32_t at = (uint32_t)hash_bytes(g->old.at, len, 0) & (r->slots - 1);
        while (r->slot[at])
            at = (at + 1) & (r->slots - 1);
        r->slot[at] = i + 1;
    }
}

/* The three texts lie one behind the other, with a NUL between them: the key. */
static struct replay_group *find_group(struct replay *r, size_t old, size_t new)
{
    const struct slice key = text_slice(&r->key);
    uint32_t at = (uint32_t)hash_slice(key, 0) & (r->slots - 1);
    for (; r->slot[at]; at = (at + 1) & (r->slots - 1)) {
        struct replay_group *g = &r->group.at[r->slot[at] - 1];
        if (slice_eq((struct slice){g->old.at, (size_t)(g->lacks.at + g->lacks.len - g->old.at)},
                     key))
            return g;
    }
    if (r->group.n == REPLAY_GROUPS_MAX)
        return NULL;
    const struct slice copy = arena_copy(&r->arena, key);
    VEC_ADD(&r->group, (struct replay_group){.old = {copy.at, old},
                                             .new = {copy.at + old + 1, new},
                                             .lacks = slice_from(copy, old + new + 2),
                                             .example = example(r),
                                             .line = r->count.lines});
    r->slot[at] = r->group.n;
    if (r->group.n * 2 > r->slots)
        grow(r);
    return &r->group.at[r->group.n - 1];
}

static void note_difference(struct replay *r, uint32_t route, uint32_t route_old)
{
    text_clear(&r->key);
    struct text lack = {0};
    write_lack(r, route, route_old, &lack);
    write_old(r, &r->key);
    const size_t old = r->key.len;
    text_addc(&r->key, '\0');
    write_decision(r->options.table, r->verdict, &r->key);
    const size_t new = r->key.len - old - 1;
    text_addc(&r->key, '\0');
    text_add(&r->key, text_slice(&lack));
    text_done(&lack);
    struct replay_group *g = find_group(r, old, new);
    if (g)
        g->count++;
}

static void decide(struct replay *r)
{
    const struct slice name = r->line.listener.len > 0 ? r->line.listener : r->options.listener;
    const struct table *against = r->options.against;
    const struct table_listener *by = find_listener(r->options.table, name),
                                *by_old = against ? find_listener(against, name) : NULL;
    if (!by || (against && !by_old)) {
        r->count.no_listener++;
        return;
    }
    r->header_asked = false;
    if ((against && !set_facts(r, by_old))) {
        r->count.refused++;
        return;
    }
    if (against)
        eval(against, by_old->route, &r->request.facts, r->verdict_old, NULL);
    if (!set_facts(r, by)) {
        r->count.refused++;
        return;
    }
    eval(r->options.table, by->route, &r->request.facts, r->verdict, NULL);
    if (!is_refused(r->verdict))
        r->by_clause[r->verdict->clause]++;
    r->count.header_asked += r->header_asked;
    switch (likeness(r)) {
    case ALIKE: r->count.alike++; break;
    case OTHER_CLAUSE:
        r->count.alike++;
        r->count.other_clause++;
        break;
    case DIFFERS:
        r->count.differ++;
        note_difference(r, by->route, against ? by_old->route : 0);
        break;
    case UNKNOWN: r->count.unknown++; break;
    }
}

void replay_line(struct replay *r, struct slice line)
{
    r->count.lines++;
    make_room(r, line.len + 1 + r->options.host.len);
    switch (logline_parse(line, r->scratch, &r->line)) {
    case LOGLINE_UNREADABLE: r->count.unreadable++; return;
    case LOGLINE_NOTHING: r->count.no_request++; return;
    case LOGLINE_OWN:
    case LOGLINE_COMMON: break;
    }
    r->count.requests++;
    if (r->line.cut)
        r->count.cut++;
    else
        decide(r);
}

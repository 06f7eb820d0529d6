/* Generations: made current, watched over, freed. */
#include "runtime/base/clock.h"
#include "runtime/control/control_priv.h"
#include "runtime/log/log.h"

static void forget(struct control *c, const struct generation *g)
{
    struct generation **at = &c->newest;
    while (*at != g)
        at = &(*at)->older;
    *at = g->older;
}

/* The last worker let go of it. */
static void retired(struct message *m)
{
    struct generation *g = CONTAINER_OF(m, struct generation, retired);
    CHECK_OBJ(g, GENERATION_MAGIC);
    struct control *c = CONTAINER_OF(g->owner, struct control, box);
    forget(c, g);
    generation_free(g);
}

static int by_place(const void *a, const void *b)
{
    const struct server *const *s = a, *const *t = b;
    return (*s > *t) - (*s < *t);
}

uint32_t control_servers_alone(const struct generation *g, const struct generation *but,
                               uint32_t *out)
{
    struct server **has = MUST_ARRAY(struct server *, but->n_servers + 1);
    uint32_t n = 0;
    memcpy(has, but->server, but->n_servers * sizeof(struct server *));
    qsort(has, but->n_servers, sizeof(struct server *), by_place);
    for (uint32_t i = 0; i < g->n_servers; i++)
        if (!bsearch(&g->server[i], has, but->n_servers, sizeof(struct server *), by_place))
            out[n++] = i;
    free(has);
    return n;
}

struct probing {
    struct server **server;
    const struct table_health **check;
    struct tls_client **tls;
    uint32_t n;
};

static void add_probe(struct probing *p, const struct generation *g, uint32_t i)
{
    const uint32_t cluster = g->spec[i].cluster;
    p->server[p->n] = g->server[i];
    p->check[p->n] = &g->table->cluster[cluster].health;
    p->tls[p->n++] = g->tls->prober[cluster];
}

void control_probe_all(struct control *c)
{
    const struct generation *g = c->newest, *canary = c->canary.generation;
    const uint32_t most = g->n_servers + (canary ? canary->n_servers : 0);
    struct probing p = {.server = MUST_ARRAY(struct server *, most),
                        .check = MUST_ARRAY(const struct table_health *, most),
                        .tls = MUST_ARRAY(struct tls_client *, most)};
    for (uint32_t i = 0; i < g->n_servers; i++)
        add_probe(&p, g, i);
    uint32_t *alone = MUST_ARRAY(uint32_t, most);
    const uint32_t n = canary ? control_servers_alone(canary, g, alone) : 0;
    for (uint32_t i = 0; i < n; i++)
        add_probe(&p, canary, alone[i]);
    probes_set(c->probes, p.server, p.check, p.tls, p.n);
    free(alone);
    free(p.server);
    free(p.check);
    free(p.tls);
}

/* Clusters that stay may have other servers, weights or checks now. */
static void all_changed(const struct generation *g)
{
    for (uint32_t i = 0; i < g->table->n_clusters; i++)
        cluster_changed(g->cluster[i]);
}

void control_unpin(struct control *c, struct generation *g)
{
    for (uint32_t i = 0; i < c->n_workers; i++)
        generation_unpin(g, i);
}

/* The workers take the newest generation, and let go of the one that they have. While none runs yet
 * nobody else could do so in their place. */
void control_hand_over(struct control *c)
{
    struct generation *before = c->handed_over;
    c->handed_over = c->newest;
    c->given += c->serving;
    if (!c->serving)
        control_unpin(c, before);
    else
        for (uint32_t i = 0; i < c->n_workers; i++)
            worker_publish(c->worker[i], c->newest, c->canary.serves ? c->canary.generation : NULL,
                           c->canary.share);
    shadow_follow(c);
}

static void say_warnings(const struct text *warnings, struct text *said)
{
    struct slice rest = text_slice(warnings), line;
    while (slice_split(&rest, '\n', &line)) {
        if (line.len == 0)
            continue;
        log_line(LOG_WARNING, SLICE_FMT, SLICE_ARG(line));
        text_addf(said, "warning: " SLICE_FMT "\n", SLICE_ARG(line));
    }
}

bool control_load_needs(const struct table *table, struct generation_needs before,
                        struct generation_needs *out, struct text *said)
{
    struct text warnings = {0};
    struct generation_needs needs = {
        .tls = tls_loaded_new(table, before.tls, clock_wall_ns() / NS_PER_S, &warnings, said),
        .secrets = secrets_new(table, before.secrets, &warnings, said)};
    if (needs.secrets)
        needs.realms = realms_new(table, needs.secrets, said);
    say_warnings(&warnings, said);
    text_done(&warnings);
    if (needs.tls && needs.realms) {
        *out = needs;
        return true;
    }
    control_let_go(&needs);
    return false;
}

void control_let_go(struct generation_needs *needs)
{
    tls_loaded_unpin(needs->tls);
    secrets_unpin(needs->secrets);
    realms_unpin(needs->realms);
    *needs = (struct generation_needs){0};
}

void control_make_newest(struct control *c, struct generation *g)
{
    g->older = c->newest;
    c->newest = g;
    takeover_apply(c, g);
    overrides_apply(c, g, NULL);
    control_probe_all(c);
    all_changed(g);
    control_watch_all(c);
    control_shares_set(c);
    control_expiry_look(c);
}

struct generation_home *control_home(struct control *c)
{
    c->home.n_workers = c->n_workers;
    c->home.mailbox = &c->box;
    c->home.retired = retired;
    return &c->home;
}

bool control_admin_prepare(struct control *c, const struct table *table,
                           const struct generation_needs *needs, struct text *why)
{
    const struct control_admin *admin = &c->config.admin;
    return !admin->prepare || admin->prepare(admin->of, table, needs->secrets, why);
}

void control_admin_settle(struct control *c, bool published)
{
    if (c->config.admin.settle)
        c->config.admin.settle(c->config.admin.of, published);
}

bool control_publish(struct control *c, struct table *table, struct generation_needs needs,
                     struct text *why)
{
    if (!control_admin_prepare(c, table, &needs, why))
        return false;
    struct found_servers found;
    discoveries_found(c->sources, table, &found);
    struct generation *g = generation_new(table, needs, &found, c->newest, control_home(c), why);
    found_servers_done(&found);
    control_admin_settle(c, g != NULL);
    if (!g)
        return false;
    control_make_newest(c, g);
    if (!c->handed_over)
        c->handed_over = g;
    discoveries_set(c->sources, table);
    return true;
}

/* --- servers that come and go ---------------------------------------------------------------- */

static void tell_of_source(void *of, const struct source_event *e)
{
    const struct control *c = of;
    const struct slice name = e->source->name;
    const struct slice cluster = c->newest->table->cluster[e->source->cluster].name;
    char at[ENDPOINT_TEXT_MAX] = "";
    if (e->endpoint)
        endpoint_format(e->endpoint, at);
    switch (e->news) {
    case SOURCE_FOUND:
        event_log(EVENT_SERVER, LOG_INFO, ABOUT(cluster, slice_of(at)),
                  "server " SLICE_FMT "/%s comes: " SLICE_FMT " lists it", SLICE_ARG(cluster), at,
                  SLICE_ARG(name));
        return;
    case SOURCE_LOST:
        event_log(EVENT_SERVER, LOG_INFO, ABOUT(cluster, slice_of(at)),
                  "server " SLICE_FMT "/%s goes: " SLICE_FMT " lists it no more",
                  SLICE_ARG(cluster), at, SLICE_ARG(name));
        return;
    case SOURCE_FAILED:
        event_log(EVENT_SOURCE, LOG_WARNING, ABOUT(cluster, name),
                  "servers of " SLICE_FMT " stay as they are: " SLICE_FMT ": %s",
                  SLICE_ARG(cluster), SLICE_ARG(name), e->reason);
        return;
    case SOURCE_ANSWERS:
        event_log(EVENT_SOURCE, LOG_INFO, ABOUT(cluster, name),
                  "servers of " SLICE_FMT ": " SLICE_FMT " lists them again", SLICE_ARG(cluster),
                  SLICE_ARG(name));
        return;
    }
}

/* The workers get the servers that were found. A configuration that waits for its first checks goes
 * on waiting, with them. */
static void regroup(void *of)
{
    struct control *c = of;
    c->regroups = false;
    if (c->draining)
        return;
    struct generation *before = c->newest;
    struct found_servers found;
    discoveries_found(c->sources, before->table, &found);
    control_make_newest(c, generation_again(before, &found));
    found_servers_done(&found);
    if (canary_is_on(c))
        canary_regroup(c);
    if (before == c->handed_over)
        control_hand_over(c);
    else
        control_unpin(c, before);
}

/* Several answers of one moment make one generation. */
static void found_others(void *of)
{
    struct control *c = of;
    if (!c->regroups)
        timer_set(&c->regroup, REGROUP_NS);
    c->regroups = true;
}

struct discoveries *control_sources_new(struct control *c)
{
    const struct discoveries_calls calls = {
        .event = tell_of_source, .changed = found_others, .of = c};
    timer_init(&c->regroup, c->loop, regroup, c);
    return discoveries_new(c->loop, &calls);
}

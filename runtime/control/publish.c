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

static void probe_all(struct control *c)
{
    const struct generation *g = c->newest;
    const struct table_health **check =
        MUST_ARRAY(const struct table_health *, g->table->n_servers);
    for (uint32_t i = 0; i < g->table->n_servers; i++)
        check[i] = &g->table->cluster[g->table->server[i].cluster].health;
    probes_set(c->probes, g->server, check, g->table->n_servers);
    free(check);
}

/* Clusters that stay may have other servers, weights or checks now. */
static void all_changed(const struct generation *g)
{
    for (uint32_t i = 0; i < g->table->n_clusters; i++)
        cluster_changed(g->cluster[i]);
}

/* The workers take the new generation, and let go of the one before. While none runs yet nobody
 * else could do so in their place. */
static void hand_over(struct control *c, struct generation *g)
{
    for (uint32_t i = 0; i < c->n_workers; i++) {
        if (c->serving)
            worker_publish(c->worker[i], g);
        else
            generation_unpin(g->older, i);
    }
}

bool control_publish(struct control *c, struct table *table, struct text *why)
{
    struct generation *g = generation_new(table, c->newest, c->n_workers, &c->box, retired, why);
    if (!g)
        return false;
    g->older = c->newest;
    c->newest = g;
    probe_all(c);
    all_changed(g);
    return true;
}

void control_server_changed(struct control *c, const struct server *s)
{
    const struct generation *g = c->newest;
    const uint32_t cluster = table_find_cluster(g->table, slice_of(s->cluster_name));
    if (cluster != UINT32_MAX)
        cluster_changed(g->cluster[cluster]);
}

/* --- reload ---------------------------------------------------------------------------------- */

static void *compile_thread(void *of)
{
    struct control *c = of;
    c->reload.table = c->config.load(c->config.load_of, &c->reload.report);
    mailbox_post(&c->box, &c->reload.finished);
    return NULL;
}

/* Too late: the process ends. */
static void reload_abandoned(struct message *m)
{
    struct reload *r = CONTAINER_OF(m, struct reload, finished);
    table_free(r->table);
    text_done(&r->report);
}

void control_abandon_reload(struct control *c)
{
    struct reload *r = &c->reload;
    if (!r->under_way)
        return;
    r->under_way = false;
    if (r->done) { /* whoever waits for it frees what it waits with */
        const struct control_reload nothing = {.generation = c->newest->id};
        r->done(r->done_of, &nothing);
    }
    if (!r->compiling) { /* it waits for checks; its generation is freed with the others */
        text_done(&r->report);
        return;
    }
    r->finished.run = reload_abandoned;
    pthread_join(r->thread, NULL);
}

static void log_refusal(const struct control_reload *r)
{
    log_line(LOG_ERROR, "reload refused, generation %llu goes on",
             (unsigned long long)r->generation);
    struct slice rest = r->report, line;
    while (slice_split(&rest, '\n', &line))
        if (line.len > 0)
            log_line(LOG_ERROR, "  " SLICE_FMT, SLICE_ARG(line));
}

static void answer(struct control *c, bool done)
{
    struct reload *r = &c->reload;
    r->under_way = false;
    const struct control_reload result = {.done = done,
                                          .generation = c->newest->id,
                                          .took_ns = clock_now_ns() - r->begun_ns,
                                          .report = text_slice(&r->report)};
    if (done)
        log_line(LOG_INFO, "generation %llu serves, after %.1f ms",
                 (unsigned long long)result.generation, (double)result.took_ns / (double)NS_PER_MS);
    else
        log_refusal(&result);
    if (r->done)
        r->done(r->done_of, &result);
    text_done(&r->report);
    if (c->reload_again) {
        c->reload_again = false;
        (void)!control_reload(c, NULL, NULL); /* a shutdown has begun, at most */
    }
}

/* Would requests for the cluster get a 503 now, only because its new servers have not been checked?
 */
static bool waits_for_checks(const struct generation *g, uint32_t cluster)
{
    const struct table_cluster *spec = &g->table->cluster[cluster];
    bool unknown = false;
    for (uint32_t i = 0; i < spec->n_servers; i++) {
        const struct server *s = g->server[spec->first_server + i];
        if (server_usable(s))
            return false;
        unknown |= atomic_load_explicit(&s->health, memory_order_relaxed) == HEALTH_UNKNOWN;
    }
    return unknown;
}

static bool any_waits_for_checks(const struct generation *g)
{
    for (uint32_t i = 0; i < g->table->n_clusters; i++)
        if (waits_for_checks(g, i))
            return true;
    return false;
}

/* The generation before serves on until the new one can; not for long, though. */
static void look_at_checks(void *of)
{
    struct control *c = of;
    if (c->serving && clock_now_ns() < c->reload.hand_over_ns && any_waits_for_checks(c->newest)) {
        timer_set(&c->reload.checks, FIRST_CHECKS_LOOK_NS);
        return;
    }
    hand_over(c, c->newest);
    answer(c, true);
}

static void reload_finished(struct message *m)
{
    struct reload *r = CONTAINER_OF(m, struct reload, finished);
    struct control *c = CONTAINER_OF(r, struct control, reload);
    pthread_join(r->thread, NULL);
    r->compiling = false;
    if (r->table && control_publish(c, r->table, &r->report)) {
        timer_init(&r->checks, c->loop, look_at_checks, c);
        r->hand_over_ns = clock_now_ns() + FIRST_CHECKS_NS;
        look_at_checks(c);
        return;
    }
    table_free(r->table);
    answer(c, false);
}

bool control_reload(struct control *c, void (*done)(void *of, const struct control_reload *r),
                    void *of)
{
    struct reload *r = &c->reload;
    if (r->under_way || c->draining)
        return false;
    *r = (struct reload){.under_way = true,
                         .compiling = true,
                         .finished = {.run = reload_finished},
                         .begun_ns = clock_now_ns(),
                         .done = done,
                         .done_of = of};
    const int rc = pthread_create(&r->thread, NULL, compile_thread, c);
    r->under_way = rc == 0;
    return r->under_way;
}

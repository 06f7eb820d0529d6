/* Clusters, watched: servers that answer badly are left out and come back, those that wait are
 * called when a server is avoided no more; and the log learns what became of a cluster. */
#include "runtime/base/clock.h"
#include "runtime/control/control_priv.h"
#include "runtime/log/log.h"

/* Once the circuit breaker has refused something, it is open until it has refused nothing for so
 * long: the log has a line for each, and not for each request. */
#define BREAKER_CALM_NS (3 * NS_PER_S)

/* However often workers ring, a cluster of many servers is not looked at more often than this. */
#define LOOKS_APART_NS (10 * NS_PER_MS)

/* One cluster of the newest generation, or of its canary alone. */
struct looked_at {
    const struct table_cluster *spec;
    struct cluster *live;
    struct server *const *server;
    uint32_t n;
    int64_t now_ns;
};

static int64_t sooner(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* --- servers --------------------------------------------------------------------------------- */

static void came_back(struct server *s, const char *why, int64_t now_ns)
{
    atomic_store_explicit(&s->errors_in_a_row, 0, memory_order_relaxed);
    atomic_store_explicit(&s->ejected, false, memory_order_relaxed);
    server_turns(s);
    if (atomic_load_explicit(&s->risen_ns, memory_order_relaxed) != SERVER_TO_RISE)
        server_rises(s, now_ns);
    event_log(EVENT_SERVER, LOG_INFO, ABOUT(slice_of(s->cluster_name), slice_of(s->name)),
              "server %s/%s is back: %s", s->cluster_name, s->name, why);
}

static void went(struct server *s, int64_t now_ns)
{
    struct text why = {0};
    const struct outlier *o = &s->outlier;
    atomic_store_explicit(&s->ejected, true, memory_order_relaxed);
    server_turns(s);
    outlier_write(&o->why, &why);
    if (o->times > 1)
        text_addf(&why, "; the time in a row: %u", o->times);
    event_log(EVENT_SERVER, LOG_WARNING, ABOUT(slice_of(s->cluster_name), slice_of(s->name)),
              "server %s/%s is ejected for %.10g s: " SLICE_FMT, s->cluster_name, s->name,
              (double)(o->until_ns - now_ns) / (double)NS_PER_S, SLICE_ARG(text_slice(&why)));
    text_done(&why);
}

bool control_end_ejection(struct server *s, const char *why)
{
    const int64_t now_ns = clock_now_ns();
    const struct outlier_seen seen = server_seen(s);
    if (!outlier_return(&s->outlier, &seen, now_ns))
        return false;
    came_back(s, why, now_ns);
    return true;
}

/* Returns when the next look is due. */
static int64_t look_at_servers(const struct looked_at *l, bool *changed)
{
    struct outlier_member *m = MUST_ARRAY(struct outlier_member, l->n);
    for (uint32_t i = 0; i < l->n; i++)
        m[i] = (struct outlier_member){.of = &l->server[i]->outlier,
                                       .seen = server_seen(l->server[i]),
                                       .usable = server_usable(l->server[i])};
    const int64_t due_ns =
        outlier_look(&l->spec->outlier, m, l->n, &l->live->watch.slice_ns, l->now_ns);
    for (uint32_t i = 0; i < l->n; i++) {
        if (!m[i].changed)
            continue;
        *changed = true;
        if (m[i].of->ejected)
            went(l->server[i], l->now_ns);
        else
            came_back(l->server[i], "its time is over", l->now_ns);
    }
    free(m);
    return due_ns;
}

/* The configuration ejects nobody there any more. */
static void return_all(const struct looked_at *l, bool *changed)
{
    for (uint32_t i = 0; i < l->n; i++) {
        *changed |= control_end_ejection(l->server[i], "its cluster has no outlier rule any more");
        l->server[i]->outlier.begun = false; /* nothing is counted meanwhile */
    }
}

/* --- the circuit breaker --------------------------------------------------------------------- */

static int64_t look_at_breaker(const struct looked_at *l)
{
    struct cluster *c = l->live;
    struct cluster_watch *w = &c->watch;
    const uint64_t refused = atomic_load_explicit(&c->refused, memory_order_seq_cst);
    const bool open = atomic_load_explicit(&c->open, memory_order_relaxed);
    if (refused != w->refused_known) {
        if (!open) {
            w->open_ns = l->now_ns;
            w->refused_before_open = w->refused_known;
            event_log(EVENT_BREAKER, LOG_WARNING, ABOUT(slice_of(c->name)),
                      "circuit breaker of %s is open: its limit of %s is reached", c->name,
                      atomic_load_explicit(&c->refused_what, memory_order_relaxed));
        }
        w->refused_known = refused;
        w->refused_ns = l->now_ns;
        atomic_store_explicit(&c->open, true, memory_order_seq_cst);
    } else if (open && l->now_ns - w->refused_ns >= BREAKER_CALM_NS) {
        event_log(EVENT_BREAKER, LOG_INFO, ABOUT(slice_of(c->name)),
                  "circuit breaker of %s is closed: it refused %llu in %.1f s", c->name,
                  (unsigned long long)(refused - w->refused_before_open),
                  (double)(l->now_ns - w->open_ns) / (double)NS_PER_S);
        atomic_store_explicit(&c->open, false, memory_order_seq_cst);
        /* What was refused since we looked had no reason to ring. */
        if (atomic_load_explicit(&c->refused, memory_order_seq_cst) != refused)
            return look_at_breaker(l);
        return INT64_MAX;
    }
    return atomic_load_explicit(&c->open, memory_order_relaxed) ? w->refused_ns + BREAKER_CALM_NS
                                                                : INT64_MAX;
}

/* --- those that wait ------------------------------------------------------------------------- */

/* Nobody leaves a server that is avoided, and so nobody would call those that wait for it. They
 * ring when they begin to, and again when they have been called and must go on. */
static int64_t look_at_waiting(const struct looked_at *l)
{
    struct cluster_watch *w = &l->live->watch;
    const int64_t wake_ns = atomic_load_explicit(&w->wake_ns, memory_order_relaxed);
    bool any_over = wake_ns > 0 && l->now_ns >= wake_ns;
    if (!any_over && !w->rung)
        return wake_ns > 0 ? wake_ns : INT64_MAX;
    int64_t next_ns = INT64_MAX;
    for (uint32_t i = 0; i < l->n; i++) {
        const int64_t until_ns =
            atomic_load_explicit(&l->server[i]->suspect_until_ns, memory_order_relaxed);
        if (until_ns > l->now_ns)
            next_ns = sooner(next_ns, until_ns);
        else
            any_over |= until_ns > 0;
    }
    /* First this, then those that wait: who has joined meanwhile is seen, or sees that it has to
     * ring. */
    atomic_store_explicit(&w->wake_ns, next_ns == INT64_MAX ? 0 : next_ns, memory_order_seq_cst);
    if (any_over && queue_is_used(&l->live->queue))
        queue_all(&l->live->queue);
    return next_ns;
}

/* --- what the log is told of a cluster ------------------------------------------------------- */

static void tell(const struct looked_at *l, bool waits)
{
    uint32_t down = 0, away = 0, ejected = 0, in_use = 0;
    for (uint32_t i = 0; i < l->n; i++) {
        const struct server *s = l->server[i];
        const bool ready = atomic_load_explicit(&s->admin, memory_order_relaxed) == SERVER_READY;
        if (server_in_use(s))
            in_use++;
        else if (server_usable(s))
            ejected++;
        else if (ready)
            down++;
        else
            away++;
    }
    struct cluster_watch *w = &l->live->watch;
    const enum cluster_serving is = in_use > 0    ? CLUSTER_SERVES
                                    : ejected > 0 ? CLUSTER_SERVES_EJECTED
                                                  : CLUSTER_SERVES_NOT;
    if (is == w->told || (is == CLUSTER_SERVES_NOT && waits))
        return;
    static const char *const WHAT[] = {"serves again", "goes on with servers that were ejected",
                                       "has no server left"};
    event_log(EVENT_CLUSTER, is == CLUSTER_SERVES ? LOG_INFO : LOG_ERROR,
              ABOUT(slice_of(l->live->name)),
              "cluster %s %s: %u usable, %u ejected, %u down, %u drained", l->live->name, WHAT[is],
              in_use, ejected, down, away);
    w->told = is;
}

/* --- looking --------------------------------------------------------------------------------- */

static void look_at(struct control *c, const struct generation *g, uint32_t i)
{
    const struct looked_at l = {.spec = &g->table->cluster[i],
                                .live = g->cluster[i],
                                .server = g->server + g->part[i].first,
                                .n = g->part[i].n,
                                .now_ns = clock_now_ns()};
    bool changed = false;
    int64_t due_ns = INT64_MAX;
    if (l.spec->outlier.given)
        due_ns = look_at_servers(&l, &changed);
    else
        return_all(&l, &changed);
    due_ns = sooner(due_ns, look_at_breaker(&l));
    due_ns = sooner(due_ns, look_at_waiting(&l));
    struct cluster_watch *w = &l.live->watch;
    w->rung = false;
    w->looked_ns = l.now_ns;
    w->due_ns = due_ns;
    if (changed)
        cluster_changed(l.live);
    tell(&l, control_waits_for_checks(c, g, i));
}

/* The newest generation has the cluster, or else its canary: a place in that. */
struct watched {
    const struct generation *g;
    uint32_t i;
};

/* From {NULL, 0} on; false behind the last. */
static bool next_watched(const struct control *c, struct watched *w)
{
    const struct generation *canary = c->canary.generation;
    w->i = w->g ? w->i + 1 : 0;
    w->g = w->g ? w->g : c->newest;
    if (w->g == c->newest && w->i == w->g->table->n_clusters)
        *w = (struct watched){canary, 0};
    while (w->g && w->g == canary && w->i < w->g->table->n_clusters &&
           table_find_cluster(c->newest->table, w->g->table->cluster[w->i].name) != UINT32_MAX)
        w->i++;
    return w->g && w->i < w->g->table->n_clusters;
}

static struct watched find_watched(const struct control *c, struct slice cluster)
{
    const struct generation *by[] = {c->newest, c->canary.generation};
    for (size_t k = 0; k < COUNT_OF(by); k++) {
        const uint32_t i = by[k] ? table_find_cluster(by[k]->table, cluster) : UINT32_MAX;
        if (i != UINT32_MAX)
            return (struct watched){by[k], i};
    }
    return (struct watched){0};
}

static void set_timer(struct control *c)
{
    int64_t due_ns = INT64_MAX;
    for (struct watched w = {0}; next_watched(c, &w);)
        due_ns = sooner(due_ns, w.g->cluster[w.i]->watch.due_ns);
    const int64_t in_ns = due_ns - clock_now_ns();
    if (due_ns == INT64_MAX)
        timer_stop(&c->watch);
    else
        timer_set(&c->watch, in_ns > NS_PER_MS ? in_ns : NS_PER_MS);
}

static void look_at_due(void *of)
{
    struct control *c = of;
    const int64_t now_ns = clock_now_ns();
    for (struct watched w = {0}; next_watched(c, &w);)
        if (w.g->cluster[w.i]->watch.due_ns <= now_ns)
            look_at(c, w.g, w.i);
    set_timer(c);
}

static void rung(struct message *m)
{
    struct cluster *live = cluster_answer(m);
    struct control *c = live->bell.of;
    struct cluster_watch *w = &live->watch;
    const struct watched at =
        c->ending || !c->newest ? (struct watched){0} : find_watched(c, slice_of(live->name));
    if (at.g && at.g->cluster[at.i] == live) { /* else no generation to come has it */
        w->rung = true;
        if (clock_now_ns() - w->looked_ns >= LOOKS_APART_NS)
            look_at(c, at.g, at.i);
        else
            w->due_ns = sooner(w->due_ns, w->looked_ns + LOOKS_APART_NS);
        set_timer(c);
    }
    cluster_unpin(live);
}

void control_watch_server(struct control *c, const struct server *s)
{
    const struct watched at = find_watched(c, slice_of(s->cluster_name));
    if (!at.g)
        return;
    cluster_changed(at.g->cluster[at.i]);
    look_at(c, at.g, at.i);
    set_timer(c);
}

static void tell_state(struct server *s)
{
    const int admin = atomic_load_explicit(&s->admin, memory_order_relaxed);
    if (admin == (int)s->admin_told)
        return;
    server_turns(s);
    s->admin_told = (enum server_admin)admin;
    event_log(EVENT_SERVER, LOG_INFO, ABOUT(slice_of(s->cluster_name), slice_of(s->name)),
              "server %s/%s is set to %s: the file says so now", s->cluster_name, s->name,
              table_state_name((enum table_state)admin));
}

void control_watch_all(struct control *c)
{
    const struct generation *g = c->newest;
    for (uint32_t i = 0; i < g->n_servers; i++)
        tell_state(g->server[i]);
    for (struct watched w = {0}; next_watched(c, &w);) {
        struct cluster_bell *bell = &w.g->cluster[w.i]->bell;
        if (!bell->message.run) { /* it is new: no worker knows it */
            bell->of = c;
            bell->message.run = rung;
        }
        look_at(c, w.g, w.i);
    }
    set_timer(c);
}

void control_watch_init(struct control *c)
{
    timer_init(&c->watch, c->loop, look_at_due, c);
}

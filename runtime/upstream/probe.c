#include "runtime/upstream/probe.h"

#include <stdio.h>

#include "runtime/base/clock.h"
#include "runtime/base/hash.h"
#include "runtime/base/rng.h"
#include "runtime/metrics/metrics.h"
#include "runtime/upstream/attempt.h"

/*
 * A probe is in one of three states: its `turn` is set; or it is in `waiting`, because too many
 * others are under way; or its attempt is under way. It never is in two, so probes of a server
 * never overlap.
 */
struct probe {
    uint32_t magic;
#define PROBE_MAGIC 0x90be0c4du
    bool keep;   /* probes_set(): is in the new set */
    bool spread; /* its first result came, and with it its place in the interval */
    struct probes *all;
    struct list link;      /* in all->probe */
    struct list waiting;   /* in all->waiting, or alone */
    struct server *server; /* pinned */
    struct attempt_plan plan;
    int64_t every_ns;
    uint32_t rise, fall;
    struct health health;
    struct timer turn;
    struct attempt attempt;
    int64_t began_ns; /* 0: never */
};

struct probes {
    struct loop *loop;
    struct rng rng;
    probe_changed *changed;
    void *of;
    struct list probe;
    struct list waiting;
    uint32_t n_probes, n_under_way;
    struct probes_count count;
    struct wire wire;
    struct metrics metrics; /* the wire's, which nobody looks at: workers' numbers are of traffic */
};

/* Uniform in [0, below_ns). */
static int64_t random_ns(struct probes *all, int64_t below_ns)
{
    return (int64_t)(rng_next(&all->rng) % (uint64_t)below_ns);
}

static bool is_late(const struct probe *p, int64_t now_ns)
{
    return p->began_ns != 0 && now_ns - p->began_ns > p->every_ns + p->every_ns / 10;
}

static void begin(struct probe *p)
{
    ASSERT(list_empty(&p->waiting));
    if (p->all->n_under_way == PROBES_AT_ONCE) {
        list_add_last(&p->all->waiting, &p->waiting);
        return;
    }
    p->all->n_under_way++;
    const int64_t now_ns = clock_now_ns();
    p->all->count.begun++;
    p->all->count.late += is_late(p, now_ns);
    p->began_ns = now_ns;
    struct endpoint e = p->server->endpoint;
    if (p->plan.port && !e.path[0]) /* a Unix socket that was found has no other port */
        e.port = p->plan.port;
    const struct sockaddr_of to = sockaddr_from(&e);
    attempt_begin(&p->attempt, &to, &p->plan);
}

static void turn(void *of)
{
    struct probe *p = of;
    CHECK_OBJ(p, PROBE_MAGIC);
    begin(p);
}

/*
 * The second probe comes anywhere within the interval after the first, which spreads servers that
 * began together; the later ones follow at the interval give or take a twentieth, so that two that
 * meet part again. Never at once: a failing server is not to be hammered, however late its last
 * answer came.
 */
static void set_turn(struct probe *p)
{
    const int64_t pause_ns =
        p->spread ? p->every_ns - p->every_ns / 20 + random_ns(p->all, p->every_ns / 10 + 1)
                  : 1 + random_ns(p->all, p->every_ns);
    p->spread = true;
    const int64_t left_ns = p->began_ns + pause_ns - clock_now_ns();
    timer_set(&p->turn, left_ns > NS_PER_MS ? left_ns : NS_PER_MS);
}

static void let_next_begin(struct probes *all)
{
    all->n_under_way--;
    if (list_empty(&all->waiting))
        return;
    struct probe *next = CONTAINER_OF(all->waiting.next, struct probe, waiting);
    list_remove(&next->waiting);
    /* By its timer, and not here: attempts that fail at once must not nest in one another. */
    timer_set(&next->turn, 0);
}

_Static_assert(ATTEMPT_REASON_MAX <= SERVER_CHECK_TEXT_MAX, "reasons are kept as a whole");

static void over(void *of, enum attempt_end how, const char *reason)
{
    struct probe *p = of;
    CHECK_OBJ(p, PROBE_MAGIC);
    struct probes *all = p->all;
    let_next_begin(all);
    set_turn(p);
    if (how == ATTEMPT_NOT_MADE)
        return;
    snprintf(p->server->last_check, sizeof(p->server->last_check), "%s", reason);
    if (!health_result(&p->health, how == ATTEMPT_SUCCESS, p->rise, p->fall))
        return;
    atomic_store_explicit(&p->server->health, (int)p->health.state, memory_order_relaxed);
    all->changed(all->of, p->server, p->health.state, reason);
}

/* Ends what is under way, without a result. */
static void stop(struct probe *p)
{
    timer_stop(&p->turn);
    list_remove(&p->waiting);
    const bool under_way = attempt_is_under_way(&p->attempt);
    attempt_stop(&p->attempt);
    if (under_way)
        let_next_begin(p->all);
}

static void probe_free(struct probe *p)
{
    CHECK_OBJ(p, PROBE_MAGIC);
    list_remove(&p->link);
    p->all->n_probes--;
    stop(p);
    attempt_plan_done(&p->plan);
    server_unpin(p->server);
    p->magic = 0;
    free(p);
}

/* What the Host header says when the configuration does not. */
static struct slice host_of(const struct server *s, uint16_t port, char room[ENDPOINT_TEXT_MAX])
{
    if (s->endpoint.path[0])
        return SLICE("localhost");
    struct endpoint e = s->endpoint;
    if (port)
        e.port = port;
    const size_t len = endpoint_format(&e, room);
    return (struct slice){room, len};
}

static struct attempt_plan plan_for(const struct server *s, const struct table_health *check,
                                    struct tls_client *tls)
{
    char host[ENDPOINT_TEXT_MAX];
    return attempt_plan_new(check, tls, host_of(s, check->port, host));
}

static void set_numbers(struct probe *p, const struct table_health *check)
{
    ASSERT(check->every_ns > 0 && check->timeout_ns > 0);
    p->every_ns = check->every_ns;
    p->rise = check->rise;
    p->fall = check->fall;
}

static void add(struct probes *all, struct server *s, const struct table_health *check,
                struct tls_client *tls)
{
    struct probe *p = MUST_NEW(struct probe);
    *p = (struct probe){.magic = PROBE_MAGIC, .all = all, .server = server_pin(s), .keep = true};
    list_init(&p->waiting);
    list_add_last(&all->probe, &p->link);
    all->n_probes++;
    p->plan = plan_for(s, check, tls);
    set_numbers(p, check);
    p->health.state = (enum health_state)atomic_load_explicit(&s->health, memory_order_relaxed);
    timer_init(&p->turn, all->loop, turn, p);
    attempt_init(&p->attempt, all->loop, &all->wire, over, p);
    timer_set(&p->turn, 0);
}

static void update(struct probe *p, const struct table_health *check, struct tls_client *tls)
{
    p->keep = true;
    const bool rhythm_differs = p->every_ns != check->every_ns;
    set_numbers(p, check);
    struct attempt_plan plan = plan_for(p->server, check, tls);
    if (attempt_plan_eq(&plan, &p->plan) && !rhythm_differs) {
        attempt_plan_done(&plan);
        return;
    }
    stop(p);
    attempt_plan_done(&p->plan);
    p->plan = plan;
    timer_set(&p->turn, 0);
}

/* Servers to their probes: open addressing, at most half full. */
struct index {
    struct probe **slot;
    size_t mask;
};

static struct probe **index_slot(const struct index *x, const struct server *s)
{
    size_t i = hash_bytes(&s, sizeof(s), 0) & x->mask;
    while (x->slot[i] && x->slot[i]->server != s)
        i = (i + 1) & x->mask;
    return &x->slot[i];
}

static struct index index_of(struct probes *all)
{
    size_t slots = 8;
    while (slots < (size_t)all->n_probes * 2)
        slots *= 2;
    const struct index x = {.slot = MUST_ARRAY(struct probe *, slots), .mask = slots - 1};
    LIST_EACH (p, &all->probe, struct probe, link) {
        p->keep = false;
        *index_slot(&x, p->server) = p;
    }
    return x;
}

static void uncheck(struct server *s)
{
    s->last_check[0] = '\0';
    atomic_store_explicit(&s->checked, false, memory_order_relaxed);
    atomic_store_explicit(&s->health, HEALTH_UNKNOWN, memory_order_relaxed);
}

void probes_set(struct probes *all, struct server *const *server,
                const struct table_health *const *check, struct tls_client *const *tls, size_t n)
{
    const struct index known = index_of(all);
    for (size_t i = 0; i < n; i++) {
        if (check[i]->kind == HEALTH_NONE) {
            uncheck(server[i]);
            continue;
        }
        atomic_store_explicit(&server[i]->checked, true, memory_order_relaxed);
        struct probe *p = *index_slot(&known, server[i]);
        if (p)
            update(p, check[i], tls ? tls[i] : NULL);
        else
            add(all, server[i], check[i], tls ? tls[i] : NULL);
    }
    free(known.slot);
    LIST_EACH (p, &all->probe, struct probe, link)
        if (!p->keep)
            probe_free(p);
}

struct probes_count probes_count(const struct probes *all)
{
    return all->count;
}

void probes_hurry(struct probes *all, struct server *s)
{
    LIST_EACH (p, &all->probe, struct probe, link)
        if (p->server == s && list_empty(&p->waiting) && !attempt_is_under_way(&p->attempt))
            timer_set(&p->turn, 0);
}

struct probes *probes_new(struct loop *loop, uint64_t seed, probe_changed *changed, void *of)
{
    struct probes *all = MUST_NEW(struct probes);
    *all = (struct probes){.loop = loop, .rng = {seed}, .changed = changed, .of = of};
    list_init(&all->probe);
    list_init(&all->waiting);
    wire_init(&all->wire, &all->metrics);
    return all;
}

void probes_free(struct probes *all)
{
    if (!all)
        return;
    LIST_EACH (p, &all->probe, struct probe, link)
        probe_free(p);
    ASSERT(all->n_under_way == 0);
    wire_done(&all->wire);
    free(all);
}

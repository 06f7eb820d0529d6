#include "runtime/proxy/worker.h"

#include <errno.h>
#include <sys/resource.h>

#include "compiler/table/bearer.h"
#include "runtime/auth/verified.h"
#include "runtime/base/clock.h"
#include "runtime/net/buffer.h"
#include "runtime/proxy/acceptor.h"
#include "runtime/proxy/exchange_priv.h"
#include "runtime/proxy/session.h"
#include "runtime/proxy/shadow.h"
#include "runtime/upstream/h2_link.h"

/* How exactly timeouts are kept, and how soon a paused acceptor tries again. */
#define TICK_NS (20 * NS_PER_MS)

/* How often an overloaded worker looks for connections that wait. */
#define SWEEP_NS NS_PER_S

#define SESSIONS_MAX (UINT32_C(1024) * 1024) /* max-connections bounds them long before */

/* Ticks stop when nothing is waited for, so that an idle worker sleeps. */
static void keep_ticking(struct worker *w)
{
    if (w->ticking)
        return;
    w->ticking = true;
    w->tick_due_ns = w->now_ns + TICK_NS;
    timer_set(&w->tick, TICK_NS);
}

int64_t worker_now(struct worker *w)
{
    w->now_ns = clock_now_ns();
    keep_ticking(w);
    return w->now_ns;
}

/* Tells the control thread, once, that no connection is left. */
static void report_drained(struct worker *w)
{
    if (!w->drained || !list_empty(&w->session))
        return;
    struct message *m = w->drained;
    w->drained = NULL;
    mailbox_post(w->control, m);
}

/* There were more all at once than were counted, or the whole system has none: it is no matter how
 * many we know of. */
#define OUT_NS NS_PER_S

/* Of all workers: each adds what has changed. And what is no connection of theirs, by the control
 * thread: about so many until it has counted. */
static _Atomic int64_t descriptors;
static _Atomic int64_t others = 20;

int64_t worker_descriptors(const struct worker *w)
{
    const struct metrics *m = w->metrics;
    return atomic_load_explicit(&m->connections_open, memory_order_relaxed) +
           atomic_load_explicit(&m->server_connections, memory_order_relaxed);
}

void workers_others_descriptors(int64_t n)
{
    atomic_store_explicit(&others, n, memory_order_relaxed);
}

static int64_t count_descriptors(struct worker *w)
{
    const int64_t mine = worker_descriptors(w), more = mine - w->descriptors_told;
    w->descriptors_told = mine;
    return atomic_load_explicit(&others, memory_order_relaxed) + more +
           atomic_fetch_add_explicit(&descriptors, more, memory_order_relaxed);
}

void worker_measure(struct worker *w)
{
    const uint64_t used = (uint64_t)count_descriptors(w);
    const bool out = w->now_ns < w->out_until_ns;
    const struct overload_measures m = {.descriptors = out ? w->descriptors_max : used,
                                        .descriptors_max = w->descriptors_max,
                                        .buffers = w->buffers.in_use,
                                        .buffers_max = WORKER_BUFFERS_MAX,
                                        .late_ns = w->overload.late_ns};
    w->overload = overload_next(w->overload, &m);
}

void worker_out_of_descriptors(struct worker *w)
{
    w->out_until_ns = w->now_ns + OUT_NS;
    worker_measure(w);
}

static enum overload_stage stage_of(const struct worker *w)
{
    enum overload_stage most = OVERLOAD_NONE;
    for (uint32_t i = 0; w->current && i < w->current->table->n_listeners; i++) {
        const enum overload_stage s = overload_stage(&w->overload, &w->current->table->listener[i]);
        most = s > most ? s : most;
    }
    return most;
}

/* Anybody may change it while we run. */
static void note_limit(struct worker *w)
{
    struct rlimit limit;
    const bool known = getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur > 0;
    w->descriptors_max = known ? limit.rlim_cur : UINT64_MAX;
}

/* Says what has changed, and makes room, now and then, while there is too little. */
static void watch_overload(struct worker *w)
{
    note_limit(w);
    worker_measure(w);
    const enum overload_stage now = stage_of(w);
    if (now != w->overload_told) {
        METRIC_ADD(w->metrics->overload_workers, (now > 0) - (w->overload_told > 0));
        notice_overload(w->control, w->index, now, &w->overload);
        w->overload_told = now;
    }
    if (now == OVERLOAD_NONE || w->now_ns - w->swept_ns < SWEEP_NS)
        return;
    w->swept_ns = w->now_ns;
    LIST_EACH (s, &w->session, struct session, link)
        session_close_to_save(s);
}

static void tick(void *of)
{
    struct worker *w = of;
    w->now_ns = clock_now_ns();
    w->overload.late_ns = overload_lateness(w->overload.late_ns, w->now_ns - w->tick_due_ns);
    for (struct deadline *d; (d = deadlines_expired(&w->deadlines, w->now_ns));)
        d->call(d);
    atomic_store_explicit(&w->metrics->buffers_in_use, w->buffers.in_use, memory_order_relaxed);
    watch_overload(w);
    report_drained(w);
    w->ticking = false;
    const bool paused = acceptors_resume(w); /* whatever else there is to tick for */
    if (paused || deadlines_any(&w->deadlines) || !list_empty(&w->session) ||
        w->overload_told != OVERLOAD_NONE)
        keep_ticking(w);
}

static void link_is_ready(struct link *l, unsigned what)
{
    struct exchange *x = l->exchange;
    CHECK_OBJ(x, EXCHANGE_MAGIC);
    worker_now(x->worker);
    l->readable |= (what & WATCH_READ) != 0;
    l->writable |= (what & WATCH_WRITE) != 0;
    if (l != x->link)
        exchange_turn_to(x, l);
    session_drive(x->session);
}

static void link_is_late(struct link *l)
{
    struct exchange *x = l->exchange;
    CHECK_OBJ(x, EXCHANGE_MAGIC);
    if (l != x->link)
        exchange_turn_to(x, l);
    exchange_link_late(x);
    session_drive(x->session);
}

/* --- its life, from the control thread ------------------------------------------------------- */

struct worker *worker_new(const struct worker_config *config, int *rc)
{
    struct worker *w = MUST_NEW(struct worker);
    w->index = config->index;
    w->log = config->log;
    w->control = config->control;
    w->checks = config->checks;
    w->verified = verified_new();
    w->verified_tokens = verified_new();
    w->rng = (struct rng){config->seed};
    w->request_id = rng_next(&w->rng);
    w->descriptors_max = UINT64_MAX; /* until the first tick */
    w->metrics = aligned_alloc(64, (sizeof(*w->metrics) + 63) & ~(size_t)63);
    if (!w->metrics)
        die_out_of_memory(1, sizeof(*w->metrics));
    memset(w->metrics, 0, sizeof(*w->metrics));
    w->scratch = MUST_ARRAY(char, WORKER_SCRATCH_BYTES);
    w->verdict = MUST_NEW(struct verdict);
    list_init(&w->session);
    list_init(&w->rosters);
    list_init(&w->lines);
    list_init(&w->inquiry);
    pool_init(&w->buffers, BUFFER_BLOCK_BYTES, WORKER_BUFFERS_MAX, WORKER_KEEP_FREE);
    pool_init(&w->links, sizeof(struct link), 0, WORKER_KEEP_FREE);
    pool_init(&w->sessions, sizeof(struct session), SESSIONS_MAX, WORKER_KEEP_FREE);
    pool_init(&w->exchanges, sizeof(struct exchange), 0, WORKER_KEEP_FREE);
    pool_init(&w->attempts, exchange_attempt_bytes(), 0, WORKER_KEEP_FREE);
    pool_init(&w->places, exchange_place_bytes(), 0, WORKER_KEEP_FREE);
    pool_init(&w->inquiries, exchange_inquiry_bytes(), 0, WORKER_KEEP_FREE);
    pool_init(&w->bearers, sizeof(struct bearer), 0, WORKER_KEEP_FREE);
    pool_init(&w->questions, exchange_question_bytes(), 0, WORKER_KEEP_FREE);
    pool_init(&w->holds, exchange_hold_bytes(), 0, WORKER_KEEP_FREE);
    pool_init(&w->throttled, exchange_throttled_bytes(), 0, WORKER_KEEP_FREE);
    pool_init(&w->throttles, sizeof(struct throttle), 0, WORKER_KEEP_FREE);
    pool_init(&w->codings, sizeof(struct flow_coding), 0, WORKER_KEEP_FREE);

    wire_init(&w->wire, w->metrics);

    w->box.fd = -1;
    w->loop = loop_new();
    *rc = w->loop ? mailbox_open(&w->box, w->loop) : -EMFILE;
    if (*rc != 0) {
        worker_free(w);
        return NULL;
    }
    timer_init(&w->tick, w->loop, tick, w);
    mux_owner_init(&w->mux_owner, w->loop, &w->buffers, w->metrics, w->scratch,
                   WORKER_SCRATCH_BYTES);
    w->link_owner = (struct link_owner){.worker = w->index,
                                        .loop = w->loop,
                                        .links = &w->links,
                                        .buffers = &w->buffers,
                                        .deadlines = &w->deadlines,
                                        .metrics = w->metrics,
                                        .wire = &w->wire,
                                        .mux_owner = &w->mux_owner,
                                        .lines = &w->lines,
                                        .ready = link_is_ready,
                                        .late = link_is_late};
    return w;
}

void worker_free(struct worker *w)
{
    if (!w)
        return;
    mailbox_close(&w->box);
    timer_stop(&w->tick);
    mux_owner_done(&w->mux_owner);
    loop_free(w->loop);
    deadlines_done(&w->deadlines);
    pool_done(&w->buffers);
    pool_done(&w->links);
    pool_done(&w->sessions);
    pool_done(&w->exchanges);
    pool_done(&w->attempts);
    pool_done(&w->places);
    pool_done(&w->holds);
    pool_done(&w->throttled);
    pool_done(&w->throttles);
    pool_done(&w->codings);
    pool_done(&w->inquiries);
    pool_done(&w->bearers);
    pool_done(&w->questions);
    verified_free(w->verified);
    verified_free(w->verified_tokens);
    compressors_done(&w->compressors);
    wire_done(&w->wire);
    VEC_DONE(&w->acceptor);
    free(w->scratch);
    free(w->verdict);
    free(w->metrics);
    free(w);
}

/* Servers that the new generation no longer has keep no idle connections. */
static void close_gone_links(struct worker *w, const struct generation *old)
{
    for (uint32_t i = 0; i < old->n_servers; i++) {
        struct server *s = old->server[i];
        if (atomic_load_explicit(&s->generation, memory_order_relaxed) < w->newest_id)
            link_close_idle(&w->link_owner, s);
    }
}

static bool gate_stays(const struct worker *w, const struct gate *gate)
{
    return generation_listener(w->current, gate) ||
           (w->canary && generation_listener(w->canary, gate));
}

static bool all_gates_stay(const struct worker *w, const struct generation *old)
{
    for (uint32_t i = 0; i < old->table->n_listeners; i++)
        if (!gate_stays(w, old->gate[i]))
            return false;
    return true;
}

/* Clients of a listener that went are told now, and not by their next request. */
static void close_gone_sessions(struct worker *w, const struct generation *old)
{
    if (all_gates_stay(w, old))
        return;
    LIST_EACH (s, &w->session, struct session, link)
        if (!gate_stays(w, s->gate))
            session_close_if_idle(s);
}

static bool any_server_went(const struct worker *w, const struct generation *old)
{
    for (uint32_t i = 0; i < old->n_servers; i++)
        if (atomic_load_explicit(&old->server[i]->generation, memory_order_relaxed) < w->newest_id)
            return true;
    return false;
}

/* Tunnels outlive a swap, but not for ever what they were made by. */
static void drain_gone_tunnels(struct worker *w, const struct generation *old)
{
    if (all_gates_stay(w, old) && !any_server_went(w, old))
        return;
    LIST_EACH (s, &w->session, struct session, link)
        if (s->exchange &&
            (!gate_stays(w, s->gate) || exchange_outlives(s->exchange, w->newest_id)))
            exchange_drain(s->exchange);
}

/* There may be more servers now, or more room at them. */
static void call_waiting(const struct generation *g)
{
    for (uint32_t i = 0; i < g->table->n_clusters; i++) {
        struct queue *q = &g->cluster[i]->queue;
        if (queue_is_used(q))
            queue_all(q);
    }
}

/* It was one of the two, and is no more. */
static void leave(struct worker *w, struct generation *old)
{
    close_gone_links(w, old);
    close_gone_sessions(w, old);
    drain_gone_tunnels(w, old);
    generation_unpin(old, w->index);
}

/* Both have been pinned for this worker since they were made. */
static void adopt(struct worker *w, struct generation *g, struct generation *canary)
{
    worker_now(w);
    struct generation *old = w->current, *old_canary = w->canary;
    if (old)
        acceptors_leave(w, g, canary);
    w->current = g;
    w->canary = canary;
    w->newest_id = canary && canary->id > g->id ? canary->id : g->id;
    if (!w->draining)
        acceptors_update(w);
    if (old_canary && old_canary != canary && old_canary != g)
        leave(w, old_canary);
    if (!old)
        return;
    if (old != g)
        leave(w, old);
    call_waiting(g);
    if (canary)
        call_waiting(canary);
}

/* What the control thread wants done, carried by the mailbox. */
struct order {
    struct message message;
    struct worker *worker;
    struct generation *generation, *canary;
    struct canary_share share;
    struct shadow *shadow;
    struct message *done;
    bool succeeded;
};

static void post_order(void (*run)(struct message *m), struct order order)
{
    struct order *o = MUST_NEW(struct order);
    *o = order;
    o->message.run = run;
    mailbox_post(&o->worker->box, &o->message);
}

static void do_publish(struct message *m)
{
    struct order *o = CONTAINER_OF(m, struct order, message);
    struct worker *w = o->worker;
    w->canary_share = o->share;
    const int64_t began_ns = clock_now_ns();
    adopt(w, o->generation, o->canary);
    const int64_t took_ns = clock_now_ns() - began_ns;
    if (took_ns > atomic_load_explicit(&w->taking_ns, memory_order_relaxed))
        atomic_store_explicit(&w->taking_ns, took_ns, memory_order_relaxed);
    atomic_fetch_add_explicit(&w->taken, 1, memory_order_release);
    free(o);
}

static void do_shadow(struct message *m)
{
    struct order *o = CONTAINER_OF(m, struct order, message);
    struct worker *w = o->worker;
    shadow_unpin(w->shadow);
    w->shadow = o->shadow;
    free(o);
}

static void do_drain(struct message *m)
{
    struct order *o = CONTAINER_OF(m, struct order, message);
    struct worker *w = o->worker;
    w->drained = o->done;
    w->succeeded = o->succeeded;
    free(o);

    worker_now(w);
    w->draining = true;
    acceptors_close(w);
    LIST_EACH (s, &w->session, struct session, link) {
        if (s->exchange)
            exchange_drain(s->exchange);
        if (w->succeeded)
            session_await_last(s);
        else
            session_close_if_idle(s);
    }
    report_drained(w);
}

static void do_ping(struct message *m)
{
    struct order *o = CONTAINER_OF(m, struct order, message);
    mailbox_post(o->worker->control, o->done);
    free(o);
}

static void close_all_links(struct worker *w, const struct generation *g)
{
    for (uint32_t i = 0; i < g->n_servers; i++)
        link_close_idle(&w->link_owner, g->server[i]);
}

static void close_everything(struct worker *w)
{
    acceptors_close(w);
    LIST_EACH (s, &w->session, struct session, link)
        session_close(s, ACCESS_SHUTDOWN);
    close_all_links(w, w->current);
    if (w->canary)
        close_all_links(w, w->canary);
    h2_link_close_all(&w->link_owner);
    shadow_unpin(w->shadow);
    w->shadow = NULL;
    struct generation *g = w->current, *canary = w->canary;
    w->current = w->canary = NULL;
    generation_unpin(g, w->index);
    if (canary)
        generation_unpin(canary, w->index);
}

static void do_stop(struct message *m)
{
    struct order *o = CONTAINER_OF(m, struct order, message);
    struct worker *w = o->worker;
    free(o);
    worker_now(w);
    w->draining = true;
    close_everything(w);
    loop_stop(w->loop);
}

static void *thread_main(void *of)
{
    struct worker *w = of;
    loop_run(w->loop);
    return NULL;
}

int worker_start(struct worker *w, struct generation *first)
{
    adopt(w, first,
          NULL); /* before there is a thread: so that whoever started us knows we accept */
    return -pthread_create(&w->thread, NULL, thread_main, w);
}

void worker_publish(struct worker *w, struct generation *g, struct generation *canary,
                    struct canary_share share)
{
    post_order(do_publish,
               (struct order){.worker = w, .generation = g, .canary = canary, .share = share});
}

void worker_shadow(struct worker *w, struct shadow *s)
{
    post_order(do_shadow, (struct order){.worker = w, .shadow = s});
}

void worker_drain(struct worker *w, bool succeeded, struct message *drained)
{
    post_order(do_drain, (struct order){.worker = w, .succeeded = succeeded, .done = drained});
}

void worker_ping(struct worker *w, struct message *turned)
{
    post_order(do_ping, (struct order){.worker = w, .done = turned});
}

void worker_stop(struct worker *w)
{
    post_order(do_stop, (struct order){.worker = w});
    pthread_join(w->thread, NULL);
}

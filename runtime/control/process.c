#include "runtime/control/process.h"

#include <errno.h>
#include <signal.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "runtime/base/clock.h"
#include "runtime/control/control_priv.h"
#include "runtime/log/log.h"

static const int SIGNALS[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1};

static void take_signal(struct control *c, int number)
{
    if ((number == SIGHUP || number == SIGUSR1) && upgrade_takes_signal(c, number))
        return;
    switch (number) {
    case SIGHUP:
        if (c->reload.under_way)
            c->reload_again = true; /* the file may have changed since the one under way read it */
        else
            control_reload_by_signal(c);
        return;
    case SIGUSR1:
        if (c->writer)
            writer_reopen(c->writer);
        return;
    default: /* SIGTERM, SIGINT; the second time it is meant */
        if (c->told_to_end)
            control_end_now(c);
        else
            control_shutdown(c);
    }
}

static void signal_ready(void *of, unsigned what)
{
    (void)what;
    struct control *c = of;
    struct signalfd_siginfo info;
    while (read(c->signal_fd, &info, sizeof(info)) == sizeof(info))
        take_signal(c, (int)info.ssi_signo);
}

static int watch_signals(struct control *c)
{
    sigset_t set;
    sigemptyset(&set);
    for (size_t i = 0; i < COUNT_OF(SIGNALS); i++)
        sigaddset(&set, SIGNALS[i]);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN); /* a broken pipe is an error where it is written */
    c->signal_fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    if (c->signal_fd == -1)
        return -errno;
    watch_init(&c->signals, c->loop, c->signal_fd, signal_ready, c);
    watch_want(&c->signals, WATCH_READ);
    return 0;
}

static void health_changed(void *of, struct server *s, enum health_state state, const char *reason)
{
    struct control *c = of;
    server_turns(s);
    if (state == HEALTH_DOWN)
        server_rises(s, SERVER_TO_RISE);
    else if (atomic_load_explicit(&s->risen_ns, memory_order_relaxed) == SERVER_TO_RISE)
        server_rises(s, clock_now_ns());
    event_log(EVENT_SERVER, state == HEALTH_UP ? LOG_INFO : LOG_WARNING,
              ABOUT(slice_of(s->cluster_name), slice_of(s->name)), "server %s/%s is %s: %s",
              s->cluster_name, s->name, health_name(state), reason);
    control_watch_server(c, s);
}

static uint64_t random_seed(void)
{
    uint64_t seed;
    if (getrandom(&seed, sizeof(seed), 0) != sizeof(seed))
        seed = (uint64_t)clock_wall_ns() ^ (uint64_t)getpid() << 32;
    return seed;
}

static int make_workers(struct control *c)
{
    struct rng rng = {random_seed()};
    c->worker = MUST_ARRAY(struct worker *, c->config.workers);
    c->metrics = MUST_ARRAY(const struct metrics *, c->config.workers + 2);
    c->ring = MUST_ARRAY(struct access_ring *, c->config.workers);
    c->drained = MUST_ARRAY(struct worker_drained, c->config.workers);
    c->behind = MUST_ARRAY(uint32_t, c->config.workers);
    for (; c->n_workers < c->config.workers; c->n_workers++) {
        const uint32_t i = c->n_workers;
        c->ring[i] = c->config.access_log ? access_ring_new(ACCESS_RING_RECORDS) : NULL;
        const struct worker_config worker = {.index = i,
                                             .seed = rng_next(&rng),
                                             .log = c->ring[i],
                                             .control = &c->box,
                                             .checks = c->checks};
        int rc;
        c->worker[i] = worker_new(&worker, &rc);
        if (!c->worker[i])
            return rc;
        c->metrics[i] = c->worker[i]->metrics;
    }
    c->n_metrics = c->n_workers;
    c->metrics[c->n_metrics++] = &c->own;
    if (c->config.admin.metrics)
        c->metrics[c->n_metrics++] = c->config.admin.metrics;
    return c->config.access_log
               ? writer_start(c->config.access_log, c->ring, c->n_workers, &c->writer)
               : 0;
}

struct control *control_new(const struct control_config *config, struct text *why)
{
    ASSERT(config->workers >= 1 && config->workers <= CONTROL_WORKERS_MAX);

    struct control *c = MUST_NEW(struct control);
    c->config = *config;
    c->begun_ns = clock_now_ns();
    c->signal_fd = c->box.fd = -1;
    c->loop = loop_new();
    control_watch_init(c);
    control_descriptors_init(c);
    control_expiry_init(c);
    traces_init(c);
    int rc = c->loop ? 0 : -EMFILE;
    const char *what = "the control thread";
    if (rc == 0)
        rc = mailbox_open(&c->box, c->loop);
    if (rc == 0)
        rc = watch_signals(c);
    if (rc == 0) {
        c->probes = probes_new(c->loop, random_seed(), health_changed, c);
        c->sources = control_sources_new(c);
        c->shares = control_shares_new(c, random_seed());
        changes_init(c);
        overrides_init(c);
        trial_init(c);
        canary_init(c);
        service_init(c);
        upgrade_init(c);
        takeover_init(c);
        c->checks = checks_new();
        rc = make_workers(c);
        what = c->n_workers == config->workers ? config->access_log : "a worker";
    }
    if (rc == 0)
        return c;
    text_addf(why, "cannot start %s: %s", what, strerror(-rc));
    control_free(c);
    return NULL;
}

struct loop *control_loop(struct control *c)
{
    return c->loop;
}

/* --- the start ------------------------------------------------------------------------------- */

/* Found, and checked; and who counts for all has been asked. */
static bool all_checked_once(const struct control *c)
{
    const struct generation *g = c->newest;
    for (uint32_t i = 0; i < g->table->n_clusters; i++)
        if (discoveries_wait(c->sources, i))
            return false;
    for (uint32_t i = 0; i < g->n_servers; i++) {
        const struct server *s = g->server[i];
        if (atomic_load_explicit(&s->checked, memory_order_relaxed) &&
            atomic_load_explicit(&s->health, memory_order_relaxed) == HEALTH_UNKNOWN)
            return false;
    }
    return !c->regroups && shares_settled(c->shares);
}

static void say_where(const struct generation *g)
{
    for (uint32_t i = 0; i < g->table->n_listeners; i++) {
        const struct table_listener *l = &g->table->listener[i];
        for (uint32_t b = 0; b < l->n_binds; b++) {
            char where[ENDPOINT_TEXT_MAX];
            endpoint_format(&l->bind[b].endpoint, where);
            log_line(LOG_INFO, "listener " SLICE_FMT " is at %s", SLICE_ARG(l->name), where);
        }
    }
}

void control_serve(struct control *c)
{
    control_descriptors_begin(c);
    for (uint32_t i = 0; i < c->n_workers; i++) {
        const int rc = worker_start(c->worker[i], c->newest);
        if (rc != 0) {
            log_line(LOG_ERROR, "cannot start a thread: %s", strerror(-rc));
            exit(EXIT_FAILURE);
        }
    }
    c->serving = true;
    say_where(c->newest);
    event_log(EVENT_PROCESS, LOG_INFO, ABOUT(slice_of(c->config.file)),
              "generation %llu serves, %u worker%s", (unsigned long long)c->newest->id,
              c->n_workers, c->n_workers == 1 ? "" : "s");
    if (c->takeover.channel == -1)
        service_begins(c);
}

/* Whoever connects before the first checks are in waits some milliseconds rather than getting a
 * 503. */
static void look_at_first_checks(void *of)
{
    struct control *c = of;
    if (!all_checked_once(c) && clock_now_ns() < c->serve_at_ns)
        timer_set(&c->first_checks, FIRST_CHECKS_LOOK_NS);
    else if (!takeover_is_ready(c))
        control_serve(c);
}

bool control_start(struct control *c, struct table *table, struct text *why)
{
    struct generation_needs needs = {0};
    table = changes_at_start(c, table);
    const bool loaded = control_load_needs(table, needs, &needs, why);
    if (loaded)
        recalled_keys(c, &needs);
    const bool published = loaded && control_publish(c, table, needs, why);
    control_let_go(&needs); /* the generation has it */
    if (!published) {
        table_free(table);
        return false;
    }
    overrides_settle(c); /* the file may have become another meanwhile */
    c->serve_at_ns = clock_now_ns() + FIRST_CHECKS_NS;
    timer_init(&c->first_checks, c->loop, look_at_first_checks, c);
    look_at_first_checks(c);
    return true;
}

void control_run(struct control *c)
{
    loop_run(c->loop);
}

/* --- the end --------------------------------------------------------------------------------- */

/* Their last unpins retire the generations, through the mailbox. */
static void free_workers(struct control *c)
{
    for (uint32_t i = 0; c->serving && i < c->n_workers; i++)
        worker_stop(c->worker[i]);
    checks_free(c->checks); /* the last answers are in the workers' mailboxes, and go with them */
    for (uint32_t i = 0; i < c->n_workers; i++)
        worker_free(c->worker[i]);
}

void control_free(struct control *c)
{
    if (!c)
        return;
    if (c->service.turn)
        upgrade_abandon(c, "the process is shutting down");
    canary_abandon(c);
    control_abandon_reload(c);
    overrides_flush(c);
    traces_end(c);
    free_workers(c);
    c->ending = true;
    discoveries_free(c->sources);
    shares_free(c->shares);
    writer_stop(c->writer);
    mailbox_close(&c->box);
    while (c->newest) { /* when the workers never ran, nobody has retired it */
        struct generation *g = c->newest;
        c->newest = g->older;
        generation_free(g);
    }
    probes_free(c->probes);
    timer_stop(&c->first_checks);
    timer_stop(&c->drain_deadline);
    timer_stop(&c->drain_progress);
    timer_stop(&c->drain_answers);
    timer_stop(&c->reload.checks);
    canary_done(c);
    changes_done(c);
    overrides_done(c);
    trial_done(c);
    if (c->service.turn) {
        service_done(c);
        upgrade_done(c);
        takeover_done(c);
    }
    timer_stop(&c->regroup);
    timer_stop(&c->watch);
    timer_stop(&c->descriptors);
    timer_stop(&c->expiry);
    watch_done(&c->signals);
    if (c->signal_fd != -1)
        close(c->signal_fd);
    loop_free(c->loop);
    for (uint32_t i = 0; i < c->config.workers; i++)
        access_ring_free(c->ring ? c->ring[i] : NULL);
    free(c->ring);
    free(c->worker);
    free(c->metrics);
    free(c->drained);
    free(c->behind);
    free(c);
}

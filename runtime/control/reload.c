/* A configuration is compiled on a thread of its own, and what becomes of it is answered. */
#include "runtime/base/clock.h"
#include "runtime/control/control_priv.h"
#include "runtime/log/log.h"

static bool is_among(const struct certificate *c, const struct tls_loaded *tls)
{
    for (uint32_t i = 0; tls && i < tls->n_certificates; i++)
        if (tls->certificate[i] == c)
            return true;
    return false;
}

static void tell_certificate(const struct certificate *c, struct text *out)
{
    char until[CERTIFICATE_DATE_BYTES];
    certificate_date(c->not_after_s, until);
    text_addf(out, "certificate " SLICE_FMT " is read anew: %s, valid until %s\n",
              SLICE_ARG(c->n_names > 0 ? c->name[0] : SLICE("of no name")), c->chain_path, until);
}

/* Those that were not read again are the same objects. */
static void tell_certificates(struct reload *r)
{
    const struct tls_loaded *is = r->needs.tls;
    uint32_t same = 0;
    for (uint32_t i = 0; i < is->n_certificates; i++) {
        const struct certificate *c = is->certificate[i];
        if (is_among(c, r->before.tls))
            same++;
        else
            tell_certificate(c, &r->report);
    }
    if (is->n_certificates == 0)
        text_adds(&r->report, "there are no certificates\n");
    else
        text_addf(&r->report, "%u certificate%s as %s\n", same, same == 1 ? " is" : "s are",
                  same == 1 ? "it was" : "they were");
}

static void *compile_thread(void *of)
{
    struct control *c = of;
    struct reload *r = &c->reload;
    r->table = c->config.load(c->config.load_of, &r->what, &r->report);
    r->loaded =
        r->table && !r->candidate && control_load_needs(r->table, r->before, &r->needs, &r->report);
    if (r->certificates && r->loaded)
        tell_certificates(r);
    mailbox_post(&c->box, &c->reload.finished);
    return NULL;
}

/* What was loaded is the generation's now, or nobody's. */
static void reload_let_go(struct reload *r)
{
    control_let_go(&r->needs);
    control_let_go(&r->before);
}

/* Too late: the process ends. */
static void reload_abandoned(struct message *m)
{
    struct reload *r = CONTAINER_OF(m, struct reload, finished);
    struct control *c = CONTAINER_OF(r, struct control, reload);
    if (r->table && !r->candidate && c->config.loaded)
        c->config.loaded(c->config.load_of, false, NULL);
    shadow_drop(r->candidate);
    table_free(r->table);
    reload_let_go(r);
    text_done(&r->report);
    text_done(&r->differs);
    changes_settle(c, r, false);
}

void control_abandon_reload(struct control *c)
{
    struct reload *r = &c->reload;
    if (!r->under_way)
        return;
    r->under_way = false;
    if (r->asker.done) { /* whoever waits for it frees what it waits with */
        const struct control_reload nothing = {.generation = c->newest->id};
        r->asker.done(r->asker.of, &nothing);
    }
    if (!r->compiling) { /* it waits for checks; its generation is freed with the others */
        if (r->canary.part > 0 &&
            c->config.loaded) /* else that has been said when it was published */
            c->config.loaded(c->config.load_of, false, NULL);
        changes_settle(c, r, false);
        text_done(&r->report);
        text_done(&r->differs);
        return;
    }
    r->finished.run = reload_abandoned;
    pthread_join(r->thread, NULL);
}

void control_log_report(struct slice report, enum log_level level)
{
    struct slice line;
    while (slice_split(&report, '\n', &line))
        if (line.len > 0)
            log_line(level, "  " SLICE_FMT, SLICE_ARG(line));
}

static void log_refusal(const struct control *c, const struct control_reload *r)
{
    event_log(EVENT_RELOAD, LOG_ERROR, ABOUT(slice_of(c->config.file)),
              "%s refused, generation %llu goes on; loading was asked for by %s",
              r->change > 0 ? "change" : "reload", (unsigned long long)r->generation,
              c->reload.who);
    control_log_report(r->report, LOG_ERROR);
}

/* What came while it was under way. */
static void begin_next(struct control *c)
{
    if (c->reload_again) {
        c->reload_again = false;
        control_reload_by_signal(c);
    }
}

static void answer(struct control *c, bool done)
{
    struct reload *r = &c->reload;
    struct text report = r->report; /* whoever is told may ask for the next one at once */
    struct text differs = r->differs;
    r->report = r->differs = (struct text){0};
    r->under_way = false;
    c->reloads++;
    c->reloads_refused += !done;
    c->reload_refused = !done;
    c->reload_wall_ns = clock_wall_ns();
    const struct control_reload result = {.done = done,
                                          .generation = c->newest->id,
                                          .change = r->change.number,
                                          .took_ns = clock_now_ns() - r->begun_ns,
                                          .report = text_slice(&report),
                                          .differs = text_slice(&differs)};
    if (done)
        event_log(EVENT_RELOAD, LOG_INFO, ABOUT(slice_of(c->config.file)),
                  "generation %llu serves, after %.1f ms, loaded by %s",
                  (unsigned long long)result.generation, (double)result.took_ns / (double)NS_PER_MS,
                  r->who);
    else
        log_refusal(c, &result);
    changes_settle(c, r, done);
    trial_settle(c, r, done);
    if (done && !trial_is_on(c))
        overrides_settle(c);
    service_serves(c);
    if (r->asker.done)
        r->asker.done(r->asker.of, &result);
    text_done(&report);
    text_done(&differs);
    begin_next(c);
}

/* What is served stays beside it. */
static void answer_beside(struct control *c, struct control_reload result)
{
    struct reload *r = &c->reload;
    struct text report = r->report, differs = r->differs;
    result.generation = c->handed_over->id;
    result.took_ns = clock_now_ns() - r->begun_ns;
    result.report = text_slice(&report);
    result.differs = text_slice(&differs);
    r->report = r->differs = (struct text){0};
    r->under_way = false;
    if (r->asker.done)
        r->asker.done(r->asker.of, &result);
    text_done(&report);
    text_done(&differs);
    begin_next(c);
}

/* Nothing else is served: only what is counted has changed. */
static void answer_candidate(struct control *c)
{
    struct reload *r = &c->reload;
    const bool done = r->table != NULL;
    reload_let_go(r);
    changes_settle(c, r, false);
    shadow_loaded(c, r);
    answer_beside(c, (struct control_reload){.done = done, .shadows = true});
}

/* How it ends settles what it was loaded with. */
static void answer_canary(struct control *c)
{
    answer_beside(c, (struct control_reload){.done = true, .canary = true});
}

bool control_waits_for_checks(const struct control *c, const struct generation *g, uint32_t cluster)
{
    const struct generation_part part = g->part[cluster];
    bool unknown = c->regroups || (g == c->newest && discoveries_wait(c->sources, cluster));
    for (uint32_t i = part.first; i < part.first + part.n; i++) {
        const struct server *s = g->server[i];
        if (server_usable(s))
            return false;
        unknown |= atomic_load_explicit(&s->checked, memory_order_relaxed) &&
                   atomic_load_explicit(&s->admin, memory_order_relaxed) == SERVER_READY &&
                   atomic_load_explicit(&s->health, memory_order_relaxed) == HEALTH_UNKNOWN;
    }
    return unknown;
}

static bool any_waits_for_checks(const struct control *c, const struct generation *g)
{
    for (uint32_t i = 0; i < g->table->n_clusters; i++)
        if (control_waits_for_checks(c, g, i))
            return true;
    return false;
}

bool control_all_have_taken(const struct control *c, uint64_t given)
{
    for (uint32_t i = 0; i < c->n_workers && c->serving; i++)
        if (atomic_load_explicit(&c->worker[i]->taken, memory_order_acquire) < given)
            return false;
    return true;
}

/* Whoever asked is told once it is so everywhere: what a listener that is removed was bound to can
 * be bound again by the next one. */
static void look_at_taking(void *of)
{
    struct control *c = of;
    if (!control_all_have_taken(c, c->given) && clock_now_ns() < c->reload.hand_over_ns)
        timer_set(&c->reload.checks, TAKING_LOOK_NS);
    else if (c->reload.canary.part > 0)
        answer_canary(c);
    else
        answer(c, true);
}

/* The generation before serves on until the new one can; not for long, though. */
static void look_at_checks(void *of)
{
    struct control *c = of;
    const struct generation *g = canary_is_on(c) ? c->canary.generation : c->newest;
    if (c->serving && clock_now_ns() < c->reload.hand_over_ns &&
        (any_waits_for_checks(c, g) || !shares_settled(c->shares))) {
        timer_set(&c->reload.checks, FIRST_CHECKS_LOOK_NS);
        return;
    }
    if (canary_is_on(c))
        canary_begin(c);
    else
        control_hand_over(c);
    timer_init(&c->reload.checks, c->loop, look_at_taking, c);
    c->reload.hand_over_ns = clock_now_ns() + TAKING_NS;
    look_at_taking(c);
}

static void reload_finished(struct message *m)
{
    struct reload *r = CONTAINER_OF(m, struct reload, finished);
    struct control *c = CONTAINER_OF(r, struct control, reload);
    pthread_join(r->thread, NULL);
    r->compiling = false;
    if (r->candidate) {
        answer_candidate(c);
        return;
    }
    const bool beside = r->canary.part > 0;
    const bool published =
        r->loaded && (beside ? canary_publish(c, r, &r->report)
                             : control_publish(c, r->table, r->needs, &r->report));
    if (r->table && c->config.loaded && !(beside && published))
        c->config.loaded(c->config.load_of, published, &r->report);
    reload_let_go(r);
    if (published) {
        timer_init(&r->checks, c->loop, look_at_checks, c);
        r->hand_over_ns = clock_now_ns() + FIRST_CHECKS_NS;
        look_at_checks(c);
        return;
    }
    table_free(r->table);
    answer(c, false);
}

const char *control_why_not_now(const struct control *c)
{
    return c->draining            ? "the process is shutting down"
           : c->upgrade.under_way ? "another process is about to take over; ask again when it has"
           : takeover_waits(c)    ? "this process is about to take over"
           : canary_is_on(c) && !c->reload.under_way
               ? "a canary serves beside it: \"promote\" or \"revert\" it first"
           : trial_is_on(c) ? "a configuration is on trial: \"confirm\" it, or wait until it goes"
                            : "a reload is under way already; ask again when it is done";
}

void control_who(struct slice who, char out[CONTROL_WHO_MAX + 1])
{
    const size_t n = who.len < CONTROL_WHO_MAX ? who.len : CONTROL_WHO_MAX;
    memcpy(out, who.at, n);
    out[n] = '\0';
}

static bool start_thread(struct control *c, const struct reload *r)
{
    c->reload = *r;
    struct reload *begun = &c->reload;
    control_who(r->asker.who, begun->who);
    begun->what.who = slice_of(begun->who);
    begun->what.why = slice_of(begun->change.why);
    begun->what.differs = r->asker.done && !r->certificates ? &begun->differs : NULL;
    begun->compiling = true;
    begun->finished.run = reload_finished;
    begun->begun_ns = r->now_ns;
    begun->before = c->newest->configuration->needs;
    tls_loaded_pin(begun->before.tls);
    secrets_pin(begun->before.secrets);
    realms_pin(begun->before.realms);
    begun->under_way = pthread_create(&begun->thread, NULL, compile_thread, c) == 0;
    if (!begun->under_way)
        reload_let_go(begun);
    else
        service_loads(c);
    return begun->under_way;
}

bool control_begin_reload(struct control *c, struct reload *r)
{
    const bool may = !c->reload.under_way && !c->draining && !trial_is_on(c) && !canary_is_on(c) &&
                     !c->upgrade.under_way && !takeover_waits(c);
    r->now_ns = clock_now_ns();
    changes_load(c, r);
    if (may && start_thread(c, r))
        return true;
    if (r->asker.why)
        text_adds(r->asker.why,
                  may ? "there is no thread to be had for it" : control_why_not_now(c));
    changes_settle(c, r, false);
    shadow_drop(r->candidate);
    return false;
}

bool control_reload(struct control *c, const struct control_asker *asker)
{
    struct reload r = {.what = {.anew = true}, .asker = *asker};
    return control_begin_reload(c, &r);
}

bool control_reload_certificates(struct control *c, const struct control_asker *asker)
{
    struct reload r = {.certificates = true, .asker = *asker};
    return control_begin_reload(c, &r);
}

void control_reload_by_signal(struct control *c)
{
    struct text why = {0};
    const struct control_asker asker = {.who = SLICE("SIGHUP"), .why = &why};
    if (!control_reload(c, &asker))
        event_log(EVENT_RELOAD, LOG_WARNING, ABOUT(slice_of(c->config.file)), "SIGHUP: " SLICE_FMT,
                  SLICE_ARG(text_slice(&why)));
    text_done(&why);
}

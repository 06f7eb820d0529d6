/* A configuration that serves a share of the clients, beside the one that serves the others. */
#include <sys/random.h>

#include "runtime/base/clock.h"
#include "runtime/control/control_priv.h"
#include "runtime/log/events.h"

_Static_assert(CONTROL_CANARY_WHOLE == CANARY_WHOLE, "shares are said in the same parts");

/* --- what has been counted ------------------------------------------------------------------- */

static void add_side(struct judged_side *to, const struct canary_counts *of)
{
    statuses_read(&of->statuses, &to->statuses);
    histogram_read(&of->took, &to->took);
}

static void count_all(const struct control *c, struct judged *out)
{
    *out = (struct judged){0};
    for (uint32_t i = 0; i < c->n_workers; i++) {
        const struct canary_worker *w = &c->worker[i]->canary_counts;
        add_side(&out->new, &w->side[CANARY_NEW]);
        add_side(&out->old, &w->side[CANARY_STABLE]);
    }
}

static struct control_canary_side side_of(const struct judged_side *now,
                                          const struct judged_side *began)
{
    const struct judged_side since = judged_since(now, began);
    const uint64_t n = histogram_count(&since.took);
    return (struct control_canary_side){.statuses = since.statuses,
                                        .mean_ns =
                                            n > 0 ? (double)since.took.sum_ns / (double)n : -1,
                                        .p99_ns = histogram_quantile(&since.took, 0.99)};
}

/* --- its end --------------------------------------------------------------------------------- */

static void settle(struct control *c, bool served)
{
    if (c->config.loaded)
        c->config.loaded(c->config.load_of, served, NULL);
    changes_settle(c, &c->reload, served);
}

/* `instead` serves all from now on: the workers let go of both. */
static void end(struct control *c, struct generation *instead, bool promoted)
{
    c->canary.generation = NULL;
    c->canary.serves = false;
    timer_stop(&c->canary.look);
    shadow_end(c);
    control_make_newest(c, instead);
    if (promoted)
        discoveries_set(c->sources, instead->table);
    control_hand_over(c);
    settle(c, promoted);
}

static void revert(struct control *c, const char *why)
{
    struct found_servers found;
    event_log(EVENT_CANARY, LOG_WARNING, ABOUT(slice_of(c->config.file)),
              "the canary goes, all clients get what was served before: %s", why);
    discoveries_found(c->sources, c->newest->table, &found);
    end(c, generation_again(c->newest, &found), false);
    found_servers_done(&found);
}

/* Its `admin`, which has waited, is opened now; what can't be opened is a reason to go on as it is.
 */
static bool promote(struct control *c, const struct control_asker *asker)
{
    struct found_servers found;
    const struct generation *g = c->canary.generation;
    if (!control_admin_prepare(c, g->table, &g->configuration->needs, asker->why))
        return false;
    control_admin_settle(c, true);
    discoveries_found(c->sources, g->table, &found);
    end(c, generation_promote(g, c->newest, &found), true);
    found_servers_done(&found);
    overrides_settle(c);
    c->reloads++;
    c->reload_refused = false;
    c->reload_wall_ns = clock_wall_ns();
    event_log(EVENT_CANARY, LOG_INFO, ABOUT(slice_of(c->config.file)),
              "generation %llu serves: the canary is promoted by " SLICE_FMT,
              (unsigned long long)c->newest->id, SLICE_ARG(asker->who));
    return true;
}

/* What it did with another share of the clients is no measure of what it does with this one. */
static void judge_anew(struct control *c)
{
    struct judged now;
    count_all(c, &now);
    judge_begin(&c->canary.judge, &now, clock_now_ns());
}

static void look(void *of)
{
    struct control *c = of;
    struct canary *k = &c->canary;
    struct judged now;
    if (c->draining)
        return;
    count_all(c, &now);
    const char *why = judge_look(&k->judge, &now, k->rule.slower, clock_now_ns());
    if (!why && k->until_ns > 0 && clock_now_ns() >= k->until_ns)
        why = "nobody promoted it in time";
    if (why && !c->reload.under_way) /* else not all workers have it yet */
        revert(c, why);
    else
        timer_set(&c->canary.look, TRIAL_LOOK_NS);
}

/* --- its beginning --------------------------------------------------------------------------- */

/* What is not known yet would have to be asked for twice. */
static bool brings_sources(const struct table *t, const struct table *served, struct text *why)
{
    for (uint32_t i = 0; i < t->n_sources; i++) {
        const struct table_source *s = &t->source[i];
        const struct slice cluster = t->cluster[s->cluster].name;
        uint32_t k = 0;
        while (k < served->n_sources &&
               !(served->source[k].kind == s->kind && slice_eq(served->source[k].name, s->name) &&
                 slice_eq(served->cluster[served->source[k].cluster].name, cluster)))
            k++;
        if (k < served->n_sources)
            continue;
        text_addf(why,
                  "cluster " SLICE_FMT ": " SLICE_FMT " lists no servers yet, and a canary waits "
                  "for none: load it on trial, \"reload confirm\"\n",
                  SLICE_ARG(cluster), SLICE_ARG(s->name));
        return true;
    }
    return false;
}

/* Behind the newest, which it is held against. */
static void put(struct control *c, struct generation *g)
{
    g->older = c->newest->older;
    c->newest->older = g;
    c->canary.generation = g;
    generation_stays(c->newest);
    overrides_apply(c, g, c->newest);
    for (uint32_t i = 0; i < g->table->n_clusters; i++)
        cluster_changed(g->cluster[i]);
    control_probe_all(c);
    control_watch_all(c);
}

bool canary_publish(struct control *c, struct reload *r, struct text *why)
{
    struct found_servers found;
    if (brings_sources(r->table, c->newest->table, why) ||
        !control_admin_prepare(c, r->table, &r->needs, why))
        return false;
    control_admin_settle(c, false); /* it could be opened: that is all for now */
    discoveries_found(c->sources, r->table, &found);
    struct generation *g =
        generation_new_apart(r->table, r->needs, &found, c->newest, control_home(c), why);
    found_servers_done(&found);
    if (!g)
        return false;
    c->canary.rule = r->canary;
    put(c, g);
    return true;
}

void canary_begin(struct control *c)
{
    struct canary *k = &c->canary;
    k->serves = true;
    k->share.part = k->rule.part;
    if (getrandom(&k->share.seed, sizeof(k->share.seed), 0) != sizeof(k->share.seed))
        k->share.seed = (uint64_t)clock_wall_ns();
    k->begun_ns = clock_now_ns();
    k->until_ns = k->rule.for_ns > 0 ? k->begun_ns + k->rule.for_ns : 0;
    count_all(c, &k->began);
    judge_anew(c);
    shadow_begin(c, k->generation->configuration, "the canary");
    control_hand_over(c);
    timer_set(&k->look, TRIAL_LOOK_NS);
    event_log(EVENT_CANARY, LOG_INFO, ABOUT(slice_of(c->config.file)),
              "generation %llu serves %.10g%% of the clients",
              (unsigned long long)k->generation->id, k->share.part / (CANARY_WHOLE / 100.0));
}

void canary_regroup(struct control *c)
{
    struct generation *before = c->canary.generation;
    struct found_servers found;
    discoveries_found(c->sources, before->table, &found);
    put(c, generation_again(before, &found));
    found_servers_done(&found);
    if (!c->canary.serves)
        control_unpin(c, before);
}

bool control_canary(struct control *c, const struct control_canary_rule *rule,
                    const struct control_asker *asker)
{
    ASSERT(rule->part > 0 && rule->part <= CANARY_WHOLE);
    struct reload r = {.what = {.anew = true}, .canary = *rule, .asker = *asker};
    if (c->serving)
        return control_begin_reload(c, &r);
    text_adds(asker->why, "nothing is served yet");
    return false;
}

/* --- what operators ask ---------------------------------------------------------------------- */

static bool serves(const struct control *c, struct text *why)
{
    const bool settled = !c->reload.under_way && !c->draining;
    if (!c->canary.serves)
        text_adds(why, "there is no canary: \"reload canary 5%\" begins one");
    else if (!settled)
        text_adds(why, control_why_not_now(c));
    return c->canary.serves && settled;
}

bool control_canary_share(struct control *c, uint32_t part, struct text *why)
{
    ASSERT(part > 0 && part <= CANARY_WHOLE);
    if (!serves(c, why))
        return false;
    c->canary.share.part = part;
    judge_anew(c);
    control_hand_over(c);
    return true;
}

static void answer_ender(struct control *c, bool done)
{
    const struct control_asker ender = c->canary.ender;
    c->canary.ender = (struct control_asker){0};
    timer_stop(&c->canary.taking);
    const struct control_reload result = {.done = done,
                                          .promoted = done && c->canary.promoted,
                                          .reverted = done && !c->canary.promoted,
                                          .generation = c->newest->id,
                                          .took_ns = clock_now_ns() - c->canary.ended_ns};
    if (ender.done)
        ender.done(ender.of, &result);
}

/* As after a reload: a listener that has gone can be bound by somebody else then. */
static void look_at_taking(void *of)
{
    struct control *c = of;
    const struct canary *k = &c->canary;
    if (!control_all_have_taken(c, k->given) && clock_now_ns() - k->ended_ns < TAKING_NS)
        timer_set(&c->canary.taking, TAKING_LOOK_NS);
    else
        answer_ender(c, true);
}

static void begin_waiting(struct control *c, const struct control_asker *asker, bool promoted)
{
    canary_abandon(c); /* there was another one, seconds ago, that some worker has not let go of */
    c->canary.ender = *asker;
    c->canary.ender.why = NULL; /* and `who` are not there any more once it is over */
    c->canary.promoted = promoted;
    c->canary.given = c->given;
    c->canary.ended_ns = clock_now_ns();
    timer_set(&c->canary.taking, TAKING_LOOK_NS);
}

bool control_promote(struct control *c, const struct control_asker *asker)
{
    if (!serves(c, asker->why) || !promote(c, asker))
        return false;
    begin_waiting(c, asker, true);
    return true;
}

bool control_revert(struct control *c, const struct control_asker *asker)
{
    if (!serves(c, asker->why))
        return false;
    struct text reason = {0};
    text_addf(&reason, SLICE_FMT " says so", SLICE_ARG(asker->who));
    revert(c, reason.at);
    text_done(&reason);
    begin_waiting(c, asker, false);
    return true;
}

static void ignore_kind(void *to, const struct control_shadow_kind *k)
{
    (void)to;
    (void)k;
}

bool control_canary_info(const struct control *c, struct control_canary_view *out, struct text *why)
{
    struct judged now;
    struct control_shadow decided;
    const struct canary *k = &c->canary;
    const int64_t now_ns = clock_now_ns();
    if (!serves(c, why))
        return false;
    count_all(c, &now);
    *out = (struct control_canary_view){.part = k->share.part,
                                        .since_ns = now_ns - k->begun_ns,
                                        .left_ns = k->until_ns == 0       ? -1
                                                   : k->until_ns > now_ns ? k->until_ns - now_ns
                                                                          : 0,
                                        .stable = side_of(&now.old, &k->began.old),
                                        .canary = side_of(&now.new, &k->began.new)};
    out->stable.generation = c->newest->id;
    out->canary.generation = k->generation->id;
    if (control_shadow_info(c, &decided, ignore_kind, NULL)) {
        out->compared = decided.compared;
        out->differ = decided.differ;
    }
    return true;
}

void canary_init(struct control *c)
{
    timer_init(&c->canary.look, c->loop, look, c);
    timer_init(&c->canary.taking, c->loop, look_at_taking, c);
}

void canary_abandon(struct control *c)
{
    if (c->canary.ender.done)
        answer_ender(c, false);
}

void canary_done(struct control *c)
{
    timer_stop(&c->canary.look);
    timer_stop(&c->canary.taking);
    if (c->canary.serves)
        settle(c, false);
}

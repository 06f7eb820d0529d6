/* A configuration on trial: it goes again unless somebody confirms it, and at once when it fails.
 */
#include "runtime/base/clock.h"
#include "runtime/control/control_priv.h"
#include "runtime/log/log.h"

static int64_t sum(const struct control *c, size_t offset)
{
    const struct metric_info which = {.offset = offset};
    return metrics_sum(c->metrics, c->n_workers, &which);
}

static struct responses count(const struct control *c)
{
    const int64_t failed = sum(c, offsetof(struct metrics, responses_5xx));
    return (struct responses){.all = sum(c, offsetof(struct metrics, responses_2xx)) +
                                     sum(c, offsetof(struct metrics, responses_3xx)) +
                                     sum(c, offsetof(struct metrics, responses_4xx)) + failed,
                              .failed = failed};
}

static void sample(void *of)
{
    struct control *c = of;
    struct trial *t = &c->trial;
    t->sample[t->n_samples++ % TRIAL_SAMPLES] = count(c);
    timer_set(&t->sampler, TRIAL_SAMPLE_NS);
}

/* The sums about a minute ago, or when the process began. */
static struct responses minute_ago(const struct trial *t)
{
    if (t->n_samples < TRIAL_SAMPLES)
        return (struct responses){0};
    return t->sample[t->n_samples % TRIAL_SAMPLES];
}

static struct responses since(struct responses now, struct responses before)
{
    return (struct responses){.all = now.all - before.all, .failed = now.failed - before.failed};
}

static struct histogram_sum took(const struct cluster *of)
{
    struct histogram_sum sum = {0};
    for (uint32_t i = 0; i < of->n_workers; i++)
        histogram_read(&of->worker[i].total, &sum);
    return sum;
}

static void begin_times(struct control *c, uint32_t slower)
{
    struct trial *t = &c->trial;
    t->slower = slower;
    t->n_clusters = slower > 0 ? c->newest->table->n_clusters : 0;
    t->cluster = MUST_ARRAY(struct trial_cluster, t->n_clusters + 1);
    for (uint32_t i = 0; i < t->n_clusters; i++) {
        struct cluster *of = cluster_pin(c->newest->cluster[i]);
        t->cluster[i] = (struct trial_cluster){of, took(of)};
    }
}

static void end_times(struct trial *t)
{
    for (uint32_t i = 0; i < t->n_clusters; i++)
        cluster_unpin(t->cluster[i].of);
    free(t->cluster);
    t->cluster = NULL;
    t->n_clusters = 0;
}

static bool any_is_slow(const struct trial *t)
{
    for (uint32_t i = 0; i < t->n_clusters; i++) {
        const struct histogram_sum now = took(t->cluster[i].of);
        const struct histogram_sum since = histogram_since(&now, &t->cluster[i].began);
        if (responses_are_slow(&since, &t->cluster[i].began, t->slower))
            return true;
    }
    return false;
}

static void go_back(struct control *c, const char *why)
{
    struct trial *t = &c->trial;
    event_log(EVENT_TRIAL, LOG_WARNING, ABOUT(slice_of(c->config.file)),
              "what is on trial goes, what was served before comes back: %s", why);
    t->until_ns = 0;
    struct reload r = {.what = {.back = true}, .asker = {.who = SLICE("trial")}};
    if (control_begin_reload(c, &r) || c->draining) {
        end_times(t);
        return;
    }
    t->until_ns = clock_now_ns(); /* servers that come and go are being loaded, say */
    timer_set(&t->look, TRIAL_LOOK_NS);
}

static void look(void *of)
{
    struct control *c = of;
    struct trial *t = &c->trial;
    if (clock_now_ns() >= t->until_ns)
        go_back(c, "nobody confirmed it in time");
    else if (responses_fail(since(count(c), t->began), since(t->began, t->before)))
        go_back(c, "too many responses were 5xx");
    else if (any_is_slow(t))
        go_back(c, "the responses of a cluster took too long");
    else
        timer_set(&t->look, TRIAL_LOOK_NS);
}

void trial_settle(struct control *c, const struct reload *r, bool served)
{
    struct trial *t = &c->trial;
    if (!served && r->what.back)
        event_log(EVENT_TRIAL, LOG_ERROR, ABOUT(slice_of(c->config.file)),
                  "what was served before cannot be loaded: what was on trial stays");
    if (!served || r->trial_ns == 0)
        return;
    t->before = minute_ago(t);
    t->began = count(c);
    t->until_ns = clock_now_ns() + r->trial_ns;
    end_times(t);
    begin_times(c, r->trial_slower);
    timer_set(&t->look, TRIAL_LOOK_NS);
    event_log(EVENT_TRIAL, LOG_INFO, ABOUT(slice_of(c->config.file)), "it is on trial for %.0f s",
              (double)r->trial_ns / (double)NS_PER_S);
}

bool control_try(struct control *c, const struct control_trial_rule *rule,
                 const struct control_asker *asker)
{
    struct reload r = {.what = {.anew = true, .keeps = true},
                       .trial_ns = rule->for_ns,
                       .trial_slower = rule->slower,
                       .asker = *asker};
    return control_begin_reload(c, &r);
}

bool control_confirm(struct control *c, struct slice who)
{
    if (!trial_is_on(c))
        return false;
    c->trial.until_ns = 0;
    timer_stop(&c->trial.look);
    end_times(&c->trial);
    overrides_settle(c);
    event_log(EVENT_TRIAL, LOG_INFO, ABOUT(slice_of(c->config.file)),
              "what was on trial stays: it is confirmed by " SLICE_FMT, SLICE_ARG(who));
    return true;
}

void trial_init(struct control *c)
{
    timer_init(&c->trial.sampler, c->loop, sample, c);
    timer_init(&c->trial.look, c->loop, look, c);
    timer_set(&c->trial.sampler, TRIAL_SAMPLE_NS);
}

void trial_done(struct control *c)
{
    end_times(&c->trial);
    timer_stop(&c->trial.sampler);
    timer_stop(&c->trial.look);
}

/* A configuration on trial: it goes again unless somebody confirms it, and at once when it fails.
 */
#include "runtime/base/clock.h"
#include "runtime/control/control_priv.h"
#include "runtime/log/log.h"

#define LOOK_NS (NS_PER_S / 4)

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

static bool trial_fails(struct responses before, struct responses began, struct responses now)
{
    const int64_t all = now.all - began.all, failed = now.failed - began.failed;
    const int64_t all_before = began.all - before.all;
    const double share_before =
        all_before > 0 ? (double)(began.failed - before.failed) / (double)all_before : 0;
    return all >= CONTROL_TRIAL_RESPONSES &&
           (double)failed / (double)all > share_before + CONTROL_TRIAL_PERCENT / 100.0;
}

static void go_back(struct control *c, const char *why)
{
    struct trial *t = &c->trial;
    log_line(LOG_WARNING, "what is on trial goes, what was served before comes back: %s", why);
    t->until_ns = 0;
    struct reload r = {.what = {.back = true}, .asker = {.who = SLICE("trial")}};
    if (control_begin_reload(c, &r) || c->draining)
        return;
    t->until_ns = clock_now_ns(); /* servers that come and go are being loaded, say */
    timer_set(&t->look, LOOK_NS);
}

static void look(void *of)
{
    struct control *c = of;
    struct trial *t = &c->trial;
    if (clock_now_ns() >= t->until_ns)
        go_back(c, "nobody confirmed it in time");
    else if (trial_fails(t->before, t->began, count(c)))
        go_back(c, "too many responses were 5xx");
    else
        timer_set(&t->look, LOOK_NS);
}

void trial_settle(struct control *c, const struct reload *r, bool served)
{
    struct trial *t = &c->trial;
    if (!served && r->what.back)
        log_line(LOG_ERROR, "what was served before cannot be loaded: what was on trial stays");
    if (!served || r->trial_ns == 0)
        return;
    t->before = minute_ago(t);
    t->began = count(c);
    t->until_ns = clock_now_ns() + r->trial_ns;
    timer_set(&t->look, LOOK_NS);
    log_line(LOG_INFO, "it is on trial for %.0f s", (double)r->trial_ns / (double)NS_PER_S);
}

bool control_try(struct control *c, int64_t for_ns, const struct control_asker *asker)
{
    struct reload r = {.what = {.anew = true, .keeps = true}, .trial_ns = for_ns, .asker = *asker};
    return control_begin_reload(c, &r);
}

bool control_confirm(struct control *c)
{
    if (!trial_is_on(c))
        return false;
    c->trial.until_ns = 0;
    timer_stop(&c->trial.look);
    log_line(LOG_INFO, "what was on trial stays: it is confirmed");
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
    timer_stop(&c->trial.sampler);
    timer_stop(&c->trial.look);
}

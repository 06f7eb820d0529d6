/* The end: what is under way has its time, and everybody can see what is left of it. */
#include <inttypes.h>

#include "runtime/base/clock.h"
#include "runtime/control/control_priv.h"
#include "runtime/log/log.h"

#define PROGRESS_NS     NS_PER_S
#define PROGRESS_LOG_NS (5 * NS_PER_S)

/* How long operators who are connected may take to ask, and how often we look. */
#define ANSWERS_NS      (2 * NS_PER_S)
#define ANSWERS_LOOK_NS (20 * NS_PER_MS)

static int64_t sum(const struct control *c, size_t offset)
{
    const struct metric_info which = {.offset = offset};
    return metrics_sum(c->metrics, c->n_workers, &which);
}

struct control_left control_what_is_left(const struct control *c)
{
    const int64_t left_ns = c->drain_until_ns - clock_now_ns();
    const int64_t tunnels = sum(c, offsetof(struct metrics, tunnels_open));
    const int64_t requests = sum(c, offsetof(struct metrics, requests_in_flight)) - tunnels;
    return (struct control_left){.connections = sum(c, offsetof(struct metrics, connections_open)),
                                 .requests = requests > 0 ? requests : 0,
                                 .tunnels = tunnels,
                                 .for_ns = left_ns > 0 ? left_ns : 0};
}

static const char *plural(int64_t n)
{
    return n == 1 ? "" : "s";
}

void control_describe_left(const struct control_left *left, struct text *out)
{
    text_addf(out,
              "%" PRId64 " connection%s, with %" PRId64 " request%s and %" PRId64
              " tunnel%s under way; %.0f s left",
              left->connections, plural(left->connections), left->requests, plural(left->requests),
              left->tunnels, plural(left->tunnels), (double)left->for_ns / (double)NS_PER_S);
}

void control_end_now(struct control *c)
{
    loop_stop(c->loop);
}

static void deadline_passed(void *of)
{
    struct control *c = of;
    event_log(EVENT_PROCESS, LOG_WARNING, ABOUT_PROCESS,
              "closing what is left after the drain deadline");
    control_end_now(c);
}

static void tell_progress(void *of)
{
    struct control *c = of;
    const struct control_left left = control_what_is_left(c);
    const int64_t now_ns = clock_now_ns();
    struct text text = {0};
    control_describe_left(&left, &text);
    if (now_ns - c->drain_logged_ns >= PROGRESS_LOG_NS) {
        c->drain_logged_ns = now_ns;
        log_line(LOG_INFO, "draining: " SLICE_FMT, SLICE_ARG(text_slice(&text)));
    }
    service_drains(c, text_slice(&text));
    upgrade_tell_left(c, &left);
    text_done(&text);
    timer_set(&c->drain_progress, PROGRESS_NS);
}

/* Clients are served by another process, but who has connected to the stats socket of this one is
 * answered here. */
static void end_when_answered(void *of)
{
    struct control *c = of;
    const int64_t now_ns = clock_now_ns();
    if (!upgrade_is_over(c) || now_ns >= c->answer_until_ns || !c->config.asked(c->config.load_of))
        control_end_now(c);
    else
        timer_set(&c->drain_answers, ANSWERS_LOOK_NS);
}

static void worker_is_drained(struct message *m)
{
    struct control *c = CONTAINER_OF(m, struct worker_drained, message)->control;
    if (--c->n_undrained > 0)
        return;
    c->answer_until_ns = clock_now_ns() + ANSWERS_NS;
    end_when_answered(c);
}

void control_drain(struct control *c)
{
    ASSERT(!c->draining);
    const bool succeeded = upgrade_is_over(c);
    c->draining = true;
    c->drain_logged_ns = clock_now_ns();
    c->drain_until_ns = c->drain_logged_ns + c->config.drain_ns;
    if (!c->serving) {
        control_end_now(c);
        return;
    }
    timer_init(&c->drain_deadline, c->loop, deadline_passed, c);
    timer_set(&c->drain_deadline, c->config.drain_ns);
    timer_init(&c->drain_progress, c->loop, tell_progress, c);
    timer_init(&c->drain_answers, c->loop, end_when_answered, c);
    c->n_undrained = c->n_workers;
    traces_end(c); /* before the workers hear of it: so that whoever listens is told */
    for (uint32_t i = 0; i < c->n_workers; i++) {
        c->drained[i] =
            (struct worker_drained){.message = {.run = worker_is_drained}, .control = c};
        worker_drain(c->worker[i], succeeded, &c->drained[i].message);
    }
    tell_progress(c);
}

void control_shutdown(struct control *c)
{
    c->told_to_end = true;
    if (c->draining)
        return;
    upgrade_abandon(c, "the process is shutting down");
    event_log(EVENT_PROCESS, LOG_INFO, ABOUT_PROCESS, "shutting down; what is under way has %.0f s",
              (double)c->config.drain_ns / (double)NS_PER_S);
    control_drain(c);
}

/*
 * Traces: armed in all workers, told as their exchanges come to their ends, and disarmed in all
 * workers when there are enough, when the time is over, or when nobody listens.
 *
 * What was asked for stays until the last worker has let go of it. Whoever asked hears of its end
 * then, or somewhat later than that should have been, when a worker hangs.
 */
#include "runtime/base/clock.h"
#include "runtime/control/control_priv.h"

/* How often it is looked whether anybody listens. */
#define LOOK_NS (NS_PER_S / 2)

/* All workers have let go by then, or are missing in the answer. */
#define LETTING_GO_NS (2 * NS_PER_S)

struct tracing {
    struct list link; /* in control.traces */
    struct control *control;
    struct trace *trace; /* owned */
    struct control_trace_asker asker;
    struct timer timer; /* looks whether anybody listens; once it ends, whether workers let go */
    int64_t until_ns;
    uint32_t told;
    bool ends, over; /* disarmed; and its asker has heard of it */
    enum control_trace_why why;
};

static void say_over(struct tracing *t)
{
    const struct trace *of = t->trace;
    const struct control_trace_end e = {
        .why = t->why,
        .exchanges = t->told,
        .others = atomic_load_explicit(&of->others, memory_order_relaxed),
        .missing = atomic_load_explicit(&of->workers_left, memory_order_relaxed)};
    t->over = true;
    t->asker.over(t->asker.of, &e);
}

static void end(struct tracing *t, enum control_trace_why why)
{
    struct control *c = t->control;
    if (t->ends)
        return;
    t->ends = true;
    t->why = why;
    for (uint32_t i = 0; i < c->n_workers; i++)
        worker_untrace(c->worker[i], t->trace);
    timer_set(&t->timer, LETTING_GO_NS);
}

static void look(void *of)
{
    struct tracing *t = of;
    const int64_t left_ns = t->until_ns - clock_now_ns();
    if (t->ends)
        say_over(t);
    else if (t->asker.is_left(t->asker.of))
        end(t, CONTROL_TRACE_LEFT);
    else if (left_ns <= 0)
        end(t, CONTROL_TRACE_TIME);
    else
        timer_set(&t->timer, left_ns < LOOK_NS ? left_ns : LOOK_NS);
}

static void noted(struct trace_place *p)
{
    struct tracing *t = p->trace->of;
    if (t->over)
        return;
    t->told++;
    t->asker.exchange(t->asker.of, p);
    if (t->told == p->trace->places)
        end(t, CONTROL_TRACE_ALL);
}

static void let_go(struct trace *of)
{
    struct tracing *t = of->of;
    timer_stop(&t->timer);
    list_remove(&t->link);
    t->control->n_traces--; /* before whoever is told asks for the next one */
    if (!t->over)
        say_over(t);
    free(t->trace);
    free(t);
}

bool control_trace(struct control *c, const struct control_trace_wish *wish,
                   const struct control_trace_asker *asker)
{
    ASSERT(wish->for_ns > 0 && wish->for_ns <= CONTROL_TRACE_FOR_NS_MAX);
    if (!c->serving || c->draining || c->n_traces == TRACES_MAX) {
        text_adds(asker->why, c->draining  ? "the process is shutting down"
                              : c->serving ? "as many traces are on as there may be; wait for one "
                                             "to end"
                                           : "nobody is served yet");
        return false;
    }
    struct tracing *t = MUST_NEW(struct tracing);
    t->control = c;
    t->asker = *asker;
    t->until_ns = clock_now_ns() + wish->for_ns;
    t->trace = trace_new(&wish->filter, wish->exchanges, c->n_workers);
    t->trace->noted = noted;
    t->trace->let_go = let_go;
    t->trace->of = t;
    list_init(&t->link);
    list_add_last(&c->traces, &t->link);
    c->n_traces++;
    timer_init(&t->timer, c->loop, look, t);
    timer_set(&t->timer, wish->for_ns < LOOK_NS ? wish->for_ns : LOOK_NS);
    for (uint32_t i = 0; i < c->n_workers; i++)
        worker_trace(c->worker[i], t->trace);
    return true;
}

void traces_init(struct control *c)
{
    list_init(&c->traces);
}

void traces_end(struct control *c)
{
    LIST_EACH (t, &c->traces, struct tracing, link)
        end(t, CONTROL_TRACE_END);
}

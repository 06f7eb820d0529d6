/* What of the process's descriptors are no connections of workers: sockets that listen, probes,
 * files, who asks for statistics. Workers add their own to it, so it is counted now and then. */
#include "runtime/event/descriptors.h"

#include "runtime/base/clock.h"
#include "runtime/control/control_priv.h"

#define COUNT_NS NS_PER_S

/* So many connections at most where each descriptor has to be looked at: about 10 ms. */
#define LISTED_MAX 2000

static int64_t of_workers(const struct control *c)
{
    int64_t n = 0;
    for (uint32_t i = 0; i < c->n_workers; i++)
        n += worker_descriptors(c->worker[i]);
    return n;
}

int64_t control_descriptors(const struct control *c)
{
    const int64_t all = descriptors_open(of_workers(c) <= LISTED_MAX);
    return all > 0 ? all : -1;
}

static void count(void *of)
{
    struct control *c = of;
    timer_set(&c->descriptors, COUNT_NS);
    const int64_t theirs = of_workers(c), all = descriptors_open(theirs <= LISTED_MAX);
    if (all > 0) /* else what was known holds */
        workers_others_descriptors(all > theirs ? all - theirs : 0);
}

void control_descriptors_init(struct control *c)
{
    timer_init(&c->descriptors, c->loop, count, c);
}

void control_descriptors_begin(struct control *c)
{
    count(c);
}

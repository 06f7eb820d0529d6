#include "runtime/event/deadline.h"

/* Durations that nothing waits for any more go when a new one comes: after a hot swap, mostly. */
static void drop_empty_queues(struct deadlines *all)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < all->queue.n; i++) {
        struct deadline_queue *q = all->queue.at[i];
        if (list_empty(&q->waiting))
            free(q);
        else
            all->queue.at[kept++] = q;
    }
    all->queue.n = kept;
}

static uint32_t first_not_shorter(const struct deadlines *all, int64_t duration_ns)
{
    uint32_t from = 0, to = all->queue.n;
    while (from < to) {
        const uint32_t middle = from + (to - from) / 2;
        if (all->queue.at[middle]->duration_ns < duration_ns)
            from = middle + 1;
        else
            to = middle;
    }
    return from;
}

static struct deadline_queue *queue_new(struct deadlines *all, int64_t duration_ns)
{
    drop_empty_queues(all);
    struct deadline_queue *q = MUST_NEW(struct deadline_queue);
    q->duration_ns = duration_ns;
    list_init(&q->waiting);

    const uint32_t at = first_not_shorter(all, duration_ns);
    VEC_ADD(&all->queue, q);
    for (uint32_t i = all->queue.n - 1; i > at; i--)
        all->queue.at[i] = all->queue.at[i - 1];
    all->queue.at[at] = q;
    return q;
}

static struct deadline_queue *queue_for(struct deadlines *all, int64_t duration_ns)
{
    const uint32_t at = first_not_shorter(all, duration_ns);
    if (at < all->queue.n && all->queue.at[at]->duration_ns == duration_ns)
        return all->queue.at[at];
    return queue_new(all, duration_ns);
}

void deadline_set(struct deadlines *all, struct deadline *d, int64_t duration_ns, int64_t now_ns)
{
    ASSERT(duration_ns > 0);

    deadline_clear(d);
    struct deadline_queue *q = queue_for(all, duration_ns);
    d->at_ns = now_ns + duration_ns;
    list_add_last(&q->waiting, &d->link);
}

void deadline_clear(struct deadline *d)
{
    if (d->at_ns == 0)
        return;
    list_remove(&d->link);
    d->at_ns = 0;
}

struct deadline *deadlines_expired(struct deadlines *all, int64_t now_ns)
{
    for (uint32_t i = 0; i < all->queue.n; i++) {
        struct list *waiting = &all->queue.at[i]->waiting;
        if (list_empty(waiting))
            continue;
        struct deadline *first = CONTAINER_OF(waiting->next, struct deadline, link);
        if (first->at_ns > now_ns)
            continue;
        deadline_clear(first);
        return first;
    }
    return NULL;
}

bool deadlines_any(const struct deadlines *all)
{
    for (uint32_t i = 0; i < all->queue.n; i++)
        if (!list_empty(&all->queue.at[i]->waiting))
            return true;
    return false;
}

void deadlines_done(struct deadlines *all)
{
    for (uint32_t i = 0; i < all->queue.n; i++) {
        LIST_EACH (d, &all->queue.at[i]->waiting, struct deadline, link)
            deadline_clear(d);
        free(all->queue.at[i]);
    }
    VEC_DONE(&all->queue);
}

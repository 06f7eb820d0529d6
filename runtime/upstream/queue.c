#include "runtime/upstream/queue.h"

#include "runtime/base/check.h"

static void lock(struct queue *q)
{
    const int rc = pthread_mutex_lock(&q->lock);
    ASSERT(rc == 0);
}

static void unlock(struct queue *q)
{
    const int rc = pthread_mutex_unlock(&q->lock);
    ASSERT(rc == 0);
}

void queue_init(struct queue *q)
{
    *q = (struct queue){0};
    const int rc = pthread_mutex_init(&q->lock, NULL);
    ASSERT(rc == 0);
    list_init(&q->waiting);
}

void queue_done(struct queue *q)
{
    ASSERT(list_empty(&q->waiting));
    pthread_mutex_destroy(&q->lock);
}

static struct waiter *waiter_at(struct list *link)
{
    struct waiter *w = CONTAINER_OF(link, struct waiter, link);
    CHECK_OBJ(w, WAITER_MAGIC);
    return w;
}

/* With the lock. It is posted without it. */
static struct waiter *take(struct list *link)
{
    struct waiter *w = waiter_at(link);
    list_remove(&w->link);
    w->state = WAITER_CALLED;
    return w;
}

static void post(struct waiter *w)
{
    if (w)
        mailbox_post(w->box, &w->turn);
}

static void end(struct waiter *w)
{
    struct queue *q = w->queue;
    lock(q);
    atomic_fetch_sub_explicit(&q->n, 1, memory_order_seq_cst);
    unlock(q);
    w->magic = 0;
    w->gone(w);
}

/* On its worker. Who has left meanwhile leaves the turn to the next. */
static void turn(struct message *m)
{
    struct waiter *w = CONTAINER_OF(m, struct waiter, turn);
    CHECK_OBJ(w, WAITER_MAGIC);
    if (!w->of) {
        queue_next(w->queue);
        end(w);
        return;
    }
    lock(w->queue);
    w->state = WAITER_TOLD;
    unlock(w->queue);
    w->call(w->of);
}

bool queue_join(struct queue *q, struct waiter *w, uint32_t most)
{
    w->magic = WAITER_MAGIC;
    w->queue = q;
    w->turn = (struct message){.run = turn};
    w->state = WAITER_WAITS;
    lock(q);
    const bool room = atomic_load_explicit(&q->n, memory_order_relaxed) < most;
    if (room) {
        w->ticket = q->tickets++;
        list_add_last(&q->waiting, &w->link);
        atomic_fetch_add_explicit(&q->n, 1, memory_order_seq_cst);
    }
    unlock(q);
    return room;
}

void queue_rejoin(struct waiter *w)
{
    struct queue *q = w->queue;
    CHECK_OBJ(w, WAITER_MAGIC);
    lock(q);
    ASSERT(w->state == WAITER_TOLD);
    w->state = WAITER_WAITS;
    struct list *before = &q->waiting;
    while (before->next != &q->waiting && waiter_at(before->next)->ticket < w->ticket)
        before = before->next;
    list_add_first(before, &w->link);
    /* As in queue_join(): who looks for room behind this sees it, or is seen by who makes it. */
    atomic_fetch_add_explicit(&q->n, 0, memory_order_seq_cst);
    unlock(q);
}

void queue_leave(struct waiter *w)
{
    struct queue *q = w->queue;
    CHECK_OBJ(w, WAITER_MAGIC);
    lock(q);
    const bool on_its_way = w->state == WAITER_CALLED;
    if (w->state == WAITER_WAITS)
        list_remove(&w->link);
    unlock(q);
    w->of = NULL;
    if (!on_its_way)
        end(w);
}

void queue_next(struct queue *q)
{
    lock(q);
    struct waiter *w = list_empty(&q->waiting) ? NULL : take(q->waiting.next);
    unlock(q);
    post(w);
}

void queue_next_after(struct waiter *w)
{
    struct queue *q = w->queue;
    lock(q);
    const bool any = w->state == WAITER_WAITS && w->link.next != &q->waiting;
    struct waiter *next = any ? take(w->link.next) : NULL;
    unlock(q);
    post(next);
}

void queue_all(struct queue *q)
{
    lock(q);
    struct list all;
    list_init(&all);
    while (!list_empty(&q->waiting))
        list_add_last(&all, &take(q->waiting.next)->link);
    unlock(q);
    while (!list_empty(&all)) {
        struct waiter *w = waiter_at(all.next);
        list_remove(&w->link);
        post(w);
    }
}

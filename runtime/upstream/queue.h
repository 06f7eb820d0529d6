/*
 * queue - requests that wait until a server of their cluster has room: first come, first served,
 * over all workers.
 *
 * Whoever leaves a server looks whether somebody waits: one load, and no more where nobody does.
 * Else it takes the lock, takes the first one off the list and lets its worker know, by the
 * mailbox, that it is its turn. It then chooses as any request does; new requests do not come
 * before it, because they see that somebody waits and go behind. Room is never left unused while
 * somebody waits: who joins looks for room once more afterwards, and either sees it, or is seen by
 * whoever makes it (both are sequentially consistent); and a turn that is not used is passed on.
 *
 * The lock is held for list operations only, and only when somebody waits.
 */
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "runtime/base/list.h"
#include "runtime/event/mailbox.h"

struct queue {
    _Alignas(64) _Atomic uint32_t n; /* that wait, and whose turn it is; changed with the lock */
    _Alignas(64) pthread_mutex_t lock;
    struct list waiting; /* of struct waiter, by ticket */
    uint64_t tickets;
};

/* Where one stands, from queue_join() to `gone`. Its worker fills in `box`, `of`, `call` and `gone`
 * before, and owns it. */
struct waiter {
    uint32_t magic;
#define WAITER_MAGIC 0x9a17e201u
    struct list link;
    uint64_t ticket;
    struct message turn;
    struct queue *queue;
    struct mailbox *box;
    enum { WAITER_WAITS, WAITER_CALLED, WAITER_TOLD } state; /* with the lock */
    void *of;                                                /* NULL: it has left */
    void (*call)(void *of);                                  /* it is its turn */
    void (*gone)(struct waiter *w); /* nothing refers to it any more: frees it */
};

void queue_init(struct queue *q);

/* Nobody may wait. */
void queue_done(struct queue *q);

/* False, and nothing has happened, when so many wait already. The queue must stay until `gone` has
 * been called. */
MUST_CHECK bool queue_join(struct queue *q, struct waiter *w, uint32_t most);

/* There was no room after all: back to where it stood. Only after `call`. */
void queue_rejoin(struct waiter *w);

/* It has got a server, or wants none any more. `gone` is called now or soon. A turn that has been
 * told, and is not used, is for the caller to pass on; one still under way passes itself on. */
void queue_leave(struct waiter *w);

/* There may be room for one: the first one's turn. Any thread. */
void queue_next(struct queue *q);

/* The one behind this one, which could not use its turn and has rejoined. */
void queue_next_after(struct waiter *w);

/* Which servers may be used has changed: everybody's turn. Any thread. */
void queue_all(struct queue *q);

/* Does anybody wait? */
static inline bool queue_is_used(const struct queue *q)
{
    return atomic_load_explicit(&q->n, memory_order_seq_cst) > 0;
}

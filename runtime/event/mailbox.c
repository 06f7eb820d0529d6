#include "runtime/event/mailbox.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

static void run_all(struct mailbox *box)
{
    struct message *newest = atomic_exchange_explicit(&box->posted, NULL, memory_order_acquire);
    struct message *oldest = NULL;
    while (newest) {
        struct message *m = newest;
        newest = m->next;
        m->next = oldest;
        oldest = m;
    }
    while (oldest) {
        struct message *m = oldest;
        oldest = m->next;
        m->run(m);
    }
}

static void ready(void *of, unsigned what)
{
    (void)what;
    struct mailbox *box = of;
    uint64_t n;
    const ssize_t got = read(box->fd, &n, sizeof(n));
    ASSERT(got == sizeof(n) || errno == EAGAIN);
    run_all(box);
}

int mailbox_open(struct mailbox *box, struct loop *loop)
{
    *box = (struct mailbox){.fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)};
    if (box->fd == -1)
        return -errno;
    watch_init(&box->watch, loop, box->fd, ready, box);
    watch_want(&box->watch, WATCH_READ);
    return 0;
}

void mailbox_close(struct mailbox *box)
{
    if (box->fd == -1)
        return;
    while (atomic_load_explicit(&box->posted, memory_order_relaxed))
        run_all(box); /* what a message posted to its own box, too */
    watch_done(&box->watch);
    close(box->fd);
    box->fd = -1;
}

void mailbox_post(struct mailbox *box, struct message *m)
{
    struct message *before = atomic_load_explicit(&box->posted, memory_order_relaxed);
    do
        m->next = before;
    while (!atomic_compare_exchange_weak_explicit(&box->posted, &before, m, memory_order_release,
                                                  memory_order_relaxed));
    if (before)
        return; /* whoever filled the empty box has rung already */
    const uint64_t one = 1;
    const ssize_t sent = write(box->fd, &one, sizeof(one));
    ASSERT(sent == sizeof(one));
}

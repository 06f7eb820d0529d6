#include "runtime/generation/tally.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/base/check.h"

struct tally *tally_new(uint64_t key, uint32_t n_workers)
{
    const size_t bytes = sizeof(struct tally) + n_workers * sizeof(struct tally_worker);
    struct tally *t = aligned_alloc(64, bytes);
    if (!t)
        die_out_of_memory(1, bytes);
    memset(t, 0, bytes);
    t->key = key;
    t->n_workers = n_workers;
    atomic_init(&t->pins, 1);
    return t;
}

struct tally *tally_pin(struct tally *t)
{
    atomic_fetch_add_explicit(&t->pins, 1, memory_order_relaxed);
    return t;
}

void tally_unpin(struct tally *t)
{
    if (t && atomic_fetch_sub_explicit(&t->pins, 1, memory_order_acq_rel) == 1)
        free(t);
}

struct statuses_sum tally_sum(const struct tally *t)
{
    struct statuses_sum sum = {0};
    for (uint32_t i = 0; i < t->n_workers; i++)
        statuses_read(&t->worker[i].statuses, &sum);
    return sum;
}

uint64_t tally_continued(const struct tally *t)
{
    uint64_t n = 0;
    for (uint32_t i = 0; i < t->n_workers; i++)
        n += atomic_load_explicit(&t->worker[i].continued, memory_order_relaxed);
    return n;
}

uint64_t tally_sent_bytes(const struct tally *t)
{
    uint64_t n = 0;
    for (uint32_t i = 0; i < t->n_workers; i++)
        n += atomic_load_explicit(&t->worker[i].sent_bytes, memory_order_relaxed);
    return n;
}

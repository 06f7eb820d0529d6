/*
 * statuses - how many requests were answered with a status of which class.
 *
 * One worker writes, with relaxed loads and stores as for other metrics; anybody adds up. 48 bytes:
 * whoever has one for each worker gives each a cache line.
 */
#pragma once

#include <stdatomic.h>
#include <stdint.h>

/* By the first digit of the status; [0] are those without one: dropped by a rule, left by their
 * client, or connections of TCP. */
#define STATUS_CLASSES 6u

struct statuses {
    _Atomic uint64_t of_class[STATUS_CLASSES];
};

/* For the thread that owns it. A status of more than three digits is none. */
static inline void statuses_add(struct statuses *a, uint16_t status)
{
    const unsigned class = status / 100u;
    _Atomic uint64_t *n = &a->of_class[class < STATUS_CLASSES ? class : 0];
    atomic_store_explicit(n, atomic_load_explicit(n, memory_order_relaxed) + 1,
                          memory_order_relaxed);
}

/* What several have seen together. */
struct statuses_sum {
    uint64_t of_class[STATUS_CLASSES];
};

/* Adds `a`. Any thread. */
static inline void statuses_read(const struct statuses *a, struct statuses_sum *to)
{
    for (unsigned i = 0; i < STATUS_CLASSES; i++)
        to->of_class[i] += atomic_load_explicit(&a->of_class[i], memory_order_relaxed);
}

/* What came since `before`. */
static inline struct statuses_sum statuses_since(const struct statuses_sum *now,
                                                 const struct statuses_sum *before)
{
    struct statuses_sum s = *now;
    for (unsigned i = 0; i < STATUS_CLASSES; i++)
        s.of_class[i] -= before->of_class[i];
    return s;
}

static inline uint64_t statuses_count(const struct statuses_sum *a)
{
    uint64_t n = 0;
    for (unsigned i = 0; i < STATUS_CLASSES; i++)
        n += a->of_class[i];
    return n;
}

/* What a class is called: "2xx"; of [0] "none". */
static inline const char *status_class_name(unsigned class)
{
    static const char *const NAME[STATUS_CLASSES] = {"none", "1xx", "2xx", "3xx", "4xx", "5xx"};
    return NAME[class];
}

/*
 * metrics - one block of plain counters per worker, summed by whoever reads.
 *
 * A worker writes only its own block: a relaxed load and store, no lock, no locked instruction. A
 * reader may see a sum that is some microseconds old, never a torn number.
 */
#pragma once

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

struct metrics {
#define METRIC(name, kind, unit, help) _Atomic int64_t name;
#include "runtime/metrics/metrics.def"
#undef METRIC
};

/* For the worker that owns `field`. */
#define METRIC_ADD(field, n)                                                                       \
    atomic_store_explicit(&(field), atomic_load_explicit(&(field), memory_order_relaxed) + (n),    \
                          memory_order_relaxed)

enum metric_kind { METRIC_COUNTER, METRIC_GAUGE };

struct metric_info {
    const char *name, *unit, *help;
    enum metric_kind kind;
    size_t offset; /* in struct metrics */
};

/* All of metrics.def, in its order. Static memory. */
extern const struct metric_info metric_info[];
extern const size_t metric_count;

/* The sum over `n` blocks. Any thread. */
int64_t metrics_sum(const struct metrics *const *block, size_t n, const struct metric_info *which);

#include "runtime/metrics/metrics.h"

const struct metric_info metric_info[] = {
#define METRIC(name, kind, unit, help)                                                             \
    {#name, #unit, help, METRIC_##kind, offsetof(struct metrics, name)},
#include "runtime/metrics/metrics.def"
#undef METRIC
};

const size_t metric_count = sizeof(metric_info) / sizeof(metric_info[0]);

int64_t metrics_sum(const struct metrics *const *block, size_t n, const struct metric_info *which)
{
    int64_t total = 0;
    for (size_t i = 0; i < n; i++) {
        const _Atomic int64_t *value = (const void *)((const char *)block[i] + which->offset);
        total += atomic_load_explicit(value, memory_order_relaxed);
    }
    return total;
}

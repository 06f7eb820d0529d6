#include "runtime/metrics/histogram.h"

void histogram_read(const struct histogram *h, struct histogram_sum *to)
{
    for (uint32_t i = 0; i < HISTOGRAM_BUCKETS; i++)
        to->bucket[i] += atomic_load_explicit(&h->bucket[i], memory_order_relaxed);
    to->sum_ns += atomic_load_explicit(&h->sum_ns, memory_order_relaxed);
}

void histogram_join(struct histogram_sum *to, const struct histogram_sum *more)
{
    for (uint32_t i = 0; i < HISTOGRAM_BUCKETS; i++)
        to->bucket[i] += more->bucket[i];
    to->sum_ns += more->sum_ns;
}

struct histogram_sum histogram_since(const struct histogram_sum *now,
                                     const struct histogram_sum *before)
{
    struct histogram_sum since = *now;
    for (uint32_t i = 0; i < HISTOGRAM_BUCKETS; i++)
        if (now->bucket[i] < before->bucket[i])
            return since;
    for (uint32_t i = 0; i < HISTOGRAM_BUCKETS; i++)
        since.bucket[i] -= before->bucket[i];
    since.sum_ns -= before->sum_ns;
    return since;
}

uint64_t histogram_count(const struct histogram_sum *h)
{
    uint64_t n = 0;
    for (uint32_t i = 0; i < HISTOGRAM_BUCKETS; i++)
        n += h->bucket[i];
    return n;
}

uint64_t histogram_end(uint32_t bucket)
{
    return bucket + 1 < HISTOGRAM_BUCKETS ? UINT64_C(1) << (HISTOGRAM_FIRST_BIT + bucket)
                                          : UINT64_MAX;
}

double histogram_quantile(const struct histogram_sum *h, double part)
{
    const double wanted = part * (double)histogram_count(h);
    double so_far = 0;
    uint32_t last = 0;
    for (uint32_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
        if (h->bucket[i] == 0)
            continue;
        const double from = i > 0 ? (double)histogram_end(i - 1) : 0;
        const double to = i + 1 < HISTOGRAM_BUCKETS ? (double)histogram_end(i) : from;
        if (so_far + (double)h->bucket[i] >= wanted)
            return from + (to - from) * (wanted - so_far) / (double)h->bucket[i];
        so_far += (double)h->bucket[i];
        last = i;
    }
    return so_far > 0 ? (double)histogram_end(last) : -1;
}

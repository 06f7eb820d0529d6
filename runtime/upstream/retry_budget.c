#include "runtime/upstream/retry_budget.h"

#define LOAD(p) atomic_load_explicit(&(p), memory_order_relaxed)

/* The index of the present window; whoever comes first in it forgets what is over. */
static unsigned present(struct retry_budget *b, int64_t now_ns)
{
    const int64_t now = now_ns / RETRY_BUDGET_WINDOW_NS;
    int64_t was = LOAD(b->window);
    if (now > was && atomic_compare_exchange_strong_explicit(
                         &b->window, &was, now, memory_order_relaxed, memory_order_relaxed)) {
        for (unsigned i = 0; i < 2; i++) {
            if (now == was + 1 && i != (unsigned)(now & 1))
                continue; /* the one before */
            atomic_store_explicit(&b->requests[i], 0, memory_order_relaxed);
            atomic_store_explicit(&b->retries[i], 0, memory_order_relaxed);
        }
    }
    return (unsigned)(LOAD(b->window) & 1);
}

void retry_budget_note(struct retry_budget *b, int64_t now_ns)
{
    atomic_fetch_add_explicit(&b->requests[present(b, now_ns)], 1, memory_order_relaxed);
}

bool retry_budget_take(struct retry_budget *b, uint32_t percent, int64_t now_ns)
{
    const unsigned at = present(b, now_ns);
    atomic_fetch_add_explicit(&b->retries[at], 1, memory_order_relaxed);
    const uint64_t requests = (uint64_t)LOAD(b->requests[0]) + LOAD(b->requests[1]);
    const uint64_t retries = (uint64_t)LOAD(b->retries[0]) + LOAD(b->retries[1]);
    if (retries * 100 <= requests * percent + RETRY_BUDGET_RESERVE * 100)
        return true;
    atomic_fetch_sub_explicit(&b->retries[at], 1, memory_order_relaxed);
    return false;
}

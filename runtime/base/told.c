#include "runtime/base/told.h"

#include <stdlib.h>

#include "runtime/base/check.h"

struct told *told_new(uint32_t n)
{
    struct told *t = aligned_alloc(64, n * sizeof(*t));
    if (!t)
        die_out_of_memory(n, sizeof(*t));
    for (uint32_t i = 0; i < n; i++) {
        atomic_init(&t[i].put, 0);
        atomic_init(&t[i].taken, 0);
    }
    return t;
}

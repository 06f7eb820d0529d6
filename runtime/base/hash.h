/* hash - the one door to xxHash. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "runtime/base/slice.h"

/* XXH3, 64 bits. Where an outsider chooses the keys, `seed` must be a secret of this process. */
uint64_t hash_bytes(const void *at, size_t len, uint64_t seed);

static inline uint64_t hash_slice(struct slice s, uint64_t seed)
{
    return hash_bytes(s.at, s.len, seed);
}

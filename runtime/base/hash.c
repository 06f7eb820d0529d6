#include "runtime/base/hash.h"

#include <xxhash.h>

uint64_t hash_bytes(const void *at, size_t len, uint64_t seed)
{
    return XXH3_64bits_withSeed(at, len, seed);
}

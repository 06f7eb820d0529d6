/* guarded - bytes right in front of a page that cannot be read: one byte too far is a crash. */
#pragma once

#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include "runtime/base/check.h"
#include "runtime/base/slice.h"

#define GUARDED_BYTES_MAX ((size_t)1 << 18)

static inline char *guarded_end(void)
{
    static char *end;
    if (!end) {
        char *map = mmap(NULL, GUARDED_BYTES_MAX + 4096, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        ASSERT(map != MAP_FAILED);
        ASSERT(mprotect(map + GUARDED_BYTES_MAX, 4096, PROT_NONE) == 0);
        end = map + GUARDED_BYTES_MAX;
    }
    return end;
}

/* The last byte is the last that can be read. Valid until the next call. */
static inline char *guarded(struct slice s)
{
    ASSERT(s.len <= GUARDED_BYTES_MAX);
    char *at = guarded_end() - s.len;
    memmove(at, s.at, s.len);
    return at;
}

/* The same with a NUL behind the bytes, which is the last that can be read. */
static inline char *guarded_nul(struct slice s)
{
    ASSERT(s.len < GUARDED_BYTES_MAX);
    char *at = guarded_end() - s.len - 1;
    memmove(at, s.at, s.len);
    at[s.len] = '\0';
    return at;
}

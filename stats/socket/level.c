#include "stats/socket/level.h"

#include "runtime/base/check.h"

static const char *const names[] = {
#define L(id, name) [STATS_##id] = name,
    STATS_LEVELS(L)
#undef L
};

const char *stats_level_name(enum stats_level level)
{
    ASSERT(level < COUNT_OF(names));
    return names[level];
}

bool stats_level_parse(struct slice name, enum stats_level *out)
{
    for (enum stats_level level = 0; level < COUNT_OF(names); level++)
        if (slice_eq(name, slice_of(names[level]))) {
            *out = level;
            return true;
        }
    return false;
}

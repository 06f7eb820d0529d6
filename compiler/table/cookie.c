#include "compiler/table/cookie.h"

bool cookie_next(struct slice *rest, struct slice *name, struct slice *value)
{
    struct slice pair;
    while (slice_split(rest, ';', &pair)) {
        pair = slice_trim(pair);
        const char *equals = pair.len > 0 ? memchr(pair.at, '=', pair.len) : NULL;
        if (!equals)
            continue;
        const size_t len = (size_t)(equals - pair.at);
        *name = slice_trim((struct slice){pair.at, len});
        *value = slice_trim(slice_from(pair, len + 1));
        return true;
    }
    return false;
}

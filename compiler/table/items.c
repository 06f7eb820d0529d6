#include "compiler/table/items.h"

/* Where the item ends that begins at `from`: at a comma outside of quotes, or at the end. */
static size_t end_of(struct slice s, size_t from)
{
    bool quoted = false;
    for (size_t i = from; i < s.len; i++) {
        if (s.at[i] == '"')
            quoted = !quoted;
        else if (quoted && s.at[i] == '\\')
            i++;
        else if (!quoted && s.at[i] == ',')
            return i;
    }
    return s.len;
}

bool items_next(struct slice *rest, struct slice *item)
{
    while (rest->len > 0) {
        const size_t end = end_of(*rest, 0);
        *item = slice_trim((struct slice){rest->at, end});
        *rest = slice_from(*rest, end < rest->len ? end + 1 : end);
        if (item->len > 0)
            return true;
    }
    return false;
}

#include "grammar/suggest.h"

#include "runtime/base/nearest.h"

struct slice suggest_nearest(struct slice word, const struct slice *list, size_t n)
{
    struct nearest near = {.wanted = word};
    for (size_t i = 0; i < n; i++)
        nearest_offer(&near, list[i]);
    return near.best;
}

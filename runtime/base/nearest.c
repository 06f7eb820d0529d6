#include "runtime/base/nearest.h"

#include <stdint.h>

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

static bool same(char a, char b)
{
    return ascii_lower(a) == ascii_lower(b);
}

size_t nearest_distance(struct slice a, struct slice b)
{
    if (a.len > NEAREST_LEN_MAX || b.len > NEAREST_LEN_MAX)
        return SIZE_MAX;
    /* Three rows of the usual matrix: a swap looks back two. */
    size_t row[3][NEAREST_LEN_MAX + 1];
    size_t *before = row[0], *last = row[1], *now = row[2];
    for (size_t j = 0; j <= b.len; j++)
        last[j] = j;
    for (size_t i = 1; i <= a.len; i++) {
        now[0] = i;
        for (size_t j = 1; j <= b.len; j++) {
            const size_t replaced = last[j - 1] + !same(a.at[i - 1], b.at[j - 1]);
            now[j] = least(replaced, least(last[j], now[j - 1]) + 1);
            if (i > 1 && j > 1 && same(a.at[i - 1], b.at[j - 2]) && same(a.at[i - 2], b.at[j - 1]))
                now[j] = least(now[j], before[j - 2] + 1);
        }
        size_t *const oldest = before;
        before = last;
        last = now;
        now = oldest;
    }
    return last[b.len];
}

void nearest_offer(struct nearest *n, struct slice candidate)
{
    const size_t distance = nearest_distance(n->wanted, candidate);
    const size_t longer = n->wanted.len > candidate.len ? n->wanted.len : candidate.len;
    const size_t allowed = longer / 3 > 1 ? longer / 3 : 1;
    if (distance > allowed || distance == longer)
        return; /* nothing in common is not near, however short */
    if (n->best.len > 0 && distance >= n->distance)
        return;
    n->best = candidate;
    n->distance = distance;
}

#include "grammar/suggest.h"

#include "runtime/base/check.h"

static unsigned least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

unsigned suggest_distance(struct slice a, struct slice b, unsigned limit)
{
    const size_t apart = a.len > b.len ? a.len - b.len : b.len - a.len;
    if (apart > limit || a.len > SUGGEST_BYTES_MAX || b.len > SUGGEST_BYTES_MAX)
        return limit + 1;

    /* Three rows of the matrix: two above, one above, this one. */
    unsigned row[3][SUGGEST_BYTES_MAX + 1];
    for (size_t j = 0; j <= b.len; j++)
        row[0][j] = (unsigned)j;
    for (size_t i = 1; i <= a.len; i++) {
        unsigned *now = row[i % 3];
        const unsigned *above = row[(i + 2) % 3], *above2 = row[(i + 1) % 3];
        now[0] = (unsigned)i;
        for (size_t j = 1; j <= b.len; j++) {
            const char x = ascii_lower(a.at[i - 1]), y = ascii_lower(b.at[j - 1]);
            now[j] = least(above[j - 1] + (x != y), least(above[j], now[j - 1]) + 1);
            if (i > 1 && j > 1 && x == ascii_lower(b.at[j - 2]) && y == ascii_lower(a.at[i - 2]))
                now[j] = least(now[j], above2[j - 2] + 1);
        }
    }
    return least(row[a.len % 3][b.len], limit + 1);
}

/* One slip in a short word, two in an ordinary one, three in a long one; none in one or two letters,
 * where everything is near everything. */
static unsigned allowed(size_t len)
{
    return len <= 2 ? 0 : len <= 4 ? 1 : len <= 9 ? 2 : 3;
}

void suggest_try(struct suggest *s, struct slice candidate)
{
    const unsigned limit = s->best.at ? s->distance - 1 : allowed(s->word.len);
    if (s->best.at && s->distance == 0)
        return;
    const unsigned distance = suggest_distance(s->word, candidate, limit);
    if (distance > limit)
        return;
    s->best = candidate;
    s->distance = distance;
}

struct slice suggest_nearest(struct slice word, const struct slice *list, size_t n)
{
    struct suggest s = {.word = word};
    for (size_t i = 0; i < n; i++)
        suggest_try(&s, list[i]);
    return s.best;
}

/* Regions in the order they are told: by change, the widest first, and behind it what lies in it.
 */
#include "compiler/prove/diff_priv.h"

static bool has_condition(const struct diff_region *r, struct slice condition)
{
    for (uint32_t i = 0; i < r->condition.n; i++)
        if (slice_eq(r->condition.at[i], condition))
            return true;
    return false;
}

/* Does all that holds in `wide` hold in `r`? */
static bool lies_in(const struct diff_region *r, const struct diff_region *wide)
{
    for (uint32_t i = 0; i < wide->condition.n; i++)
        if (!has_condition(r, wide->condition.at[i]))
            return false;
    return true;
}

static bool same_fates(const struct diff_region *a, const struct diff_region *b)
{
    return slice_eq(a->before.same, b->before.same) && slice_eq(a->after.same, b->after.same);
}

static bool same_listeners(const struct diff_region *a, const struct diff_region *b)
{
    for (uint32_t i = 0; i < a->listener.n && a->listener.n == b->listener.n; i++)
        if (!slice_eq(a->listener.at[i], b->listener.at[i]))
            return false;
    return a->listener.n == b->listener.n;
}

static void region_done(struct diff_region *r)
{
    VEC_DONE(&r->listener);
    VEC_DONE(&r->condition);
}

static void take_out(struct diff *d, uint32_t at)
{
    region_done(&d->region.at[at]);
    memmove(d->region.at + at, d->region.at + at + 1, (--d->region.n - at) * sizeof(*d->region.at));
}

/* The same region of several listeners is told once. */
static void join_listeners(struct diff *d)
{
    for (uint32_t i = 0; i < d->region.n; i++)
        for (uint32_t k = i + 1; k < d->region.n;) {
            struct diff_region *a = &d->region.at[i], *b = &d->region.at[k];
            const bool same = a->change == b->change && same_fates(a, b) && lies_in(a, b) &&
                              lies_in(b, a) && a->exact == b->exact;
            if (!same) {
                k++;
                continue;
            }
            for (uint32_t n = 0; n < b->listener.n; n++)
                if (!slice_eq(b->listener.at[n], a->listener.at[a->listener.n - 1]))
                    VEC_ADD(&a->listener, b->listener.at[n]);
            take_out(d, k);
        }
}

/* What lies in another region, and is treated as all of it, is not told. */
static void take_out_covered(struct diff *d)
{
    for (uint32_t i = 0; i < d->region.n;) {
        const struct diff_region *r = &d->region.at[i];
        bool covered = false;
        for (uint32_t k = 0; k < d->region.n && !covered; k++) {
            const struct diff_region *wide = &d->region.at[k];
            covered = k != i && wide->exact && wide->change == r->change && same_fates(r, wide) &&
                      same_listeners(r, wide) && lies_in(r, wide);
        }
        if (covered)
            take_out(d, i);
        else
            i++;
    }
}

static int by_width(const void *a, const void *b)
{
    const struct diff_region *x = a, *y = b;
    if (x->change != y->change)
        return x->change < y->change ? -1 : 1;
    if (x->condition.n != y->condition.n)
        return x->condition.n < y->condition.n ? -1 : 1;
    if (x->before.clause != y->before.clause)
        return x->before.clause < y->before.clause ? -1 : 1;
    return x->after.clause < y->after.clause ? -1 : x->after.clause > y->after.clause;
}

/* The widest region with it that is part of none. */
static uint32_t part_of(const struct diff *d, uint32_t region)
{
    const struct diff_region *r = &d->region.at[region];
    for (uint32_t i = 0; i < region; i++) {
        const struct diff_region *wide = &d->region.at[i];
        if (wide->change == r->change && wide->part_of == UINT32_MAX && same_listeners(r, wide) &&
            lies_in(r, wide))
            return i;
    }
    return UINT32_MAX;
}

/* Each region goes behind the one that it is part of. */
static void put_parts_behind(struct diff *d)
{
    const uint32_t n = d->region.n;
    struct diff_region *sorted = MUST_ARRAY(struct diff_region, n + 1);
    uint32_t filled = 0;
    for (uint32_t i = 0; i < n; i++) {
        if (d->region.at[i].part_of != UINT32_MAX)
            continue;
        const uint32_t wide = filled;
        sorted[filled++] = d->region.at[i];
        for (uint32_t k = i + 1; k < n; k++)
            if (d->region.at[k].part_of == i) {
                sorted[filled] = d->region.at[k];
                sorted[filled++].part_of = wide;
            }
    }
    ASSERT(filled == n);
    if (n > 0)
        memcpy(d->region.at, sorted, n * sizeof(*sorted));
    free(sorted);
}

struct numbered {
    struct diff_change change;
    uint32_t number;
};

static const struct table_place *place_of(const struct diff_change *c)
{
    return c->after.clause == UINT32_MAX ? &c->before.place : &c->after.place;
}

static int by_place(const void *a, const void *b)
{
    const struct table_place *p = place_of(&((const struct numbered *)a)->change);
    const struct table_place *q = place_of(&((const struct numbered *)b)->change);
    if (p->line != q->line)
        return p->line < q->line ? -1 : 1;
    return p->column < q->column ? -1 : p->column > q->column;
}

static bool makes_a_difference(const struct diff *d, uint32_t change)
{
    if (d->change.at[change].unknown > 0)
        return true; /* as far as is known */
    for (uint32_t i = 0; i < d->region.n; i++)
        if (d->region.at[i].change == change)
            return true;
    return false;
}

/* A change of the text that changes nothing is none; of connections and responses that is not
 * known, and of requests not always. */
static void sort_changes(struct diff *d)
{
    struct numbered *sorted = MUST_ARRAY(struct numbered, d->change.n + 1);
    uint32_t *now = MUST_ARRAY(uint32_t, d->change.n + 1);
    uint32_t n = 0;
    for (uint32_t i = 0; i < d->change.n; i++)
        if (d->change.at[i].phase != PHASE_REQUEST || makes_a_difference(d, i))
            sorted[n++] = (struct numbered){d->change.at[i], i};
    if (n > 1)
        qsort(sorted, n, sizeof(*sorted), by_place);
    for (uint32_t i = 0; i < n; i++) {
        d->change.at[i] = sorted[i].change;
        d->blocks += sorted[i].change.phase != PHASE_REQUEST;
        now[sorted[i].number] = i;
    }
    d->change.n = n;
    for (uint32_t i = 0; i < d->region.n; i++)
        d->region.at[i].change = now[d->region.at[i].change];
    free(now);
    free(sorted);
}

void diff_group(struct diff *d)
{
    join_listeners(d);
    take_out_covered(d);
    sort_changes(d);
    if (d->region.n > 1)
        qsort(d->region.at, d->region.n, sizeof(*d->region.at), by_width);
    for (uint32_t i = 0; i < d->region.n; i++)
        d->region.at[i].part_of = part_of(d, i);
    put_parts_behind(d);
}

void diff_write_when(const struct diff *d, const struct diff_region *r, bool more, struct text *out)
{
    const size_t begin = out->len;
    for (uint32_t i = 0; i < r->condition.n; i++) {
        if (more && r->part_of != UINT32_MAX &&
            has_condition(&d->region.at[r->part_of], r->condition.at[i]))
            continue;
        text_adds(out, out->len > begin ? " and " : "");
        text_add(out, r->condition.at[i]);
    }
}

void diff_done(struct diff *d)
{
    for (uint32_t i = 0; i < d->region.n; i++)
        region_done(&d->region.at[i]);
    VEC_DONE(&d->region);
    VEC_DONE(&d->change);
    arena_free(&d->arena);
}

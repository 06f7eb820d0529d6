#include "compiler/tools/linediff.h"

#include "runtime/base/check.h"
#include "runtime/base/text.h"
#include "runtime/base/vec.h"

#define AROUND 3

/* With more insertions and deletions than this, the rest counts as changed altogether: memory
 * grows with the square. */
#define CHANGES_MAX 1500

struct lines {
    struct slice *at;
    uint32_t n, room;
};

/* A run of lines [a, a_end) of the old text that became [b, b_end) of the new. */
struct change {
    uint32_t a, a_end, b, b_end;
};

struct differ {
    struct lines a, b;
    VEC(struct change) change;
};

static void split(struct slice text, struct lines *out)
{
    while (text.len > 0) {
        const char *end = memchr(text.at, '\n', text.len);
        const size_t n = end ? (size_t)(end - text.at) + 1 : text.len;
        VEC_ADD(out, (struct slice){text.at, n});
        text = slice_from(text, n);
    }
}

static void add_change(struct differ *d, struct change c)
{
    struct change *last = d->change.n > 0 ? &d->change.at[d->change.n - 1] : NULL;
    if (last && last->a_end == c.a && last->b_end == c.b) {
        last->a_end = c.a_end;
        last->b_end = c.b_end;
    } else {
        VEC_ADD(&d->change, c);
    }
}

/* The furthest points that `k` more deletions than insertions reach, for each number of changes. */
struct search {
    uint32_t a, b; /* where the texts begin to differ */
    int n, m;      /* how many lines of each are looked at */
    int **reach;   /* reach[d][d + k] */
    int d;
};

/* Does the best way to diagonal k with d changes end in a deletion? Else in an insertion. */
static bool ends_in_deletion(const struct search *s, int d, int k)
{
    if (k == d || k == -d)
        return k == d;
    const int *v = s->reach[d - 1] + (d - 1);
    return v[k - 1] + 1 > v[k + 1];
}

static int furthest(const struct search *s, int d, int k)
{
    if (d == 0)
        return 0;
    const int *v = s->reach[d - 1] + (d - 1);
    return ends_in_deletion(s, d, k) ? v[k - 1] + 1 : v[k + 1];
}

/* Runs until both ends are reached (true) or it is too much (false). */
static bool search(const struct differ *f, struct search *s)
{
    for (s->d = 0; s->d <= CHANGES_MAX; s->d++) {
        const int d = s->d;
        s->reach[d] = MUST_ARRAY(int, (size_t)(2 * d + 1));
        for (int k = -d; k <= d; k += 2) {
            int x = furthest(s, d, k);
            while (x < s->n && x - k < s->m &&
                   slice_eq(f->a.at[s->a + (uint32_t)x], f->b.at[s->b + (uint32_t)(x - k)]))
                x++;
            s->reach[d][d + k] = x;
            if (x >= s->n && x - k >= s->m)
                return true;
        }
    }
    s->d = CHANGES_MAX;
    return false;
}

/* Goes the way back, and notes each step that is a change, the last first. */
static void walk_back(const struct search *s, struct differ *f)
{
    struct {
        struct change *at;
        uint32_t n, room;
    } step = {0};
    int k = s->n - s->m;
    for (int d = s->d; d > 0; d--) {
        const int *v = s->reach[d - 1];
        const bool deletes = ends_in_deletion(s, d, k);
        const int from = deletes ? k - 1 : k + 1;
        const uint32_t x = s->a + (uint32_t)v[d - 1 + from];
        const uint32_t y = s->b + (uint32_t)(v[d - 1 + from] - from);
        VEC_ADD(&step, (struct change){x, x + deletes, y, y + !deletes});
        k = from;
    }
    while (step.n > 0)
        add_change(f, step.at[--step.n]);
    VEC_DONE(&step);
}

static void compare(struct differ *f)
{
    uint32_t begin = 0, a = f->a.n, b = f->b.n;
    while (begin < a && begin < b && slice_eq(f->a.at[begin], f->b.at[begin]))
        begin++;
    while (a > begin && b > begin && slice_eq(f->a.at[a - 1], f->b.at[b - 1])) {
        a--;
        b--;
    }
    if (a == begin && b == begin)
        return;
    struct search s = {.a = begin, .b = begin, .n = (int)(a - begin), .m = (int)(b - begin)};
    s.reach = MUST_ARRAY(int *, CHANGES_MAX + 1);
    if (search(f, &s))
        walk_back(&s, f);
    else
        add_change(f, (struct change){begin, a, begin, b});
    for (int d = 0; d <= s.d; d++)
        free(s.reach[d]);
    free(s.reach);
}

static void print_lines(const struct lines *l, uint32_t from, uint32_t to, char sign,
                        struct text *out)
{
    for (uint32_t i = from; i < to; i++) {
        const struct slice line = l->at[i];
        text_addc(out, sign);
        text_add(out, line);
        if (line.at[line.len - 1] != '\n')
            text_adds(out, "\n\\ No newline at end of file\n");
    }
}

static void print_range(char sign, uint32_t from, uint32_t to, struct text *out)
{
    text_addf(out, "%c%u", sign, to > from ? from + 1 : from);
    if (to - from != 1)
        text_addf(out, ",%u", to - from);
}

/* Changes [i, end) with the lines around them. */
static void print_hunk(const struct differ *f, uint32_t i, uint32_t end, struct text *out)
{
    const struct change *first = &f->change.at[i], *last = &f->change.at[end - 1];
    const uint32_t lead = first->a < AROUND ? first->a : AROUND;
    const uint32_t left = f->a.n - last->a_end, tail = left < AROUND ? left : AROUND;
    text_adds(out, "@@ ");
    print_range('-', first->a - lead, last->a_end + tail, out);
    text_addc(out, ' ');
    print_range('+', first->b - lead, last->b_end + tail, out);
    text_adds(out, " @@\n");
    uint32_t at = first->a - lead;
    for (; i < end; i++) {
        const struct change *c = &f->change.at[i];
        print_lines(&f->a, at, c->a, ' ', out);
        print_lines(&f->a, c->a, c->a_end, '-', out);
        print_lines(&f->b, c->b, c->b_end, '+', out);
        at = c->a_end;
    }
    print_lines(&f->a, at, at + tail, ' ', out);
}

bool linediff(const char *name, struct slice before, struct slice after, struct text *out)
{
    struct differ f = {0};
    split(before, &f.a);
    split(after, &f.b);
    compare(&f);
    if (f.change.n > 0)
        text_addf(out, "--- %s\n+++ %s\n", name, name);
    for (uint32_t i = 0; i < f.change.n;) {
        uint32_t end = i + 1;
        while (end < f.change.n && f.change.at[end].a - f.change.at[end - 1].a_end <= 2 * AROUND)
            end++;
        print_hunk(&f, i, end, out);
        i = end;
    }
    const bool differs = f.change.n > 0;
    VEC_DONE(&f.a);
    VEC_DONE(&f.b);
    VEC_DONE(&f.change);
    return differs;
}

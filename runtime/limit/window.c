#include "runtime/limit/window.h"

#include "runtime/base/check.h"

/* All weighing is in microseconds, so that a day times the largest count fits into 64 bits. */
#define NS_PER_US 1000

_Static_assert((WINDOW_WIDTH_NS_MAX / NS_PER_US) < INT64_MAX / 4 / (int64_t)WINDOW_MOST_MAX,
               "what is weighed fits");

enum { NUMBER_BITS = 16, COUNT_BITS = 24 };

#define NUMBER_MASK ((UINT64_C(1) << NUMBER_BITS) - 1)
#define COUNT_MASK  ((UINT64_C(1) << COUNT_BITS) - 1)

/* Windows are told apart by the low bits of their number: hours for seven years. */
struct counts {
    uint64_t number, before, now;
    int64_t begun_ns; /* of the window */
};

static int64_t pack(const struct counts *c)
{
    return (int64_t)((c->number & NUMBER_MASK) << 2 * COUNT_BITS | c->before << COUNT_BITS |
                     c->now);
}

/* As it is at `now_ns`, where windows have gone by since. */
static struct counts counts_at(struct window w, int64_t state, int64_t now_ns)
{
    const uint64_t is = (uint64_t)(now_ns / w.width_ns), s = (uint64_t)state;
    struct counts c = {is, s >> COUNT_BITS & COUNT_MASK, s & COUNT_MASK, (int64_t)is * w.width_ns};
    const uint64_t gone = (is - (s >> 2 * COUNT_BITS)) & NUMBER_MASK;
    if (gone == 0)
        return c;
    if (gone == NUMBER_MASK) { /* another worker's clock was ahead */
        c.number++;
        c.begun_ns += w.width_ns;
        return c;
    }
    c.before = gone == 1 ? c.now : 0;
    c.now = 0;
    return c;
}

/* With the one that runs: so the first moment of a window is one when something has left. */
static int64_t gone_us(const struct counts *c, int64_t now_ns)
{
    return now_ns > c->begun_ns ? (now_ns - c->begun_ns) / NS_PER_US + 1 : 1;
}

/* From which microsecond of its window on is there room for one more, when `now` are there and
 * nothing else comes? Beyond the width where there is none in this one. */
static int64_t room_from_us(struct window w, uint64_t before, uint64_t now)
{
    const int64_t width = w.width_ns / NS_PER_US;
    if (now >= w.most)
        return width + 1;
    const int64_t room = (int64_t)(w.most - now) * width, weight = (int64_t)before;
    if (weight == 0 || weight * width < room)
        return 1;
    return width - (room + weight - 1) / weight + 1; /* weight * (width - this) < room */
}

bool window_take(struct window w, int64_t state, int64_t now_ns, int64_t *after)
{
    ASSERT(w.most > 0 && w.most <= WINDOW_MOST_MAX && now_ns >= 0);
    struct counts c = counts_at(w, state, now_ns);
    if (gone_us(&c, now_ns) < room_from_us(w, c.before, c.now))
        return false;
    c.now++;
    *after = pack(&c);
    return true;
}

int64_t window_give(struct window w, int64_t state, int64_t taken_ns)
{
    const uint64_t s = (uint64_t)state, taken = (uint64_t)(taken_ns / w.width_ns);
    const uint64_t since = ((s >> 2 * COUNT_BITS) - taken) & NUMBER_MASK;
    if (since == 0 && (s & COUNT_MASK) > 0)
        return (int64_t)(s - 1);
    if (since == 1 && (s >> COUNT_BITS & COUNT_MASK) > 0)
        return (int64_t)(s - (UINT64_C(1) << COUNT_BITS));
    return state;
}

int64_t window_wait_ns(struct window w, int64_t state, int64_t now_ns)
{
    const struct counts c = counts_at(w, state, now_ns);
    int64_t from_us = room_from_us(w, c.before, c.now);
    if (gone_us(&c, now_ns) >= from_us)
        return 0;
    if (from_us > w.width_ns / NS_PER_US) /* in the next one */
        from_us = w.width_ns / NS_PER_US + room_from_us(w, c.now, 0);
    return c.begun_ns + (from_us - 1) * NS_PER_US - now_ns;
}

int64_t window_until_ns(struct window w, int64_t state, int64_t now_ns)
{
    const struct counts c = counts_at(w, state, now_ns);
    return c.now > 0 ? c.begun_ns + 2 * w.width_ns : c.before > 0 ? c.begun_ns + w.width_ns : 0;
}

struct window_counts window_counts(struct window w, int64_t state, int64_t now_ns)
{
    const struct counts c = counts_at(w, state, now_ns);
    return (struct window_counts){c.begun_ns / w.width_ns, (int64_t)c.before, (int64_t)c.now};
}

static uint64_t larger(uint64_t a, int64_t b, uint32_t more)
{
    const int64_t most = (int64_t)COUNT_MASK;
    const uint64_t other = b <= 0 ? more : (uint64_t)(b < most ? b : most) + more;
    const uint64_t c = a > other ? a : other;
    return c < COUNT_MASK ? c : COUNT_MASK;
}

int64_t window_learn(struct window w, int64_t state, const struct window_counts *others,
                     uint32_t more, int64_t now_ns)
{
    struct counts c = counts_at(w, state, now_ns);
    const int64_t number = c.begun_ns / w.width_ns; /* what others say may be any */
    if (others->number == number) {
        c.before = larger(c.before, others->before, 0);
        c.now = larger(c.now, others->now, more);
    } else if (others->number == number - 1) {
        c.before = larger(c.before, others->now, more);
    } else if (others->number == number + 1) {
        c.now = larger(c.now, others->before, more);
    } else {
        return state;
    }
    return c.before + c.now > 0 ? pack(&c) : state;
}

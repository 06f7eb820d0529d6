/* What limits that count bytes make of an exchange: how much may go each way now, and when more. */
#include "runtime/limit/throttle.h"

#include "runtime/proxy/exchange_priv.h"

/* How long a wait is timed at once; longer ones are looked at again, so that there are as few
 * durations as powers of two: event/deadline.h. */
#define WAIT_MS_MAX 1024

/* One direction. */
struct throttled_way {
    uint64_t allowed;   /* bytes that may go in this turn; the flow counts them down */
    uint64_t granted;   /* of what has gone in this turn and is allowed: counted by the limits */
    uint64_t due;       /* bytes that wait for their turn; 0: none do */
    int64_t turn_ns;    /* then: when it is */
    int64_t waiting_ns; /* and since when they wait */
    struct deadline deadline;
};

struct throttled {
    struct exchange *x;
    struct throttle *limit; /* in the worker's pool */
    bool was_delayed;
    struct throttled_way way[THROTTLE_WAYS];
};

size_t exchange_throttled_bytes(void)
{
    return sizeof(struct throttled);
}

/* What is due is seen to have come in the next run. */
static void turn_has_come(struct exchange *x)
{
    CHECK_OBJ(x, EXCHANGE_MAGIC);
    session_drive(x->session);
}

static void down_is_due(struct deadline *d)
{
    turn_has_come(CONTAINER_OF(d, struct throttled, way[THROTTLE_DOWN].deadline)->x);
}

/* While its bytes wait for their turn nothing is heard of a client, not even that it has left. */
static void up_is_due(struct deadline *d)
{
    struct exchange *x = CONTAINER_OF(d, struct throttled, way[THROTTLE_UP].deadline)->x;
    if (exchange_is_left(x))
        session_close(x->session, ACCESS_CLIENT_ABORT);
    else
        turn_has_come(x);
}

static struct throttled *throttled_of(struct exchange *x)
{
    if (x->throttled)
        return x->throttled;
    struct throttled *t = pool_take(&x->worker->throttled);
    if (!t)
        return NULL;
    *t = (struct throttled){.x = x};
    t->way[THROTTLE_DOWN].deadline.call = down_is_due;
    t->way[THROTTLE_UP].deadline.call = up_is_due;
    return x->throttled = t;
}

void exchange_throttle(struct exchange *x, uint32_t limit, uint64_t hash)
{
    struct worker *w = x->worker;
    struct throttled *t = throttled_of(x);
    struct throttle *one = t ? pool_take(&w->throttles) : NULL;
    if (!one) {
        METRIC_ADD(w->metrics->bandwidth_unheld, 1);
        return;
    }
    throttle_begin(one, x->generation->limiter[limit], &x->generation->table->limit[limit], hash,
                   w->index, clock_now_ns());
    one->next = t->limit;
    t->limit = one;
}

/* Of all its limits the least. */
static uint64_t piece_of(const struct throttled *t, enum throttle_way way)
{
    uint64_t least = UINT64_MAX;
    for (const struct throttle *l = t->limit; l; l = l->next) {
        const uint64_t piece = throttle_piece(l, way);
        least = piece < least ? piece : least;
    }
    return least;
}

void exchange_allow(struct exchange *x, enum throttle_way way)
{
    struct throttled *t = x->throttled;
    struct flow *f = way == THROTTLE_UP ? &x->up : &x->down;
    if (piece_of(t, way) < UINT64_MAX)
        f->allowed = &t->way[way].allowed;
}

static void give_back(struct throttled *t, enum throttle_way way, uint64_t bytes)
{
    for (struct throttle *l = t->limit; l && bytes > 0; l = l->next)
        throttle_give(l, way, bytes);
}

static void count_delay(struct throttled *t, enum throttle_way way, int64_t now_ns)
{
    const struct throttled_way *w = &t->way[way];
    for (struct throttle *l = t->limit; l; l = l->next) {
        if (l->rate[way].bytes_per_s == 0)
            continue;
        limiter_count_up(&l->counts->delayed, !t->was_delayed);
        limiter_count_up(&l->counts->delayed_bytes, w->due);
        limiter_count_up(&l->counts->delayed_ns, (uint64_t)(now_ns - w->waiting_ns));
    }
    t->was_delayed = true;
}

static void allow(struct throttled_way *w, uint64_t bytes)
{
    w->allowed += bytes;
    w->granted += bytes;
}

/* A piece more, or a place in the row for it. */
static bool ask(struct throttled *t, enum throttle_way way, int64_t now_ns)
{
    struct throttled_way *w = &t->way[way];
    const uint64_t piece = piece_of(t, way);
    int64_t turn_ns = now_ns;
    for (struct throttle *l = t->limit; l; l = l->next) {
        const int64_t ns = throttle_take(l, way, piece, now_ns);
        turn_ns = ns > turn_ns ? ns : turn_ns;
    }
    if (turn_ns <= now_ns) {
        allow(w, piece);
        return true;
    }
    w->due = piece;
    w->turn_ns = turn_ns;
    w->waiting_ns = now_ns;
    return false;
}

bool exchange_may_move(struct exchange *x, enum throttle_way way)
{
    struct throttled *t = x->throttled;
    struct throttled_way *w = &t->way[way];
    const int64_t now_ns = clock_now_ns();
    if (w->due == 0)
        return ask(t, way, now_ns);
    if (now_ns < w->turn_ns)
        return false;
    count_delay(t, way, now_ns);
    allow(w, w->due);
    w->due = 0;
    return true;
}

/* What was allowed and has not gone is others'. */
static void settle(struct throttled *t, enum throttle_way way)
{
    struct throttled_way *w = &t->way[way];
    if (w->granted == 0)
        return;
    give_back(t, way, w->allowed);
    for (struct throttle *l = t->limit; l; l = l->next)
        if (l->rate[way].bytes_per_s > 0)
            limiter_count_up(&l->counts->moved_bytes, w->granted - w->allowed);
    w->granted = w->allowed = 0;
}

/* The longest power of two that is not too long, in ms. */
static int64_t step_of(int64_t wait_ns)
{
    const int64_t ms = (wait_ns + NS_PER_MS - 1) / NS_PER_MS;
    int64_t step = 1;
    while (step < WAIT_MS_MAX && 2 * step <= ms)
        step *= 2;
    return step * NS_PER_MS;
}

static void watch(struct throttled *t, enum throttle_way way, bool waits)
{
    struct throttled_way *w = &t->way[way];
    struct worker *of = t->x->worker;
    if (!waits || w->due == 0)
        deadline_clear(&w->deadline);
    else if (w->deadline.at_ns == 0)
        deadline_set(&of->deadlines, &w->deadline, step_of(w->turn_ns - clock_now_ns()),
                     of->now_ns);
}

void exchange_settle_throttled(struct exchange *x)
{
    struct throttled *t = x->throttled;
    settle(t, THROTTLE_DOWN);
    settle(t, THROTTLE_UP);
    watch(t, THROTTLE_DOWN, x->down_result == FLOW_PACED);
    watch(t, THROTTLE_UP, x->up_result == FLOW_PACED);
}

void exchange_end_throttled(struct exchange *x)
{
    struct throttled *t = x->throttled;
    for (enum throttle_way way = 0; way < THROTTLE_WAYS; way++) {
        settle(t, way);
        give_back(t, way, t->way[way].due);
        deadline_clear(&t->way[way].deadline);
    }
    for (struct throttle *l = t->limit, *next; l; l = next) {
        next = l->next;
        throttle_end(l);
        pool_give(&x->worker->throttles, l);
    }
    pool_give(&x->worker->throttled, t);
    x->throttled = NULL;
}

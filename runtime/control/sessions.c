/* Who is connected: every worker is asked, and those that answer in time are told of. */
#include "runtime/base/clock.h"
#include "runtime/control/control_priv.h"

/* A worker that has not answered by then is missing in the answer. */
#define ANSWER_NS (2 * NS_PER_S)

/* As many ask at a time: each has room for what all workers may say. Those that were told without a
 * worker are not counted: it is not asked once more before it has answered them. */
#define ASKING_MAX 4u

/* A question to all workers that are not behind. It stays until the last of them has answered, told
 * or not. */
struct census {
    struct control *control;
    struct timer late;
    struct control_sessions_asker asker;
    uint32_t limit;
    bool told;
    uint32_t n_workers, n_due;
    struct roster part[];
};

static int older(const void *a, const void *b)
{
    const struct roster_row *const *r = a, *const *s = b;
    return ((*r)->age_ns < (*s)->age_ns) - ((*r)->age_ns > (*s)->age_ns);
}

/* The oldest of all workers are among the oldest of each. */
static void tell(struct census *q)
{
    struct control_sessions all = {.workers = q->n_workers};
    VEC(const struct roster_row *) rows = {0};
    q->told = true;
    for (uint32_t i = 0; i < q->n_workers; i++) {
        const struct roster *r = &q->part[i];
        all.missing += !r->answered;
        if (!r->answered)
            continue;
        all.connections += r->connections;
        all.matched += r->matched;
        if (r->slice_ns > all.slice_ns)
            all.slice_ns = r->slice_ns;
        for (uint32_t k = 0; k < r->n_rows; k++)
            VEC_ADD(&rows, &r->row[k]);
    }
    if (rows.n > 1)
        qsort(rows.at, rows.n, sizeof(*rows.at), older);
    all.row = rows.at;
    all.n_rows = rows.n < q->limit ? rows.n : q->limit;
    q->asker.done(q->asker.of, &all);
    VEC_DONE(&rows);
}

static void census_free(struct census *q)
{
    for (uint32_t i = 0; i < q->n_workers; i++)
        free(q->part[i].row);
    free(q);
}

static void late(void *of)
{
    struct census *q = of;
    struct control *c = q->control;
    for (uint32_t i = 0; i < q->n_workers; i++)
        c->behind[i] += q->part[i].row && !q->part[i].answered;
    c->asking--; /* before whoever is told asks once more */
    tell(q);
    if (q->n_due == 0)
        census_free(q);
}

static void one_has_answered(struct roster *r)
{
    struct census *q = r->of;
    q->n_due--;
    if (q->told)
        q->control->behind[r - q->part]--;
    if (q->n_due > 0)
        return;
    timer_stop(&q->late);
    if (!q->told) {
        q->control->asking--;
        tell(q);
    }
    census_free(q);
}

static void ask_worker(struct census *q, uint32_t i, const struct control_sessions_filter *f)
{
    struct roster *r = &q->part[i];
    *r = (struct roster){.done = one_has_answered,
                         .of = q,
                         .by_source = f->by_source,
                         .source = f->source,
                         .by_listener = f->listener.len > 0,
                         .rows_max = f->limit,
                         .row = MUST_ARRAY(struct roster_row, f->limit)};
    const size_t len = f->listener.len < sizeof(r->listener) ? f->listener.len : 0;
    if (len > 0)
        memcpy(r->listener, f->listener.at, len);
    worker_roster(q->control->worker[i], r);
}

bool control_sessions(struct control *c, const struct control_sessions_filter *f,
                      const struct control_sessions_asker *asker)
{
    ASSERT(f->limit >= 1 && f->limit <= CONTROL_SESSIONS_MAX);
    if (!c->serving || c->asking >= ASKING_MAX) {
        text_adds(asker->why, c->serving ? "others are asking that; try again in a moment"
                                         : "nobody is served yet");
        return false;
    }
    c->asking++;
    struct census *q = must_calloc(1, sizeof(*q) + c->n_workers * sizeof(q->part[0]));
    q->control = c;
    q->asker = *asker;
    q->limit = f->limit;
    q->n_workers = c->n_workers;
    for (uint32_t i = 0; i < c->n_workers; i++)
        q->n_due += c->behind[i] == 0;
    timer_init(&q->late, c->loop, late, q);
    timer_set(&q->late, q->n_due > 0 ? ANSWER_NS : 0);
    for (uint32_t i = 0; i < c->n_workers; i++)
        if (c->behind[i] == 0)
            ask_worker(q, i, f);
    return true;
}

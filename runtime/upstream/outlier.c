#include "runtime/upstream/outlier.h"

#include <stdlib.h>

#include "runtime/base/check.h"
#include "runtime/base/clock.h"

/* --- what is counted ------------------------------------------------------------------------- */

/* There is one writer: nothing can come between. */
static void add(_Atomic uint64_t *to, uint64_t n)
{
    atomic_store_explicit(to, atomic_load_explicit(to, memory_order_relaxed) + n,
                          memory_order_relaxed);
}

void outlier_note(struct outlier_counts *c, bool error, int64_t took_ns)
{
    add(&c->requests, 1);
    if (error) {
        add(&c->errors, 1);
        return;
    }
    add(&c->timed, 1);
    add(&c->time_ns, took_ns > 0 ? (uint64_t)took_ns : 0);
}

void outlier_sum(struct outlier_seen *sum, const struct outlier_counts *c)
{
    sum->requests += atomic_load_explicit(&c->requests, memory_order_relaxed);
    sum->errors += atomic_load_explicit(&c->errors, memory_order_relaxed);
    sum->timed += atomic_load_explicit(&c->timed, memory_order_relaxed);
    sum->time_ns += atomic_load_explicit(&c->time_ns, memory_order_relaxed);
}

bool outlier_is_error(uint16_t status)
{
    return status >= 500 && status != 501 && status != 505;
}

void outlier_write(const struct outlier_why *why, struct text *out)
{
    switch (why->reason) {
    case OUTLIER_IN_A_ROW:
        text_addf(out, "%llu error%s in a row", (unsigned long long)why->is,
                  why->is == 1 ? "" : "s");
        return;
    case OUTLIER_ERROR_RATE:
        text_addf(out, "%llu of %llu requests were errors", (unsigned long long)why->is,
                  (unsigned long long)why->of);
        return;
    case OUTLIER_LATENCY:
        text_addf(out, "%.1f ms to the first byte, where the median is %.1f ms",
                  (double)why->is / (double)NS_PER_MS, (double)why->of / (double)NS_PER_MS);
        return;
    }
}

/* --- one server ------------------------------------------------------------------------------ */

static void forget(struct outlier *o, const struct outlier_seen *seen)
{
    o->mark[0] = *seen;
    o->n_marks = 1;
}

void outlier_resume(struct outlier *o, const struct table_outlier *rule, const struct outlier *was,
                    int64_t now_ns)
{
    const uint32_t times = was->times < OUTLIER_TIMES_MAX ? was->times : OUTLIER_TIMES_MAX;
    const int64_t last_ns = now_ns + rule->eject_ns * OUTLIER_TIMES_MAX;
    *o = (struct outlier){.ejected = was->until_ns > now_ns && times > 0,
                          .until_ns = was->until_ns < last_ns ? was->until_ns : last_ns,
                          .good_ns = now_ns,
                          .times = times,
                          .why = was->why};
}

bool outlier_return(struct outlier *o, const struct outlier_seen *seen, int64_t now_ns)
{
    if (!o->ejected)
        return false;
    o->ejected = false;
    o->good_ns = now_ns;
    forget(o, seen);
    return true;
}

static void forgive(struct outlier *o, int64_t eject_ns, int64_t now_ns)
{
    while (o->times > 0 && now_ns - o->good_ns >= eject_ns) {
        o->times--;
        o->good_ns += eject_ns;
    }
}

static void eject(struct outlier_member *m, int64_t eject_ns, int64_t now_ns)
{
    struct outlier *o = m->of;
    if (o->times < OUTLIER_TIMES_MAX)
        o->times++;
    o->ejected = m->changed = true;
    o->until_ns = now_ns + eject_ns * o->times;
    o->ejections++;
    o->why = m->why;
}

/* At first, or once its time is over. */
static void begin(const struct table_outlier *rule, struct outlier_member *m, int64_t now_ns)
{
    struct outlier *o = m->of;
    if (!o->begun)
        forget(o, &m->seen);
    o->begun = true;
    m->badness = 0;
    m->changed = o->ejected && now_ns >= o->until_ns && outlier_return(o, &m->seen, now_ns);
    if (m->changed)
        m->seen.in_a_row = 0;
    if (!o->ejected)
        forgive(o, rule->eject_ns, now_ns);
}

static bool is_in_use(const struct outlier_member *m)
{
    return m->usable && !m->of->ejected;
}

static void blame(struct outlier_member *m, double badness, enum outlier_reason reason, uint64_t is,
                  uint64_t of)
{
    if (badness < 1 || badness <= m->badness)
        return;
    m->badness = badness;
    m->why = (struct outlier_why){reason, is, of};
}

/* --- windows --------------------------------------------------------------------------------- */

/* Workers count one thing after the other: what is seen of them may be out of step by one. */
static uint64_t since(uint64_t now, uint64_t then)
{
    return now > then ? now - then : 0;
}

static struct outlier_seen window_of(const struct outlier_member *m)
{
    const struct outlier_seen *then = &m->of->mark[0], *now = &m->seen;
    return (struct outlier_seen){.requests = since(now->requests, then->requests),
                                 .errors = since(now->errors, then->errors),
                                 .timed = since(now->timed, then->timed),
                                 .time_ns = since(now->time_ns, then->time_ns)};
}

static void look_at_errors(const struct table_outlier *rule, struct outlier_member *m)
{
    const struct outlier_seen w = window_of(m);
    if (rule->error_percent == 0 || w.requests < rule->min_requests)
        return;
    blame(m, (double)w.errors * 100 / (double)w.requests / rule->error_percent, OUTLIER_ERROR_RATE,
          w.errors, w.requests);
}

/* 0: it has none. */
static uint64_t mean_of(const struct table_outlier *rule, const struct outlier_member *m)
{
    const struct outlier_seen w = window_of(m);
    return is_in_use(m) && w.timed >= rule->min_requests ? w.time_ns / w.timed + 1 : 0;
}

static int by_size(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* The lower one of two; 0 when there are no two to compare. */
static uint64_t median_of(const struct table_outlier *rule, const struct outlier_member *m,
                          uint32_t n)
{
    uint64_t *mean = MUST_ARRAY(uint64_t, n);
    uint32_t known = 0;
    for (uint32_t i = 0; i < n; i++)
        if ((mean[known] = mean_of(rule, &m[i])) > 0)
            known++;
    qsort(mean, known, sizeof(mean[0]), by_size);
    const uint64_t median = known >= 2 ? mean[(known - 1) / 2] : 0;
    free(mean);
    return median;
}

static void look_at_times(const struct table_outlier *rule, struct outlier_member *m, uint32_t n)
{
    const uint64_t median = rule->latency_percent > 0 && n > 0 ? median_of(rule, m, n) : 0;
    for (uint32_t i = 0; i < n && median > 0; i++) {
        const uint64_t mean = mean_of(rule, &m[i]);
        if (mean >= median + (uint64_t)OUTLIER_LATENCY_LEAST_NS)
            blame(&m[i], (double)mean * 100 / (double)median / rule->latency_percent,
                  OUTLIER_LATENCY, mean, median);
    }
}

static void mark(struct outlier_member *m)
{
    struct outlier *o = m->of;
    if (o->n_marks == OUTLIER_SLICES) {
        o->n_marks--;
        memmove(o->mark, o->mark + 1, o->n_marks * sizeof(o->mark[0]));
    }
    o->mark[o->n_marks++] = m->seen;
}

/* A slice is over. */
static void look_back(const struct table_outlier *rule, struct outlier_member *m, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        if (is_in_use(&m[i]))
            look_at_errors(rule, &m[i]);
    look_at_times(rule, m, n);
    for (uint32_t i = 0; i < n; i++)
        mark(&m[i]);
}

/* --- all of them ----------------------------------------------------------------------------- */

/* How many more may go. */
static uint32_t room_for(const struct table_outlier *rule, const struct outlier_member *m,
                         uint32_t n)
{
    const uint32_t part = (uint32_t)((uint64_t)n * rule->max_ejected_percent / 100);
    const uint32_t most = part > 0 ? part : 1;
    uint32_t ejected = 0, in_use = 0;
    for (uint32_t i = 0; i < n; i++) {
        ejected += m[i].of->ejected;
        in_use += is_in_use(&m[i]);
    }
    const uint32_t room = most > ejected ? most - ejected : 0;
    return room < in_use ? room : in_use > 0 ? in_use - 1 : 0;
}

static struct outlier_member *worst_of(struct outlier_member *m, uint32_t n)
{
    struct outlier_member *worst = NULL;
    for (uint32_t i = 0; i < n; i++)
        if (is_in_use(&m[i]) && m[i].badness >= 1 && (!worst || m[i].badness > worst->badness))
            worst = &m[i];
    return worst;
}

int64_t outlier_look(const struct table_outlier *rule, struct outlier_member *m, uint32_t n,
                     int64_t *slice_ns, int64_t now_ns)
{
    ASSERT(rule->given && rule->consecutive_errors >= 1);
    for (uint32_t i = 0; i < n; i++) {
        begin(rule, &m[i], now_ns);
        blame(&m[i], (double)m[i].seen.in_a_row / rule->consecutive_errors, OUTLIER_IN_A_ROW,
              m[i].seen.in_a_row, 0);
    }
    const bool looks_back = rule->error_percent > 0 || rule->latency_percent > 0;
    if (looks_back && now_ns >= *slice_ns) {
        look_back(rule, m, n);
        *slice_ns = now_ns + rule->window_ns / OUTLIER_SLICES;
    }
    struct outlier_member *worst;
    for (uint32_t room = room_for(rule, m, n); room > 0 && (worst = worst_of(m, n)); room--)
        eject(worst, rule->eject_ns, now_ns);

    int64_t due_ns = looks_back ? *slice_ns : INT64_MAX;
    for (uint32_t i = 0; i < n; i++)
        if (m[i].of->ejected && m[i].of->until_ns < due_ns)
            due_ns = m[i].of->until_ns;
    return due_ns;
}

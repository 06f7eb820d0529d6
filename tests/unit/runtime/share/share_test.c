#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdlib.h>

#include "runtime/base/clock.h"
#include "runtime/base/rng.h"
#include "runtime/limit/gcra.h"
#include "runtime/limit/limiter.h"
#include "runtime/share/backoff.h"
#include "runtime/share/pending.h"
#include "runtime/share/share.h"

#define HOUR  (3600 * NS_PER_S)
#define START (1000 * HOUR)

/* --- what is to be told ----------------------------------------------------------------------- */

static void counts_are_added_by_key(void **state)
{
    (void)state;
    struct pending p;
    struct pending_key out[8];
    pending_init(&p);
    for (uint64_t i = 0; i < 30; i++)
        assert_true(pending_add(&p, i % 3 * 8192, 100 - (int64_t)i)); /* all in one slot */
    assert_int_equal(p.n, 3);
    assert_int_equal(pending_of(&p, 8192), 10);
    assert_int_equal(pending_of(&p, 1), 0);
    assert_int_equal(pending_take(&p, 2, out), 2);
    assert_int_equal(out[0].hash, 0);
    assert_int_equal(out[0].n, 10);
    assert_int_equal(out[0].first_ns, 100 - 27);
    assert_int_equal(pending_of(&p, 0), 0);
    assert_int_equal(pending_of(&p, 2 * 8192), 10); /* is found still */
    assert_int_equal(pending_take(&p, 8, out), 1);
    assert_int_equal(pending_take(&p, 8, out), 0);
    pending_done(&p);
}

static void further_keys_have_no_room(void **state)
{
    (void)state;
    struct pending p;
    struct pending_key *out = malloc(PENDING_KEYS_MAX * sizeof(*out));
    struct rng rng = {1};
    pending_init(&p);
    for (uint32_t i = 0; i < PENDING_KEYS_MAX; i++)
        assert_true(pending_add(&p, i, 1));
    assert_false(pending_add(&p, rng_next(&rng), 1));
    assert_true(pending_add(&p, 7, 1)); /* one that is there counts on */
    assert_int_equal(pending_of(&p, 7), 2);
    assert_int_equal(pending_take(&p, PENDING_KEYS_MAX, out), PENDING_KEYS_MAX);
    assert_true(pending_add(&p, 7, 1));
    pending_clear(&p);
    assert_int_equal(pending_of(&p, 7), 0);
    free(out);
    pending_done(&p);
}

static void a_full_ring_says_so(void **state)
{
    (void)state;
    struct told *t = aligned_alloc(64, sizeof(*t));
    struct told_one one;
    atomic_init(&t->put, UINT32_MAX - 10); /* it goes round */
    atomic_init(&t->taken, UINT32_MAX - 10);
    for (uint32_t i = 0; i < TOLD_ROOM; i++)
        assert_true(told_put(t, (struct told_one){.hash = i}));
    assert_false(told_put(t, (struct told_one){.hash = 0}));
    for (uint32_t i = 0; i < TOLD_ROOM; i++) {
        assert_true(told_take(t, &one));
        assert_int_equal(one.hash, i);
    }
    assert_false(told_take(t, &one));
    free(t);
}

static void pauses_grow_and_differ(void **state)
{
    (void)state;
    struct rng rng = {1};
    for (uint32_t tries = 1; tries < 100; tries++)
        for (int i = 0; i < 100; i++) {
            const int64_t ns = backoff_ns(tries, rng_next(&rng));
            assert_true(ns >= BACKOFF_LEAST_NS && ns <= BACKOFF_MOST_NS);
            assert_true(tries > 1 || ns <= 2 * BACKOFF_LEAST_NS);
            assert_true(tries < 10 || ns >= BACKOFF_MOST_NS / 2);
        }
    assert_int_not_equal(backoff_ns(5, 1000000), backoff_ns(5, 2000000));
}

/* --- several processes and what they count together in, at a simulated time ------------------- */

#define PROCESSES_MAX 4u
#define KEY           UINT64_C(0x123456789)

/* What the script does, for one key of one rate. */
struct redis {
    int64_t clock_ns; /* its clock is so far ahead */
    bool known;
    int64_t a, b, c; /* a moment in us, or a window and two counts */
};

static struct rate_view tell(struct redis *r, const struct table_rate *rate, uint32_t n,
                             int64_t age_ns, struct rate_view view, int64_t now_ns)
{
    const int64_t now = (now_ns + r->clock_ns) / NS_PER_US, first = now - age_ns / NS_PER_US;
    const int64_t width = rate_width_ns(rate) / NS_PER_US;
    if (!r->known) {
        r->a = width ? view.at : view.at + now;
        r->b = view.before;
        r->c = view.now;
        r->known = true;
    }
    if (width == 0) {
        r->a = (r->a > first ? r->a : first) + n * rate->step_ns / NS_PER_US;
        return (struct rate_view){.at = r->a - now};
    }
    const int64_t is = now / width;
    r->b = r->a == is ? r->b : r->a == is - 1 ? r->c : 0;
    r->c = r->a == is ? r->c : 0;
    r->a = is;
    if (first / width == is)
        r->c += n;
    else
        r->b += n;
    return (struct rate_view){is, r->b, r->c};
}

struct process {
    struct limiter *limiter;
    struct pending pending;
    uint64_t admitted;
};

static void sync(struct process *p, const struct table_limit *spec, struct redis *r, int64_t now_ns)
{
    struct told_one one;
    struct pending_key key;
    while (told_take(&p->limiter->told[0], &one))
        assert_true(pending_add(&p->pending, one.hash, one.at_ns));
    if (!r || pending_take(&p->pending, 1, &key) == 0)
        return;
    struct rate_view view;
    limiter_view(p->limiter, spec, key.hash, key.n, now_ns, &view);
    view = tell(r, spec->rate, key.n, now_ns - key.first_ns, view, now_ns);
    limiter_learn(p->limiter, spec, key.hash, &view, 0, now_ns);
}

static struct table_limit spec_of(const struct table_rate *rate)
{
    static const struct table_limit_key by[] = {{.field = FIELD_SRC}};
    return (struct table_limit){.name = SLICE_INIT("l"),
                                .key = by,
                                .rate = rate,
                                .n_rates = 1,
                                .n_keys = 1,
                                .entries = 100,
                                .shared = 0};
}

static void begin(struct process *p, uint32_t n, const struct table_limit *spec)
{
    for (uint32_t i = 0; i < n; i++) {
        p[i] = (struct process){.limiter = limiter_new(spec, 1, 1, 0)};
        pending_init(&p[i].pending);
    }
}

static void end(struct process *p, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        limiter_unpin(p[i].limiter);
        pending_done(&p[i].pending);
    }
}

/* Each is asked every `every_ns`, and tells every SHARE_TELL_NS, each at another moment. */
static uint64_t run(struct process *p, uint32_t n, const struct table_limit *spec, struct redis *r,
                    int64_t from_ns, int64_t during_ns, int64_t every_ns)
{
    uint64_t admitted = 0;
    for (int64_t t = 0; t < during_ns; t += NS_PER_MS)
        for (uint32_t i = 0; i < n; i++) {
            const int64_t now_ns = from_ns + t;
            if (t % every_ns == 0)
                admitted += limiter_ask(p[i].limiter, spec, KEY, 0, now_ns).admitted;
            if ((t + i * 7 * NS_PER_MS) % SHARE_TELL_NS == 0)
                sync(&p[i], spec, r, now_ns);
        }
    return admitted;
}

static struct table_rate moments(uint64_t count, int64_t period_ns, uint64_t burst)
{
    const struct gcra g = gcra_of(count, period_ns, burst);
    return (struct table_rate){count, burst, period_ns, g.step_ns, g.room_ns, false};
}

static void together_as_many_as_one_alone(void **state)
{
    (void)state;
    static const struct {
        uint64_t count, burst;
        uint32_t processes;
        int64_t every_ns, during_ns;
    } rows[] = {
        {100, 50, 2, NS_PER_MS, 3 * NS_PER_S},     {100, 50, 2, 2 * NS_PER_MS, 3 * NS_PER_S},
        {100, 50, 4, NS_PER_MS, 10 * NS_PER_S},    {10, 10, 2, NS_PER_MS, 10 * NS_PER_S},
        {20, 5, 2, 10 * NS_PER_MS, 10 * NS_PER_S}, {500, 50, 2, NS_PER_MS, 10 * NS_PER_S},
        {100, 1, 2, NS_PER_MS, 10 * NS_PER_S},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const struct table_rate rate = moments(rows[i].count, NS_PER_S, rows[i].burst);
        const struct table_limit spec = spec_of(&rate);
        struct process p[PROCESSES_MAX];
        struct redis r = {.clock_ns = -7 * HOUR}; /* what its clock says is its own affair */
        begin(p, rows[i].processes, &spec);
        const uint64_t n =
            run(p, rows[i].processes, &spec, &r, START, rows[i].during_ns, rows[i].every_ns);
        const double want = (double)rows[i].burst +
                            (double)rows[i].count * (double)rows[i].during_ns / (double)NS_PER_S;
        if ((double)n < 0.95 * want || (double)n > 1.05 * want)
            fail_msg("row %zu: %llu together, one alone %.0f", i, (unsigned long long)n, want);
        end(p, rows[i].processes);
    }
}

/* Without telling each other it would be twice as many: so the test above can fail. */
static void alone_each_has_it_all(void **state)
{
    (void)state;
    const struct table_rate rate = moments(100, NS_PER_S, 50);
    const struct table_limit spec = spec_of(&rate);
    struct process p[2];
    begin(p, 2, &spec);
    assert_in_range(run(p, 2, &spec, NULL, START, 3 * NS_PER_S, NS_PER_MS), 690, 710);
    end(p, 2);
}

static void one_sees_what_another_has_spent(void **state)
{
    (void)state;
    const struct table_rate rate = {
        .count = 100, .burst = 100, .period_ns = HOUR, .step_ns = 1, .room_ns = 1, .windows = true};
    const struct table_limit spec = spec_of(&rate);
    struct process p[2];
    struct redis r = {0};
    begin(p, 2, &spec);
    assert_int_equal(run(p, 1, &spec, &r, START, 90 * 10 * NS_PER_MS, 10 * NS_PER_MS), 90);
    const uint64_t n = run(p, 2, &spec, &r, START + NS_PER_S, 10 * NS_PER_S, 100 * NS_PER_MS);
    assert_in_range(n, 10, 11); /* each asked once before the other had said so */
    r = (struct redis){0};      /* it was started anew, and forgot all */
    assert_int_equal(run(p, 2, &spec, &r, START + 60 * NS_PER_S, NS_PER_S, 100 * NS_PER_MS), 0);
    /* In the next one it begins anew, by what is left of this one. */
    assert_in_range(run(p, 2, &spec, &r, START + HOUR + HOUR / 2, NS_PER_S, 10 * NS_PER_MS), 48,
                    54);
    end(p, 2);
}

static void who_begins_anew_learns_at_the_first_request(void **state)
{
    (void)state;
    const struct table_rate rate = moments(10, 60 * NS_PER_S, 10);
    const struct table_limit spec = spec_of(&rate);
    struct process p[2];
    struct redis r = {0};
    begin(p, 2, &spec);
    assert_int_equal(run(p, 1, &spec, &r, START, NS_PER_S, 50 * NS_PER_MS), 10);
    assert_int_equal(run(p + 1, 1, &spec, &r, START + NS_PER_S, 3 * NS_PER_S, 50 * NS_PER_MS), 1);
    end(p, 2);
}

static void nothing_known_is_ever_lost(void **state)
{
    (void)state;
    const struct table_rate m = moments(10, NS_PER_S, 10),
                            w = {.count = 100, .period_ns = HOUR, .windows = true};
    const struct rate_view less = {.at = -5}, more = {.at = 300000},
                           wild = {.at = INT64_MAX, .before = -1, .now = INT64_MAX};
    const int64_t spent = START + 200 * NS_PER_MS;
    assert_int_equal(rate_learn(&m, spent, &less, 3, START), spent);
    assert_int_equal(rate_learn(&m, spent, &more, 0, START), START + 300 * NS_PER_MS);
    assert_int_equal(rate_learn(&m, spent, &more, 2, START), START + 500 * NS_PER_MS);
    assert_int_equal(rate_learn(&m, spent, &wild, 2, START), spent); /* nobody's */
    int64_t s = 0;
    assert_true(rate_take(&w, 0, START, &s));
    const struct rate_view here = {1000, 4, 7}, behind = {999, 50, 9}, ahead = {1001, 30, 1},
                           gone = {990, 9, 9};
    struct rate_view v = rate_view(&w, rate_learn(&w, s, &here, 2, START), 0, START);
    assert_true(v.at == 1000 && v.before == 4 && v.now == 9);
    v = rate_view(&w, rate_learn(&w, s, &behind, 0, START), 0, START);
    assert_true(v.before == 9 && v.now == 1);
    v = rate_view(&w, rate_learn(&w, s, &ahead, 0, START), 0, START);
    assert_true(v.before == 0 && v.now == 30);
    assert_int_equal(rate_learn(&w, s, &gone, 5, START), s);
    assert_int_equal(rate_learn(&w, s, &wild, 5, START), s);
}

static void the_seed_is_everybody_s_and_the_password_s(void **state)
{
    (void)state;
    const struct table_rate a = moments(10, NS_PER_S, 10), b = moments(99, NS_PER_S, 10),
                            c = moments(10, 60 * NS_PER_S, 10);
    const struct table_limit sa = spec_of(&a), sb = spec_of(&b), sc = spec_of(&c);
    const uint64_t seed = limiter_shared_seed(&sa, SLICE("x"));
    assert_true(seed == limiter_shared_seed(&sb, SLICE("x"))); /* another count is the same limit */
    assert_false(seed == limiter_shared_seed(&sc, SLICE("x")));
    assert_false(seed == limiter_shared_seed(&sa, SLICE("y")));
}

static void who_is_away_is_not_asked(void **state)
{
    (void)state;
    const struct table_rate rate = moments(1, 60 * NS_PER_S, 1);
    struct table_limit spec = spec_of(&rate);
    struct limiter *l = limiter_new(&spec, 1, 1, 0);
    atomic_store(&l->mode, LIMITER_ALLOWS);
    for (int i = 0; i < 3; i++)
        assert_true(limiter_ask(l, &spec, KEY, 0, START).admitted);
    assert_false(limiter_is_exceeded(l, &spec, KEY, START));
    atomic_store(&l->mode, LIMITER_DENIES);
    assert_false(limiter_ask(l, &spec, KEY, 0, START).admitted);
    assert_true(limiter_is_exceeded(l, &spec, KEY, START));
    spec.observe = true;
    assert_true(limiter_ask(l, &spec, KEY, 0, START).admitted);
    atomic_store(&l->mode, LIMITER_COUNTS);
    assert_false(limiter_is_exceeded(l, &spec, KEY, START)); /* nothing of it was counted */
    limiter_unpin(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_are_added_by_key),
        cmocka_unit_test(further_keys_have_no_room),
        cmocka_unit_test(a_full_ring_says_so),
        cmocka_unit_test(pauses_grow_and_differ),
        cmocka_unit_test(together_as_many_as_one_alone),
        cmocka_unit_test(alone_each_has_it_all),
        cmocka_unit_test(one_sees_what_another_has_spent),
        cmocka_unit_test(who_begins_anew_learns_at_the_first_request),
        cmocka_unit_test(nothing_known_is_ever_lost),
        cmocka_unit_test(the_seed_is_everybody_s_and_the_password_s),
        cmocka_unit_test(who_is_away_is_not_asked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

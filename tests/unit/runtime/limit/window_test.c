#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdlib.h>

#include "runtime/base/check.h"
#include "runtime/base/rng.h"
#include "runtime/limit/window.h"

#define MS     INT64_C(1000000)
#define SECOND (1000 * MS)
#define MINUTE (60 * SECOND)
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)

/* A midnight. */
#define START (20000 * DAY)

static const int64_t WIDTHS[] = {MINUTE, HOUR, DAY};

static bool take(struct window w, int64_t *state, int64_t now_ns)
{
    int64_t after;
    const bool taken = window_take(w, *state, now_ns, &after);
    *state = taken ? after : *state;
    return taken;
}

static uint64_t take_all(struct window w, int64_t *state, int64_t now_ns)
{
    uint64_t n = 0;
    while (take(w, state, now_ns))
        n++;
    return n;
}

static void so_many_in_each_window(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(WIDTHS); i++) {
        const struct window w = {1000, WIDTHS[i]};
        int64_t s = 0;
        assert_int_equal(take_all(w, &s, START + w.width_ns / 2), 1000);
        assert_int_equal(take_all(w, &s, START + w.width_ns - 1), 0);
        /* Then as the last window leaves: a tenth of it after a tenth. */
        assert_int_equal(take_all(w, &s, START + w.width_ns), 1);
        assert_int_equal(take_all(w, &s, START + w.width_ns + w.width_ns / 10), 100);
        assert_int_equal(take_all(w, &s, START + w.width_ns * 3 / 2), 400);
        assert_int_equal(take_all(w, &s, START + 2 * w.width_ns - MS), 499);
        /* What was two windows ago is forgotten. */
        assert_int_equal(take_all(w, &s, START + 4 * w.width_ns), 1000);
    }
}

static void one_a_day(void **state)
{
    (void)state;
    const struct window w = {1, DAY};
    int64_t s = 0;
    assert_true(take(w, &s, START + 1));
    assert_false(take(w, &s, START + DAY - 1));
    const int64_t wait = window_wait_ns(w, s, START + HOUR);
    assert_int_equal(wait, 23 * HOUR);
    assert_true(take(w, &s, START + HOUR + wait));
}

/* Told a time, a client is admitted then, and not a microsecond before. */
static void whoever_waits_as_told_is_admitted(void **state)
{
    (void)state;
    struct rng rng = {7};
    for (uint32_t round = 0; round < 20000; round++) {
        const struct window w = {1 + rng_next(&rng) % (round % 2 ? 5 : 5000),
                                 WIDTHS[rng_next(&rng) % COUNT_OF(WIDTHS)]};
        int64_t s = 0, now = START, after;
        for (uint32_t i = 0; i < 3; i++) {
            now += (int64_t)(rng_next(&rng) % (uint64_t)w.width_ns);
            const uint64_t n = rng_next(&rng) % (w.most + 2);
            for (uint64_t k = 0; k < n; k++)
                (void)take(w, &s, now);
        }
        const int64_t wait = window_wait_ns(w, s, now);
        assert_in_range(wait, 0, w.width_ns);
        assert_int_equal(wait == 0, window_take(w, s, now, &after));
        if (wait == 0)
            continue;
        assert_true(window_take(w, s, now + wait, &after));
        assert_false(wait > 1000 && window_take(w, s, now + wait - 1000, &after));
        assert_int_equal(window_wait_ns(w, s, now + wait), 0);
        /* Nor longer: with a smaller limit after a reload, too. */
        const struct window less = {1 + w.most / 3, w.width_ns};
        const int64_t longer = window_wait_ns(less, s, now);
        assert_in_range(longer, wait, 2 * w.width_ns);
        assert_true(window_take(less, s, now + longer, &after));
    }
}

/* Every request that was admitted, as long as it is less than two widths old. */
struct record {
    int64_t *at;
    size_t n, first;
};

static uint64_t in(const struct record *r, int64_t from_ns, int64_t to_ns)
{
    uint64_t n = 0;
    for (size_t i = r->n; i-- > 0 && r->at[i] > from_ns;)
        n += r->at[i] <= to_ns;
    return n;
}

/* Beside the exact record: no window of the clock has more than so many, no other time more than
 * twice; and a decision is wrong by no more than what the last window held unevenly. */
static void beside_an_exact_record(void **state)
{
    (void)state;
    enum { REQUESTS = 4000, ROUNDS = 30 };
    struct rng rng = {11};
    struct record r = {.at = calloc(REQUESTS, sizeof(int64_t))};
    assert_non_null(r.at);
    uint64_t admitted = 0, refused = 0;
    for (uint32_t round = 0; round < ROUNDS; round++) {
        const struct window w = {1 + rng_next(&rng) % 100, WIDTHS[round % COUNT_OF(WIDTHS)]};
        int64_t s = 0, now = START;
        r.n = 0;
        for (uint32_t i = 0; i < REQUESTS; i++) {
            /* Bursts, and pauses of up to a third of a window. */
            if (rng_next(&rng) % 8 == 0)
                now += (int64_t)(rng_next(&rng) % (uint64_t)(w.width_ns / 3));
            else
                now += (int64_t)(rng_next(&rng) % (uint64_t)(w.width_ns / 1000));
            const int64_t begun = now / w.width_ns * w.width_ns, gone = now - begun;
            const uint64_t before = in(&r, begun - w.width_ns - 1, begun - 1),
                           within = in(&r, now - w.width_ns, now);
            const bool taken = take(w, &s, now);
            const uint64_t more =
                               before * (uint64_t)(gone / 1000 + 1) / (uint64_t)(w.width_ns / 1000),
                           less = before - more;
            if (taken)
                assert_true(within < w.most + more + 1);
            else
                assert_true(within + less + 1 >= w.most);
            if (!taken) {
                refused++;
                continue;
            }
            admitted++;
            r.at[r.n++] = now;
            assert_true(in(&r, begun - 1, begun + w.width_ns - 1) <= w.most);
            assert_true(in(&r, now - w.width_ns, now) <= 2 * w.most);
        }
    }
    assert_true(admitted > REQUESTS && refused > REQUESTS);
    free(r.at);
}

/* Who asks evenly gets the rate, and no time of a width has one more than one too many. */
static void evenly_asked_it_is_the_rate(void **state)
{
    (void)state;
    const struct window w = {100, HOUR};
    enum { MOST = 100 * 20 + 200 };
    int64_t *at = calloc(MOST, sizeof(*at)), s = 0;
    assert_non_null(at);
    uint32_t n = 0;
    for (int64_t now = START; now < START + 20 * HOUR; now += HOUR / 300)
        if (take(w, &s, now)) {
            at[n++] = now;
            /* Once the first hour's hundred have left. */
            if (n > 300)
                assert_true(at[n - 1] - at[n - 103] > HOUR - HOUR / 50);
        }
    assert_in_range(n, 20 * 100 - 100, 20 * 100);
    free(at);
}

static void what_is_given_back_can_be_taken_again(void **state)
{
    (void)state;
    const struct window w = {5, HOUR};
    int64_t s = 0;
    assert_int_equal(take_all(w, &s, START + MINUTE), 5);
    s = window_give(w, s, START + MINUTE);
    assert_int_equal(take_all(w, &s, START + MINUTE), 1);
    /* Another worker has counted in the next window meanwhile. */
    assert_true(take(w, &s, START + HOUR + 30 * MINUTE));
    s = window_give(w, s, START + MINUTE);
    int64_t expected = 0;
    for (int i = 0; i < 4; i++)
        assert_true(take(w, &expected, START + MINUTE));
    assert_true(take(w, &expected, START + HOUR + 30 * MINUTE));
    assert_int_equal(s, expected);
    /* And long ago: there is nothing of it. */
    assert_int_equal(window_give(w, s, START - 5 * HOUR), s);
    assert_int_equal(window_give(w, 0, START), 0);
}

static void a_clock_that_is_behind_counts_in_the_same_window(void **state)
{
    (void)state;
    const struct window w = {5, HOUR};
    int64_t s = 0;
    assert_int_equal(take_all(w, &s, START + HOUR - 1), 5);
    const int64_t full = s;
    assert_true(take(w, &s, START + HOUR + MINUTE) && s != full);
    const int64_t ahead = s;
    assert_false(take(w, &s, START + HOUR - 1)); /* five there, none has left */
    assert_int_equal(s, ahead);
}

static void when_nothing_is_left_of_it(void **state)
{
    (void)state;
    const struct window w = {5, HOUR};
    int64_t s = 0;
    assert_int_equal(window_until_ns(w, s, START), 0);
    assert_true(take(w, &s, START + MINUTE));
    assert_int_equal(window_until_ns(w, s, START + MINUTE), START + 2 * HOUR);
    assert_int_equal(window_until_ns(w, s, START + HOUR), START + 2 * HOUR);
    assert_int_equal(window_until_ns(w, s, START + 2 * HOUR), 0);
}

static void numbers_at_the_edge(void **state)
{
    (void)state;
    const struct window w = {WINDOW_MOST_MAX, DAY};
    int64_t s = 0;
    for (uint32_t i = 0; i < WINDOW_MOST_MAX; i++)
        assert_true(take(w, &s, START));
    assert_false(take(w, &s, START + DAY - 1));
    assert_true(take(w, &s, START + DAY));
    assert_false(take(w, &s, START + DAY));
    const int64_t wait = window_wait_ns(w, s, START + DAY);
    assert_in_range(wait, 0, SECOND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(so_many_in_each_window),
        cmocka_unit_test(one_a_day),
        cmocka_unit_test(whoever_waits_as_told_is_admitted),
        cmocka_unit_test(beside_an_exact_record),
        cmocka_unit_test(evenly_asked_it_is_the_rate),
        cmocka_unit_test(what_is_given_back_can_be_taken_again),
        cmocka_unit_test(a_clock_that_is_behind_counts_in_the_same_window),
        cmocka_unit_test(when_nothing_is_left_of_it),
        cmocka_unit_test(numbers_at_the_edge),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Who is left out, for how long, and how many at most: over simulated hours. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "runtime/base/clock.h"
#include "runtime/base/rng.h"
#include "runtime/upstream/outlier.h"

#define SERVERS_MAX 10u
#define STEP_NS     (100 * NS_PER_MS)

/* A cluster whose servers take turns; each fails a part of its requests, or takes its time. */
static struct site {
    struct table_outlier rule;
    uint32_t n;
    struct outlier server[SERVERS_MAX];
    struct outlier_counts counts[SERVERS_MAX];
    uint32_t in_a_row[SERVERS_MAX];
    bool down[SERVERS_MAX];
    uint32_t failing_percent[SERVERS_MAX];
    int64_t takes_ns[SERVERS_MAX];
    uint32_t per_step; /* requests */
    int64_t now_ns, slice_ns, due_ns;
    uint32_t turn, most_ejected, fewest_in_use;
    struct rng rng;
} s;

static int set_up(void **state)
{
    (void)state;
    s = (struct site){.rule = {.given = true,
                               .consecutive_errors = 5,
                               .window_ns = 10 * NS_PER_S,
                               .min_requests = 20,
                               .eject_ns = 30 * NS_PER_S,
                               .max_ejected_percent = 20},
                      .n = 5,
                      .per_step = 10,
                      .now_ns = NS_PER_S,
                      .fewest_in_use = UINT32_MAX,
                      .rng = {7}};
    for (uint32_t i = 0; i < SERVERS_MAX; i++)
        s.takes_ns[i] = 20 * NS_PER_MS;
    return 0;
}

static void answer(uint32_t i, bool error)
{
    outlier_note(&s.counts[i], error, s.takes_ns[i]);
    s.in_a_row[i] = error ? s.in_a_row[i] + 1 : 0;
}

static bool is_in_use(uint32_t i)
{
    return !s.server[i].ejected && !s.down[i];
}

static void send_one(void)
{
    for (uint32_t tries = 0; tries < s.n; tries++) {
        const uint32_t i = s.turn++ % s.n;
        if (!is_in_use(i))
            continue;
        answer(i, rng_next(&s.rng) % 100 < s.failing_percent[i]);
        return;
    }
}

static void look(void)
{
    struct outlier_member m[SERVERS_MAX] = {0};
    for (uint32_t i = 0; i < s.n; i++) {
        m[i] = (struct outlier_member){
            .of = &s.server[i], .seen.in_a_row = s.in_a_row[i], .usable = !s.down[i]};
        outlier_sum(&m[i].seen, &s.counts[i]);
    }
    s.due_ns = outlier_look(&s.rule, m, s.n, &s.slice_ns, s.now_ns);
    uint32_t ejected = 0, in_use = 0;
    for (uint32_t i = 0; i < s.n; i++) {
        if (m[i].changed && !s.server[i].ejected)
            s.in_a_row[i] = 0;
        ejected += s.server[i].ejected;
        in_use += is_in_use(i);
    }
    s.most_ejected = ejected > s.most_ejected ? ejected : s.most_ejected;
    s.fewest_in_use = in_use < s.fewest_in_use ? in_use : s.fewest_in_use;
}

/* Until server `i` is ejected, or in use again, or so much time has passed. Returns what has. */
static int64_t run_until(uint32_t i, bool ejected, int64_t ns)
{
    const int64_t began_ns = s.now_ns;
    while (s.now_ns - began_ns < ns && s.server[i].ejected != ejected) {
        s.now_ns += STEP_NS;
        for (uint32_t k = 0; k < s.per_step; k++)
            send_one();
        look();
    }
    return s.now_ns - began_ns;
}

static void run(int64_t ns)
{
    for (const int64_t end_ns = s.now_ns + ns; s.now_ns < end_ns;) {
        s.now_ns += STEP_NS;
        for (uint32_t k = 0; k < s.per_step; k++)
            send_one();
        look();
    }
}

static uint64_t ejections(void)
{
    uint64_t n = 0;
    for (uint32_t i = 0; i < s.n; i++)
        n += s.server[i].ejections;
    return n;
}

static void assert_why(uint32_t i, const char *wanted)
{
    struct text out = {0};
    outlier_write(&s.server[i].why, &out);
    text_addc(&out, '\0');
    if (!strstr(out.at, wanted))
        fail_msg("it says \"%s\", not \"%s\"", out.at, wanted);
    text_done(&out);
}

static void nobody_is_ejected_who_answers_well(void **state)
{
    (void)state;
    s.rule.error_percent = 10;
    s.rule.latency_percent = 200;
    for (uint32_t i = 0; i < s.n; i++)
        s.failing_percent[i] = 2;
    run(6 * 3600 * NS_PER_S);
    assert_int_equal(ejections(), 0);
}

static void errors_in_a_row_eject_at_once(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++)
        answer(2, true);
    look();
    assert_false(s.server[2].ejected);
    answer(2, false); /* a good one between */
    answer(2, true);
    look();
    assert_false(s.server[2].ejected);
    for (int i = 0; i < 4; i++)
        answer(2, true);
    look();
    assert_true(s.server[2].ejected);
    assert_why(2, "5 errors in a row");
    assert_int_equal(s.server[2].until_ns, s.now_ns + 30 * NS_PER_S);
    assert_int_equal(s.due_ns, s.server[2].until_ns);
}

static void without_windows_nothing_is_looked_at_in_time(void **state)
{
    (void)state;
    look();
    assert_int_equal(s.due_ns, INT64_MAX);
    s.rule.error_percent = 10;
    look();
    assert_int_equal(s.due_ns, s.now_ns + 2 * NS_PER_S);
}

static void each_time_in_a_row_is_longer_up_to_ten_times(void **state)
{
    (void)state;
    s.failing_percent[1] = 100;
    for (int64_t times = 1; times <= 14; times++) {
        run_until(1, true, 60 * NS_PER_S);
        assert_true(s.server[1].ejected);
        const int64_t took_ns = run_until(1, false, 3600 * NS_PER_S);
        const int64_t wanted_ns = 30 * NS_PER_S * (times < 10 ? times : 10);
        if (took_ns < wanted_ns || took_ns > wanted_ns + STEP_NS)
            fail_msg("the %lldth time it was left out for %lld s", (long long)times,
                     (long long)(took_ns / NS_PER_S));
    }
}

static void who_behaves_is_forgiven(void **state)
{
    (void)state;
    s.failing_percent[1] = 100;
    for (int i = 0; i < 4; i++) {
        run_until(1, true, 60 * NS_PER_S);
        run_until(1, false, 3600 * NS_PER_S);
    }
    assert_int_equal(s.server[1].times, 4);
    s.failing_percent[1] = 0;
    run(29 * NS_PER_S);
    assert_int_equal(s.server[1].times, 4);
    run(2 * NS_PER_S);
    assert_int_equal(s.server[1].times, 3);
    run(3600 * NS_PER_S);
    assert_int_equal(s.server[1].times, 0);
    s.failing_percent[1] = 100;
    run_until(1, true, 60 * NS_PER_S);
    assert_int_equal(run_until(1, false, 3600 * NS_PER_S), 30 * NS_PER_S);
}

static void a_rate_of_errors_is_noticed_within_a_window(void **state)
{
    (void)state;
    s.rule.consecutive_errors = 1000000;
    s.rule.error_percent = 20;
    run(60 * NS_PER_S);
    s.failing_percent[3] = 33;
    const int64_t took_ns = run_until(3, true, 60 * NS_PER_S);
    assert_in_range(took_ns, 0, s.rule.window_ns + s.rule.window_ns / OUTLIER_SLICES);
    assert_why(3, "requests were errors");
    assert_int_equal(ejections(), 1);
}

static void a_rate_below_the_limit_is_none(void **state)
{
    (void)state;
    s.rule.consecutive_errors = 1000000;
    s.rule.error_percent = 50;
    s.failing_percent[3] = 33;
    run(3600 * NS_PER_S);
    assert_int_equal(ejections(), 0);
}

static void of_few_requests_nothing_is_concluded(void **state)
{
    (void)state;
    s.rule.consecutive_errors = 1000000;
    s.rule.error_percent = 20;
    s.rule.min_requests = 200; /* each gets 20 in a second */
    s.per_step = 9;
    s.failing_percent[3] = 100;
    s.takes_ns[3] = 100 * s.takes_ns[0];
    s.rule.latency_percent = 200;
    run(600 * NS_PER_S);
    assert_int_equal(ejections(), 0);
    s.per_step = 11;
    run_until(3, true, 20 * NS_PER_S);
    assert_true(s.server[3].ejected);
}

static void who_is_slower_than_the_median_is_noticed(void **state)
{
    (void)state;
    s.rule.latency_percent = 300;
    run(60 * NS_PER_S);
    s.takes_ns[0] = 50 * NS_PER_MS; /* not yet */
    run(60 * NS_PER_S);
    assert_int_equal(ejections(), 0);
    s.takes_ns[4] = 200 * NS_PER_MS;
    const int64_t took_ns = run_until(4, true, 60 * NS_PER_S);
    assert_in_range(took_ns, 0, s.rule.window_ns + s.rule.window_ns / OUTLIER_SLICES);
    assert_why(4, "where the median is 20.0 ms");
    assert_int_equal(ejections(), 1);
}

static void all_that_are_slow_together_are_no_outliers(void **state)
{
    (void)state;
    s.rule.latency_percent = 200;
    for (uint32_t i = 0; i < s.n; i++)
        s.takes_ns[i] = 5 * NS_PER_S;
    run(600 * NS_PER_S);
    assert_int_equal(ejections(), 0);
}

static void of_two_the_slower_one_is_measured_by_the_other(void **state)
{
    (void)state;
    s.n = 2;
    s.rule.latency_percent = 300;
    s.takes_ns[1] = 10 * s.takes_ns[0];
    run_until(1, true, 60 * NS_PER_S);
    assert_true(s.server[1].ejected);
    assert_false(s.server[0].ejected);
}

static void less_than_a_millisecond_is_nothing_to_go_by(void **state)
{
    (void)state;
    s.rule.latency_percent = 200;
    for (uint32_t i = 0; i < s.n; i++)
        s.takes_ns[i] = NS_PER_MS / 10;
    s.takes_ns[2] = NS_PER_MS;
    run(600 * NS_PER_S);
    assert_int_equal(ejections(), 0);
    s.takes_ns[2] = NS_PER_MS * 3 / 2;
    run_until(2, true, 60 * NS_PER_S);
    assert_true(s.server[2].ejected);
}

/* What is quick to fail says nothing about how fast the others should be. */
static void errors_are_not_timed(void **state)
{
    (void)state;
    s.n = 2;
    s.rule.consecutive_errors = 1000000;
    s.rule.latency_percent = 200;
    s.failing_percent[0] = 100;
    s.takes_ns[0] = NS_PER_MS / 100;
    run(600 * NS_PER_S);
    assert_int_equal(ejections(), 0);
}

static void no_more_than_a_part_is_ejected(void **state)
{
    (void)state;
    s.n = 10;
    s.rule.max_ejected_percent = 35;
    s.rule.error_percent = 30;
    for (uint32_t i = 0; i < s.n; i++)
        s.failing_percent[i] = 100;
    run(3 * 3600 * NS_PER_S);
    assert_int_equal(s.most_ejected, 3);
}

static void one_may_be_ejected_in_any_case(void **state)
{
    (void)state;
    s.n = 3; /* a fifth of which is less than one */
    for (uint32_t i = 0; i < s.n; i++)
        s.failing_percent[i] = 100;
    run(3 * 3600 * NS_PER_S);
    assert_int_equal(s.most_ejected, 1);
}

static void the_last_one_is_never_ejected(void **state)
{
    (void)state;
    s.n = 4;
    s.rule.max_ejected_percent = 100;
    for (uint32_t i = 0; i < s.n; i++)
        s.failing_percent[i] = 100;
    run(3600 * NS_PER_S);
    assert_int_equal(s.most_ejected, 3);
    assert_int_equal(s.fewest_in_use, 1);
    set_up(NULL);
    s.n = 1;
    s.failing_percent[0] = 100;
    run(3600 * NS_PER_S);
    assert_int_equal(ejections(), 0);
    set_up(NULL);
    s.n = 2;
    s.down[1] = true;
    s.failing_percent[0] = 100;
    run(3600 * NS_PER_S);
    assert_int_equal(ejections(), 0);
}

static void the_worst_one_goes_first(void **state)
{
    (void)state;
    for (int i = 0; i < 6; i++)
        answer(1, true);
    for (int i = 0; i < 9; i++)
        answer(3, true);
    look();
    assert_false(s.server[1].ejected);
    assert_true(s.server[3].ejected);
    s.now_ns = s.server[3].until_ns;
    look(); /* then there is room for the other */
    assert_true(s.server[1].ejected);
    assert_false(s.server[3].ejected);
}

static void who_is_down_is_not_ejected(void **state)
{
    (void)state;
    s.down[2] = true;
    for (int i = 0; i < 100; i++)
        answer(2, true);
    look();
    assert_int_equal(ejections(), 0);
}

static void what_was_before_its_return_is_forgotten(void **state)
{
    (void)state;
    s.rule.error_percent = 20;
    s.rule.eject_ns = 2 * NS_PER_S; /* less than a window */
    s.failing_percent[3] = 100;
    run_until(3, true, 60 * NS_PER_S);
    s.failing_percent[3] = 0;
    for (int i = 0; i < 1000; i++)
        answer(3, true); /* what was under way */
    run_until(3, false, 60 * NS_PER_S);
    assert_false(s.server[3].ejected);
    run(3600 * NS_PER_S);
    assert_int_equal(ejections(), 1);
}

static void an_operator_ends_it(void **state)
{
    (void)state;
    struct outlier_seen seen = {.requests = 9};
    assert_false(outlier_return(&s.server[0], &seen, s.now_ns));
    for (int i = 0; i < 5; i++)
        answer(0, true);
    look();
    assert_true(outlier_return(&s.server[0], &seen, s.now_ns));
    assert_false(s.server[0].ejected);
    assert_int_equal(s.server[0].times, 1);
}

static void some_statuses_are_the_request_s_fault(void **state)
{
    (void)state;
    static const struct {
        uint16_t status;
        bool error;
    } row[] = {{200, false}, {404, false}, {499, false}, {500, true},  {501, false},
               {502, true},  {503, true},  {504, true},  {505, false}, {599, true}};
    for (size_t i = 0; i < COUNT_OF(row); i++)
        if (outlier_is_error(row[i].status) != row[i].error)
            fail_msg("%u", row[i].status);
}

static void in_another_process_it_is_ejected_for_as_long(void **state)
{
    (void)state;
    const struct outlier was = {
        .until_ns = s.now_ns + 7 * NS_PER_S, .times = 2, .why = {OUTLIER_IN_A_ROW, 5, 0}};
    outlier_resume(&s.server[0], &s.rule, &was, s.now_ns);
    const struct outlier back = {.until_ns = s.now_ns - 1, .times = 3};
    outlier_resume(&s.server[1], &s.rule, &back, s.now_ns);
    struct outlier for_ever = was;
    for_ever.until_ns = INT64_MAX;
    for_ever.times = UINT32_MAX;
    outlier_resume(&s.server[2], &s.rule, &for_ever, s.now_ns);
    assert_true(s.server[0].ejected && !s.server[1].ejected && s.server[2].ejected);
    assert_int_equal(s.server[0].until_ns, s.now_ns + 7 * NS_PER_S);
    assert_int_equal(s.server[2].until_ns, s.now_ns + s.rule.eject_ns * OUTLIER_TIMES_MAX);
    struct outlier_member m[3] = {{.of = &s.server[0], .usable = true},
                                  {.of = &s.server[1], .usable = true},
                                  {.of = &s.server[2], .usable = true}};
    (void)outlier_look(&s.rule, m, 3, &s.slice_ns, s.now_ns);
    assert_true(s.server[0].ejected);
    (void)outlier_look(&s.rule, m, 3, &s.slice_ns, s.now_ns + 7 * NS_PER_S);
    assert_true(!s.server[0].ejected && m[0].changed && s.server[2].ejected);
    for (uint32_t i = 0; i < 5; i++)
        m[0].seen.in_a_row++;
    (void)outlier_look(&s.rule, m, 1, &s.slice_ns, s.now_ns + 8 * NS_PER_S);
    assert_false(s.server[0].ejected); /* it is the last that can be used */
    (void)outlier_look(&s.rule, m, 2, &s.slice_ns, s.now_ns + 8 * NS_PER_S);
    assert_true(s.server[0].ejected && s.server[0].times == 3);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup(f, set_up)
    const struct CMUnitTest tests[] = {
        TEST(nobody_is_ejected_who_answers_well),
        TEST(errors_in_a_row_eject_at_once),
        TEST(without_windows_nothing_is_looked_at_in_time),
        TEST(each_time_in_a_row_is_longer_up_to_ten_times),
        TEST(who_behaves_is_forgiven),
        TEST(in_another_process_it_is_ejected_for_as_long),
        TEST(a_rate_of_errors_is_noticed_within_a_window),
        TEST(a_rate_below_the_limit_is_none),
        TEST(of_few_requests_nothing_is_concluded),
        TEST(who_is_slower_than_the_median_is_noticed),
        TEST(all_that_are_slow_together_are_no_outliers),
        TEST(of_two_the_slower_one_is_measured_by_the_other),
        TEST(less_than_a_millisecond_is_nothing_to_go_by),
        TEST(errors_are_not_timed),
        TEST(no_more_than_a_part_is_ejected),
        TEST(one_may_be_ejected_in_any_case),
        TEST(the_last_one_is_never_ejected),
        TEST(the_worst_one_goes_first),
        TEST(who_is_down_is_not_ejected),
        TEST(what_was_before_its_return_is_forgotten),
        TEST(an_operator_ends_it),
        TEST(some_statuses_are_the_request_s_fault),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

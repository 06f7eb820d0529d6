#include "runtime/control/judge.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* 100 requests a second of each side, for a time, looked at four times a second. */
struct run {
    struct judge judge;
    struct judged now;
    int64_t now_ns;
};

#define SLOW 10u /* buckets: some are 30 ms, others 30 us */
#define FAST 1u

static void begin(struct run *r)
{
    *r = (struct run){.now_ns = 7 * NS_PER_S};
    r->now.new.statuses.of_class[5] = 1000; /* of one before; they do not matter */
    judge_begin(&r->judge, &r->now, r->now_ns);
}

/* The verdict within so many seconds, NULL when it is never bad; `percent` of the new one's fail,
 * and its times are of that bucket. *after_s is when. */
static const char *serve(struct run *r, unsigned seconds, unsigned percent, unsigned bucket,
                         uint32_t slower, double *after_s)
{
    const int64_t from_ns = r->now_ns;
    for (unsigned i = 0; i < 4 * seconds; i++) {
        r->now_ns += NS_PER_S / 4;
        for (unsigned k = 0; k < 25; k++) {
            r->now.new.statuses.of_class[(i * 25 + k) % 100 < percent ? 5 : 2]++;
            r->now.old.statuses.of_class[2]++;
            r->now.new.took.bucket[bucket]++;
            r->now.old.took.bucket[FAST]++;
        }
        const char *why = judge_look(&r->judge, &r->now, slower, r->now_ns);
        if (why) {
            *after_s = (double)(r->now_ns - from_ns) / (double)NS_PER_S;
            return why;
        }
    }
    return NULL;
}

static void what_is_as_good_is_left_alone(void **state)
{
    (void)state;
    struct run r;
    double s;
    begin(&r);
    assert_null(serve(&r, 1000, 0, FAST, 2, &s));
    assert_null(serve(&r, 1000, 4, FAST, 2, &s)); /* CONTROL_TRIAL_PERCENT is 5 */
    assert_null(serve(&r, 1000, 0, SLOW, 0, &s)); /* times do not matter */
}

static void what_fails_from_the_beginning_goes_at_once(void **state)
{
    (void)state;
    struct run r;
    double s = 0;
    begin(&r);
    assert_string_equal(serve(&r, 60, 100, FAST, 0, &s), "too many of its responses were 5xx");
    assert_true(s <= 1.0); /* CONTROL_TRIAL_RESPONSES are 100 */
}

static void what_fails_after_a_day_goes_within_seconds(void **state)
{
    (void)state;
    struct run r;
    double s = 0;
    begin(&r);
    assert_null(serve(&r, 24 * 3600, 0, FAST, 0, &s));
    assert_string_equal(serve(&r, 60, 100, FAST, 0, &s), "too many of its responses were 5xx");
    assert_true(s <= 5.0); /* a twentieth of a minute, and what the samples are apart */
}

static void what_is_slow_after_a_day_goes_within_seconds(void **state)
{
    (void)state;
    struct run r;
    double s = 0;
    begin(&r);
    assert_null(serve(&r, 24 * 3600, 0, FAST, 3, &s));
    assert_string_equal(serve(&r, 60, 0, SLOW, 3, &s), "its responses took too long");
    assert_true(s <= 5.0);
}

/* In no minute there are enough responses to say anything, over the hours there are. */
static void what_is_rare_is_judged_over_all_of_its_time(void **state)
{
    (void)state;
    struct run r;
    const char *why = NULL;
    begin(&r);
    for (unsigned minute = 0; minute < 120 && !why; minute++) {
        r.now_ns += 60 * NS_PER_S;
        r.now.new.statuses.of_class[5]++;
        r.now.old.statuses.of_class[2]++;
        why = judge_look(&r.judge, &r.now, 0, r.now_ns);
        assert_true(!why || minute >= 99);
    }
    assert_non_null(why);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_as_good_is_left_alone),
        cmocka_unit_test(what_fails_from_the_beginning_goes_at_once),
        cmocka_unit_test(what_fails_after_a_day_goes_within_seconds),
        cmocka_unit_test(what_is_slow_after_a_day_goes_within_seconds),
        cmocka_unit_test(what_is_rare_is_judged_over_all_of_its_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

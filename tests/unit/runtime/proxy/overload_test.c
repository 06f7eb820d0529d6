/* One number that rises at once and falls late. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "runtime/proxy/overload.h"

static struct overload after(struct overload o, uint64_t descriptors, uint64_t buffers,
                             int64_t late_ms)
{
    const struct overload_measures m = {.descriptors = descriptors,
                                        .descriptors_max = 1000,
                                        .buffers = buffers,
                                        .buffers_max = 200,
                                        .late_ns = late_ms * 1000000};
    return overload_next(o, &m);
}

static void the_worst_counts(void **state)
{
    (void)state;
    struct overload o = after((struct overload){0}, 900, 100, 0);
    assert_int_equal(o.percent, 90);
    assert_int_equal(o.cause, OVERLOAD_DESCRIPTORS);
    o = after((struct overload){0}, 10, 200, 0);
    assert_int_equal(o.percent, 100);
    assert_int_equal(o.cause, OVERLOAD_BUFFERS);
    o = after((struct overload){0}, 10, 20, 1200);
    assert_int_equal(o.percent, 120);
    assert_int_equal(o.cause, OVERLOAD_LOOP);
}

static void it_rises_at_once_and_falls_late(void **state)
{
    (void)state;
    static const struct {
        uint64_t descriptors;
        uint32_t percent;
    } step[] = {{850, 85}, {840, 85}, {760, 85}, {740, 84}, {840, 84}, {950, 95}, {0, 10}, {0, 10}};
    struct overload o = {0};
    for (size_t i = 0; i < sizeof(step) / sizeof(step[0]); i++) {
        o = after(o, step[i].descriptors, 0, 0);
        assert_int_equal(o.percent, step[i].percent);
    }
}

static void stages_follow_what_the_listener_says(void **state)
{
    (void)state;
    const struct table_listener l = {.overload_saves = 85, .overload_refuses = 95};
    static const enum overload_stage at[] = {OVERLOAD_NONE, OVERLOAD_SAVES, OVERLOAD_SAVES,
                                             OVERLOAD_REFUSES};
    static const uint32_t percent[] = {84, 85, 94, 95};
    for (int i = 0; i < 4; i++) {
        const struct overload o = {.percent = percent[i]};
        assert_int_equal(overload_stage(&o, &l), at[i]);
    }
}

static void one_late_turn_says_little(void **state)
{
    (void)state;
    int64_t late = overload_lateness(0, INT64_C(60000000000));
    assert_true(after((struct overload){0}, 0, 0, late / 1000000).percent <= 50);
    late = overload_lateness(late, INT64_C(2000000000));
    assert_true(after((struct overload){0}, 0, 0, late / 1000000).percent >= 85);
    assert_int_equal(overload_lateness(0, -5), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_worst_counts),
        cmocka_unit_test(it_rises_at_once_and_falls_late),
        cmocka_unit_test(stages_follow_what_the_listener_says),
        cmocka_unit_test(one_late_turn_says_little),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

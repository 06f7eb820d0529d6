#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "runtime/base/check.h"
#include "runtime/base/rng.h"
#include "runtime/upstream/health.h"

/* With rise 2 and fall 3: results in their order ('+', '-'), and the state after each ('?', 'U',
 * 'D'). */
static const struct {
    const char *says, *results, *states;
} rows[] = {
    {"one success makes a new server up", "+", "U"},
    {"a new server that fails is unknown until it fell", "--", "??"},
    {"and then it is down", "---", "??D"},
    {"a success in between makes it up all the same", "--+", "??U"},
    {"an up server survives fewer failures than fall", "+--", "UUU"},
    {"and goes down at exactly fall", "+---", "UUUD"},
    {"a success starts the count anew", "+--+--", "UUUUUU"},
    {"so that three in a row are needed again", "+--+---", "UUUUUUD"},
    {"a down server needs rise successes", "---+", "??DD"},
    {"and is up at exactly rise", "---++", "??DDU"},
    {"a failure in between starts that anew", "---+-+", "??DDDD"},
    {"until two come in a row", "---+-++", "??DDDDU"},
    {"more of the same change nothing", "+++++-", "UUUUUU"},
    {"nor when it is down", "-----+", "??DDDD"},
};

static char letter(enum health_state state)
{
    switch (state) {
    case HEALTH_UNKNOWN: return '?';
    case HEALTH_UP: return 'U';
    case HEALTH_DOWN: return 'D';
    }
    return '!';
}

static void states_follow_results(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct health h = {0};
        for (size_t at = 0; rows[i].results[at]; at++) {
            const enum health_state before = h.state;
            const bool changed = health_result(&h, rows[i].results[at] == '+', 2, 3);
            if (letter(h.state) != rows[i].states[at] || changed != (h.state != before))
                fail_msg("%s: %c after %zu results", rows[i].says, letter(h.state), at + 1);
        }
    }
}

static void one_result_is_enough_when_rise_and_fall_are_one(void **state)
{
    (void)state;
    struct health h = {0};
    assert_true(health_result(&h, false, 1, 1));
    assert_int_equal(h.state, HEALTH_DOWN);
    assert_true(health_result(&h, true, 1, 1));
    assert_true(health_result(&h, false, 1, 1));
    assert_int_equal(h.state, HEALTH_DOWN);
}

/* What the last results alone say: the state after the last run that was long enough. */
static void long_runs_agree_with_the_definition(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 50; seed++) {
        struct rng rng = {seed};
        const uint32_t rise = 1 + rng_below(&rng, 5), fall = 1 + rng_below(&rng, 5);
        struct health h = {0};
        enum health_state expected = HEALTH_UNKNOWN;
        uint32_t successes = 0, failures = 0;
        for (int i = 0; i < 20000; i++) {
            const bool success = rng_below(&rng, 100) < 60;
            successes = success ? successes + 1 : 0;
            failures = success ? 0 : failures + 1;
            const enum health_state before = expected;
            if (failures >= fall)
                expected = HEALTH_DOWN;
            if (successes >= rise || (success && before == HEALTH_UNKNOWN))
                expected = HEALTH_UP;
            const bool changed = health_result(&h, success, rise, fall);
            if (h.state != expected || changed != (before != expected))
                fail_msg("seed %d, result %d: %s", (int)seed, i, health_name(h.state));
        }
    }
}

static void a_state_has_a_name(void **state)
{
    (void)state;
    assert_string_equal(health_name(HEALTH_UNKNOWN), "unknown");
    assert_string_equal(health_name(HEALTH_UP), "up");
    assert_string_equal(health_name(HEALTH_DOWN), "down");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(states_follow_results),
        cmocka_unit_test(one_result_is_enough_when_rise_and_fall_are_one),
        cmocka_unit_test(long_runs_agree_with_the_definition),
        cmocka_unit_test(a_state_has_a_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

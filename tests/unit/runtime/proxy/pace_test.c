/* Who is slow, and who only waits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "runtime/proxy/pace.h"

#define S INT64_C(1000000000)

struct moment {
    int64_t at_ns;
    bool waits; /* from then on */
    uint64_t moved;
};

static const struct row {
    const char *sentence;
    struct moment moment[6];
    int slow_at; /* which of them says so first; -1: none */
} rows[] = {
    {"a byte a second is slow once the first window is over",
     {{1 * S, true, 0}, {6 * S, true, 5}, {11 * S, true, 10}},
     2},
    {"nothing is said before", {{1 * S, true, 0}, {10 * S, true, 9}}, -1},
    {"the rate itself is not slow",
     {{1 * S, true, 0}, {11 * S, true, 200}, {21 * S, true, 400}},
     -1},
    {"a byte less is", {{1 * S, true, 0}, {11 * S, true, 200}, {21 * S, true, 399}}, 2},
    {"time in which others were waited for does not count",
     {{1 * S, true, 0}, {6 * S, false, 0}, {100 * S, true, 0}, {104 * S, true, 1}},
     -1},
    {"but what was waited before and behind it does",
     {{1 * S, true, 0}, {6 * S, false, 0}, {100 * S, true, 0}, {105 * S, true, 1}},
     3},
    {"a fast beginning excuses no slow end",
     {{1 * S, true, 1000000}, {11 * S, true, 1000000}, {21 * S, true, 1000100}},
     2},
    {"a long silence is measured as a whole", {{1 * S, true, 0}, {101 * S, true, 1999}}, 1},
};

static void each_row_is_so(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct row *r = &rows[i];
        struct pace p = {0};
        int slow_at = -1;
        for (int k = 0; k < 6 && r->moment[k].at_ns > 0 && slow_at < 0; k++) {
            const struct moment *m = &r->moment[k];
            if (pace_is_slow(&p, m->moved, 20, 10 * S, m->at_ns))
                slow_at = k;
            pace_wait(&p, m->waits, m->at_ns);
        }
        if (slow_at != r->slow_at)
            fail_msg("%s: %d", r->sentence, slow_at);
    }
}

static void without_a_rate_nobody_is_slow(void **state)
{
    (void)state;
    struct pace p = {0};
    pace_wait(&p, true, S);
    assert_false(pace_is_slow(&p, 0, 0, S, 1000 * S));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(each_row_is_so),
                                       cmocka_unit_test(without_a_rate_nobody_is_slow)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

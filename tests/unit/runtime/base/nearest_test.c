#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "runtime/base/check.h"
#include "runtime/base/nearest.h"
#include "runtime/base/rng.h"

static const struct {
    const char *says, *a, *b;
    size_t distance;
} rows[] = {
    {"the same", "cluster", "cluster", 0},
    {"case does not count", "Cluster", "cLUSTER", 0},
    {"nothing to something", "", "abc", 3},
    {"a letter too many", "clusster", "cluster", 1},
    {"a letter missing", "clster", "cluster", 1},
    {"another letter", "clustar", "cluster", 1},
    {"two neighbours swapped", "clutser", "cluster", 1},
    {"swapped at the end", "clustre", "cluster", 1},
    {"two of these", "lcustre", "cluster", 2},
    {"a swapped pair is not edited again", "ca", "abc", 3},
    {"nothing in common", "abc", "xyz", 3},
};

static void distances_are_counted_in_edits(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const struct slice a = slice_of(rows[i].a), b = slice_of(rows[i].b);
        const size_t there = nearest_distance(a, b), back = nearest_distance(b, a);
        if (there != rows[i].distance || back != there)
            fail_msg("%s: %zu, %zu", rows[i].says, there, back);
    }
}

/* k random edits never make more than k of a distance. */
static void edits_bound_the_distance(void **state)
{
    (void)state;
    struct rng rng = {11};
    for (int i = 0; i < 5000; i++) {
        char a[40], b[48];
        const size_t len = 1 + rng_below(&rng, sizeof(a) - 1);
        for (size_t j = 0; j < len; j++)
            a[j] = b[j] = (char)('a' + rng_below(&rng, 4));
        size_t b_len = len;
        const uint32_t edits = rng_below(&rng, 5);
        for (uint32_t e = 0; e < edits && b_len > 0; e++) {
            const size_t at = rng_below(&rng, (uint32_t)b_len);
            if (rng_below(&rng, 2))
                b[at] = 'x';
            else
                memmove(b + at, b + at + 1, --b_len - at);
        }
        const size_t d = nearest_distance((struct slice){a, len}, (struct slice){b, b_len});
        assert_in_range(d, len - b_len, edits);
    }
}

static struct slice nearest_of(const char *wanted, const char *const *names, size_t n)
{
    struct nearest near = {.wanted = slice_of(wanted)};
    for (size_t i = 0; i < n; i++)
        nearest_offer(&near, slice_of(names[i]));
    return near.best;
}

static void the_nearest_is_offered_if_any_is_near(void **state)
{
    (void)state;
    static const char *const names[] = {"listener", "cluster", "server", "set", "acl"};
    assert_true(slice_eq(nearest_of("clusetr", names, 5), SLICE("cluster")));
    assert_true(slice_eq(nearest_of("servr", names, 5), SLICE("server")));
    assert_true(slice_eq(nearest_of("sets", names, 5), SLICE("set")));
    assert_true(slice_eq(nearest_of("ac", names, 5), SLICE("acl")));
    assert_int_equal(nearest_of("gateway", names, 5).len, 0);
    assert_int_equal(nearest_of("x", names, 5).len, 0);
    assert_int_equal(nearest_of("", names, 5).len, 0);
    static const char *const equal[] = {"ab", "ac"};
    assert_true(slice_eq(nearest_of("ad", equal, 2), SLICE("ab"))); /* the first of equals */
}

static void what_is_very_long_is_near_nothing(void **state)
{
    (void)state;
    char big[NEAREST_LEN_MAX + 1];
    memset(big, 'a', sizeof(big));
    const struct slice all = {big, sizeof(big)}, most = {big, NEAREST_LEN_MAX};
    assert_int_equal(nearest_distance(all, all), SIZE_MAX);
    assert_int_equal(nearest_distance(most, most), 0);
    struct nearest near = {.wanted = all};
    nearest_offer(&near, all);
    assert_int_equal(near.best.len, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(distances_are_counted_in_edits),
        cmocka_unit_test(edits_bound_the_distance),
        cmocka_unit_test(the_nearest_is_offered_if_any_is_near),
        cmocka_unit_test(what_is_very_long_is_near_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

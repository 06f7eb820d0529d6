#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "runtime/proxy/shadow.h"

static struct shadow_pair pair(enum verdict_difference what, uint32_t before, uint32_t after)
{
    return (struct shadow_pair){
        .what = what, .before = {.clause = before}, .after = {.clause = after}};
}

static bool count(struct shadow_worker *w, struct shadow_pair p)
{
    const bool new = shadow_count(w, p) != NULL;
    if (new)
        shadow_told(w);
    return new;
}

static void a_kind_is_two_clauses_and_a_respect(void **state)
{
    (void)state;
    static struct shadow_worker w;
    assert_false(count(&w, pair(DIFFERENCE_NONE, 1, 1)));
    assert_true(count(&w, pair(DIFFERENCE_CLUSTER, 1, 1)));
    assert_false(count(&w, pair(DIFFERENCE_CLUSTER, 1, 1)));
    assert_true(count(&w, pair(DIFFERENCE_CLUSTER, 1, 2)));
    assert_true(count(&w, pair(DIFFERENCE_CLUSTER, 2, 1)));
    assert_true(count(&w, pair(DIFFERENCE_STATUS, 1, 1)));
    assert_int_equal(w.n_kinds, 4);
    assert_int_equal(w.kind[0].count, 2);
    assert_int_equal(w.agreed, 1);
    assert_int_equal(w.differ[DIFFERENCE_CLUSTER], 4);
    assert_int_equal(w.differ[DIFFERENCE_STATUS], 1);
}

static void there_are_only_so_many(void **state)
{
    (void)state;
    static struct shadow_worker w;
    for (uint32_t i = 0; i < 3 * SHADOW_KINDS_MAX; i++)
        assert_true(count(&w, pair(DIFFERENCE_OUTCOME, i, 0)) == (i < SHADOW_KINDS_MAX));
    assert_int_equal(w.n_kinds, SHADOW_KINDS_MAX);
    assert_int_equal(w.others, 2 * SHADOW_KINDS_MAX);
    assert_int_equal(w.differ[DIFFERENCE_OUTCOME], 3 * SHADOW_KINDS_MAX);
    assert_false(count(&w, pair(DIFFERENCE_OUTCOME, 5, 0)));
    assert_int_equal(w.kind[5].count, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_kind_is_two_clauses_and_a_respect),
                                       cmocka_unit_test(there_are_only_so_many)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

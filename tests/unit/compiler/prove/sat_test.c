/* The solver against trying everything, on small random questions around where they turn hard. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "compiler/prove/sat.h"
#include "runtime/base/rng.h"

#define VARIABLES 10u
#define ROUNDS    4000u

struct asked {
    sat_literal literal[80][3];
    uint32_t n;
    uint32_t forbidden; /* this many of the first variables can't be true together */
};

static bool meets(const struct asked *a, uint32_t truths)
{
    for (uint32_t i = 0; i < a->n; i++) {
        bool one = false;
        for (uint32_t k = 0; k < 3; k++)
            one |= ((truths >> sat_variable(a->literal[i][k]) & 1u) != 0) ==
                   sat_truth(a->literal[i][k]);
        if (!one)
            return false;
    }
    const uint32_t all = (1u << a->forbidden) - 1;
    return a->forbidden == 0 || (truths & all) != all;
}

static bool not_all_together(void *of, const struct sat *s, sat_literals *conflict)
{
    const struct asked *a = of;
    for (uint32_t i = 0; i < a->forbidden; i++)
        if (s->value.at[i] <= 0)
            return true;
    for (uint32_t i = 0; i < a->forbidden; i++)
        VEC_ADD(conflict, sat_of(i, true));
    return a->forbidden == 0;
}

static void answers_are_those_of_brute_force(void **state)
{
    (void)state;
    struct rng rng = {.state = 7};
    struct asked a;
    struct sat s;
    sat_init(&s, (struct sat_theory){not_all_together, &a});
    uint32_t yes = 0;
    for (uint32_t round = 0; round < ROUNDS; round++) {
        a.n = 20 + rng_below(&rng, 40);
        a.forbidden = rng_below(&rng, 3);
        sat_clear(&s);
        for (uint32_t i = 0; i < VARIABLES; i++)
            sat_add_variable(&s);
        for (uint32_t i = 0; i < a.n; i++) {
            for (uint32_t k = 0; k < 3; k++)
                a.literal[i][k] = rng_below(&rng, VARIABLES * 2);
            sat_add3(&s, a.literal[i][0], a.literal[i][1], a.literal[i][2]);
        }
        bool any = false;
        for (uint32_t truths = 0; truths < 1u << VARIABLES && !any; truths++)
            any = meets(&a, truths);
        uint32_t budget = 100000;
        const enum sat_answer answer = sat_solve(&s, &budget);
        assert_int_equal(answer, any ? SAT_YES : SAT_NO);
        uint32_t found = 0;
        for (uint32_t i = 0; i < VARIABLES; i++)
            found |= (s.value.at[i] > 0 ? 1u : 0u) << i;
        if (any)
            assert_true(meets(&a, found));
        yes += any;
    }
    sat_done(&s);
    assert_in_range(yes, ROUNDS / 10, ROUNDS - ROUNDS / 10);
}

static void what_is_added_later_counts(void **state)
{
    (void)state;
    struct sat s;
    uint32_t budget = 1000;
    sat_init(&s, (struct sat_theory){0});
    const uint32_t a = sat_add_variable(&s), b = sat_add_variable(&s);
    sat_add2(&s, sat_of(a, true), sat_of(b, true));
    assert_int_equal(sat_solve(&s, &budget), SAT_YES);
    sat_add1(&s, sat_of(a, false));
    assert_int_equal(sat_solve(&s, &budget), SAT_YES);
    assert_true(sat_is(&s, sat_of(b, true)));
    sat_add1(&s, sat_of(b, false));
    assert_int_equal(sat_solve(&s, &budget), SAT_NO);
    sat_done(&s);
}

static void a_budget_that_is_used_up_is_no_answer(void **state)
{
    (void)state;
    /* Six pigeons, five holes. */
    struct sat s;
    uint32_t budget = 3;
    sat_init(&s, (struct sat_theory){0});
    for (uint32_t i = 0; i < 30; i++)
        sat_add_variable(&s);
    for (uint32_t p = 0; p < 6; p++) {
        sat_literal in[5];
        for (uint32_t h = 0; h < 5; h++)
            in[h] = sat_of(p * 5 + h, true);
        sat_add(&s, in, 5);
        for (uint32_t other = 0; other < p; other++)
            for (uint32_t h = 0; h < 5; h++)
                sat_add2(&s, sat_of(p * 5 + h, false), sat_of(other * 5 + h, false));
    }
    assert_int_equal(sat_solve(&s, &budget), SAT_UNKNOWN);
    budget = 1000000;
    assert_int_equal(sat_solve(&s, &budget), SAT_NO);
    sat_done(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_are_those_of_brute_force),
        cmocka_unit_test(what_is_added_later_counts),
        cmocka_unit_test(a_budget_that_is_used_up_is_no_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

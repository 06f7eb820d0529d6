/* Diagrams against tables of all points, and what makes them worth having: sizes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "compiler/diagram/diagram.h"
#include "runtime/base/rng.h"

static const uint32_t CLASSES[] = {3, 4, 2, 5};
enum { LEVELS = 4, POINTS = 3 * 4 * 2 * 5 };

/* A function as the list of its values, one for each point. */
struct function {
    uint32_t value[POINTS];
};

static uint32_t class_at(uint32_t point, uint32_t level)
{
    for (uint32_t i = 0; i < level; i++)
        point /= CLASSES[i];
    return point % CLASSES[level];
}

static uint32_t value_at(const struct diagrams *m, diagram d, uint32_t point)
{
    while (!diagram_is_leaf(m, d))
        d = diagram_child(m, d, class_at(point, diagram_level(m, d)));
    return diagram_value(m, d);
}

/* The diagram of a function below a level, its other classes given. */
static diagram built(struct diagrams *m, const struct function *f, uint32_t level, uint32_t point,
                     uint32_t weight)
{
    if (level == LEVELS)
        return diagram_leaf(m, f->value[point]);
    struct diagram_edge edge[5];
    for (uint32_t i = 0; i < CLASSES[level]; i++)
        edge[i] = (struct diagram_edge){
            i, built(m, f, level + 1, point + i * weight, weight * CLASSES[level])};
    return diagram_node(m, level, edge, CLASSES[level]);
}

static diagram of(struct diagrams *m, const struct function *f)
{
    return built(m, f, 0, 0, 1);
}

/* Few values, and whole boxes of them, so that diagrams have something to share. */
static struct function any_function(struct rng *rng, const uint32_t *values, uint32_t n)
{
    struct function f;
    for (uint32_t p = 0; p < POINTS; p++)
        f.value[p] = values[0];
    for (uint32_t boxes = rng_below(rng, 5); boxes > 0; boxes--) {
        const uint32_t value = values[rng_below(rng, n)];
        uint32_t low[LEVELS], high[LEVELS];
        for (uint32_t i = 0; i < LEVELS; i++) {
            low[i] = rng_below(rng, CLASSES[i]);
            high[i] = low[i] + rng_below(rng, CLASSES[i] - low[i]);
        }
        for (uint32_t p = 0; p < POINTS; p++) {
            bool inside = true;
            for (uint32_t i = 0; i < LEVELS; i++)
                inside &= class_at(p, i) >= low[i] && class_at(p, i) <= high[i];
            f.value[p] = inside ? value : f.value[p];
        }
    }
    return f;
}

static void is_function(struct diagrams *m, diagram d, const struct function *f)
{
    for (uint32_t p = 0; p < POINTS; p++)
        assert_int_equal(value_at(m, d, p), f->value[p]);
    assert_int_equal(d, of(m, f)); /* equal functions are one number */
}

static const uint32_t BOOLS[] = {0, 1};
static const uint32_t DECISIONS[] = {DIAGRAM_FALL, 0, 1, 2, 7};

static void operations_are_what_they_are_point_by_point(void **state)
{
    (void)state;
    struct rng rng = {.state = 1};
    for (int round = 0; round < 300; round++) {
        struct diagrams *m = diagrams_new(CLASSES, LEVELS, 100000);
        const struct function a = any_function(&rng, BOOLS, 2), b = any_function(&rng, BOOLS, 2),
                              x = any_function(&rng, DECISIONS, 5),
                              y = any_function(&rng, DECISIONS, 5);
        struct function not = a, and = a, or = a, minus = a, ite = a, merge = x, where = x;
        for (uint32_t p = 0; p < POINTS; p++) {
            not .value[p] = !a.value[p];
            and.value[p] = a.value[p] && b.value[p];
            or.value[p] = a.value[p] || b.value[p];
            minus.value[p] = a.value[p] && !b.value[p];
            ite.value[p] = a.value[p] ? x.value[p] : y.value[p];
            merge.value[p] = x.value[p] == DIAGRAM_FALL ? y.value[p] : x.value[p];
            where.value[p] = x.value[p] == 2;
        }
        const diagram da = of(m, &a), db = of(m, &b), dx = of(m, &x), dy = of(m, &y);
        is_function(m, diagram_not(m, da), &not );
        is_function(m, diagram_and(m, da, db), &and);
        is_function(m, diagram_or(m, da, db), & or);
        is_function(m, diagram_minus(m, da, db), &minus);
        is_function(m, diagram_ite(m, da, dx, dy), &ite);
        is_function(m, diagram_merge(m, dx, dy), &merge);
        is_function(m, diagram_where(m, dx, 2), &where);
        assert_int_equal(diagram_and(m, da, db),
                         diagram_not(m, diagram_or(m, diagram_not(m, da), diagram_not(m, db))));
        diagrams_free(m);
    }
}

static void a_cofactor_knows_its_variable(void **state)
{
    (void)state;
    struct rng rng = {.state = 2};
    for (int round = 0; round < 100; round++) {
        struct diagrams *m = diagrams_new(CLASSES, LEVELS, 100000);
        const struct function a = any_function(&rng, BOOLS, 2);
        for (uint32_t level = 0; level < LEVELS; level++) {
            struct function some = {{0}};
            for (uint32_t class = 0; class < CLASSES[level]; class ++) {
                uint32_t weight = 1;
                for (uint32_t i = 0; i < level; i++)
                    weight *= CLASSES[i];
                struct function f;
                for (uint32_t p = 0; p < POINTS; p++) {
                    f.value[p] = a.value[p - class_at(p, level) * weight + class * weight];
                    some.value[p] |= f.value[p];
                }
                is_function(m, diagram_assign(m, of(m, &a), level, class), &f);
            }
            is_function(m, diagram_some(m, of(m, &a), level), &some);
        }
        diagrams_free(m);
    }
}

static uint32_t sum(void *with, const uint32_t value[3])
{
    (void)with;
    return value[0] + value[1];
}

static void leaves_are_combined_by_the_caller(void **state)
{
    (void)state;
    struct rng rng = {.state = 3};
    static const struct diagram_op SUM = {.arity = 2, .leaf = sum};
    static const uint32_t SMALL[] = {1, 2, 3};
    struct diagrams *m = diagrams_new(CLASSES, LEVELS, 1000000);
    for (int round = 0; round < 100; round++) {
        struct function f[5], all = {{0}};
        diagram d[5];
        for (int i = 0; i < 5; i++) {
            f[i] = any_function(&rng, SMALL, 3);
            d[i] = of(m, &f[i]);
            for (uint32_t p = 0; p < POINTS; p++)
                all.value[p] += f[i].value[p];
        }
        is_function(m, diagram_fold(m, &SUM, d, 5), &all);
    }
    diagrams_free(m);
}

static void a_choice_is_true_in_its_runs(void **state)
{
    (void)state;
    static const uint32_t TEN[] = {10};
    struct diagrams *m = diagrams_new(TEN, 1, 1000);
    const struct diagram_run run[] = {{0, 1}, {2, 2}, {5, 5}, {9, 9}};
    const diagram yes = diagram_bool(m, true), no = diagram_bool(m, false);
    const diagram d = diagram_choice(m, 0, run, 4, yes, no);
    static const bool EXPECTED[10] = {1, 1, 1, 0, 0, 1, 0, 0, 0, 1};
    for (uint32_t i = 0; i < 10; i++)
        assert_int_equal(diagram_child(m, d, i), EXPECTED[i] ? yes : no);
    uint32_t n;
    (void)diagram_edges(m, d, &n);
    assert_int_equal(n, 5); /* 0..2 is one run */
    assert_int_equal(diagram_choice(m, 0, run, 0, yes, no), no);
    assert_int_equal(diagram_choice(m, 0, (struct diagram_run[]){{0, 9}}, 1, yes, no), yes);
    diagrams_free(m);
}

/* Clauses as a big configuration has them: a class of a path, and a class of a header. */
static void a_hundred_thousand_clauses_stay_small(void **state)
{
    (void)state;
    enum { N = 100000 };
    static const uint32_t BIG[] = {N + 2, N + 1};
    struct diagrams *m = diagrams_new(BIG, 2, 20u * N * 10);
    diagram *clause = MUST_ARRAY(diagram, N + 1);
    for (uint32_t i = 0; i < N; i++) {
        const struct diagram_run path = {i + 1, i + 1}, header = {i, i};
        const diagram below = diagram_choice(m, 1, &header, 1, diagram_leaf(m, i), diagram_fall(m));
        clause[i] = diagram_choice(m, 0, &path, 1, below, diagram_fall(m));
    }
    clause[N] = diagram_leaf(m, N);
    const diagram all = diagram_merge_all(m, clause, N + 1);
    assert_false(diagrams_are_over(m));
    assert_false(diagram_falls(m, all));
    const struct diagram_size size = diagram_size(m, all);
    assert_int_equal(size.nodes, N + 1);
    assert_int_equal(size.depth, 2);
    assert_int_equal(size.leaves, N + 1);
    assert_true(size.edges <= 3 * N + N + 2);
    assert_int_equal(diagram_value(m, diagram_child(m, diagram_child(m, all, 5), 4)), 4);
    assert_int_equal(diagram_value(m, diagram_child(m, diagram_child(m, all, 5), 5)), N);
    /* A rule over everything does not make it larger. */
    const diagram under_root = diagram_choice(m, 0, (struct diagram_run[]){{1, N + 1}}, 1,
                                              diagram_leaf(m, N + 1), diagram_fall(m));
    const diagram both = diagram_merge(m, diagram_merge_all(m, clause, N), under_root);
    assert_true(diagram_size(m, both).edges <= 4 * N + 4);
    free(clause);
    diagrams_free(m);
}

static void deep_diagrams_need_no_stack(void **state)
{
    (void)state;
    enum { DEEP = 200000 };
    uint32_t *two = MUST_ARRAY(uint32_t, DEEP);
    for (uint32_t i = 0; i < DEEP; i++)
        two[i] = 2;
    struct diagrams *m = diagrams_new(two, DEEP, 10u * DEEP);
    diagram all = diagram_bool(m, true);
    for (uint32_t i = DEEP; i-- > 0;)
        all = diagram_node(m, i, (struct diagram_edge[]){{0, diagram_bool(m, false)}, {1, all}}, 2);
    assert_int_equal(diagram_not(m, diagram_not(m, all)), all);
    assert_int_equal(diagram_size(m, all).depth, DEEP);
    diagrams_free(m);
    free(two);
}

static void past_the_budget_nothing_is_known_until_more_is_allowed(void **state)
{
    (void)state;
    struct rng rng = {.state = 4};
    struct diagrams *m = diagrams_new(CLASSES, LEVELS, 100000);
    const struct function a = any_function(&rng, BOOLS, 2);
    struct function b;
    for (uint32_t p = 0; p < POINTS; p++)
        b.value[p] = rng_below(&rng, 2);
    const diagram da = of(m, &a), db = of(m, &b);
    const struct diagrams_mark mark = diagrams_mark(m);
    const uint64_t used = diagrams_used(m);

    diagrams_allow(m, 3);
    assert_int_equal(diagram_not(m, db), DIAGRAM_OVER);
    assert_true(diagrams_are_over(m));
    assert_int_equal(diagram_and(m, da, db), DIAGRAM_OVER);
    assert_int_equal(diagram_leaf(m, 12345), DIAGRAM_OVER);
    assert_int_equal(diagram_merge(m, DIAGRAM_OVER, da), DIAGRAM_OVER);
    assert_true(diagrams_used(m) <= used + 3);

    diagrams_rewind(m, mark);
    assert_int_equal(diagrams_used(m), used);
    assert_false(diagrams_are_over(m));
    diagrams_allow(m, 100000);
    const diagram not = diagram_not(m, db);
    for (uint32_t p = 0; p < POINTS; p++)
        assert_int_equal(value_at(m, not, p), !b.value[p]);
    assert_int_equal(of(m, &b), db);
    assert_int_equal(diagram_not(m, DIAGRAM_OVER), DIAGRAM_OVER);
    assert_false(diagrams_are_over(m)); /* one unknown is not the manager's end */
    diagrams_free(m);
}

struct seen {
    uint32_t points, calls, stop_at;
    struct diagrams *m;
};

static enum diagram_go count_points(void *to, const struct diagram_step *step, uint32_t n,
                                    diagram at)
{
    struct seen *s = to;
    if (++s->calls == s->stop_at)
        return DIAGRAM_STOP;
    if (!diagram_is_leaf(s->m, at))
        return n > 0 && step[0].run.first > 0 && s->stop_at == 999 ? DIAGRAM_GO_PAST
                                                                   : DIAGRAM_GO_ON;
    uint32_t points = diagram_value(s->m, at) ? POINTS : 0;
    for (uint32_t i = 0; i < n; i++) {
        assert_true(i == 0 || step[i].level > step[i - 1].level);
        points = points / CLASSES[step[i].level] * (step[i].run.last - step[i].run.first + 1);
    }
    s->points += points;
    return DIAGRAM_GO_ON;
}

static void a_walk_meets_every_point(void **state)
{
    (void)state;
    struct rng rng = {.state = 5};
    for (int round = 0; round < 100; round++) {
        struct diagrams *m = diagrams_new(CLASSES, LEVELS, 100000);
        const struct function a = any_function(&rng, BOOLS, 2);
        uint32_t expected = 0;
        for (uint32_t p = 0; p < POINTS; p++)
            expected += a.value[p];
        struct seen s = {.m = m};
        assert_true(diagram_walk(m, of(m, &a), count_points, &s));
        assert_int_equal(s.points, expected);
        struct seen stopped = {.m = m, .stop_at = s.calls};
        assert_false(diagram_walk(m, of(m, &a), count_points, &stopped));
        assert_int_equal(stopped.calls, s.calls);
        diagrams_free(m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(operations_are_what_they_are_point_by_point),
        cmocka_unit_test(a_cofactor_knows_its_variable),
        cmocka_unit_test(leaves_are_combined_by_the_caller),
        cmocka_unit_test(a_choice_is_true_in_its_runs),
        cmocka_unit_test(a_hundred_thousand_clauses_stay_small),
        cmocka_unit_test(deep_diagrams_need_no_stack),
        cmocka_unit_test(past_the_budget_nothing_is_known_until_more_is_allowed),
        cmocka_unit_test(a_walk_meets_every_point),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The operations everybody needs, in terms of diagram_apply(). */
#include <string.h>

#include "compiler/diagram/diagram_priv.h"

static bool is_value(const struct diagrams *m, diagram d, uint32_t value)
{
    return diagram_is_leaf(m, d) && diagram_value(m, d) == value;
}

static bool known_as(diagram *out, diagram d)
{
    *out = d;
    return true;
}

static bool merge_early(struct diagrams *m, void *with, const uint32_t of[3], diagram *out)
{
    (void)with;
    if (!diagram_falls(m, of[0]) || is_value(m, of[1], DIAGRAM_FALL))
        return known_as(out, of[0]);
    return diagram_is_leaf(m, of[0]) &&
           known_as(out, is_value(m, of[0], DIAGRAM_FALL) ? of[1] : of[0]);
}

static const struct diagram_op MERGE = {.arity = 2, .early = merge_early};

diagram diagram_merge(struct diagrams *m, diagram a, diagram b)
{
    return diagram_apply(m, &MERGE, a, b, 0);
}

diagram diagram_fold(struct diagrams *m, const struct diagram_op *op, const diagram *d, uint32_t n)
{
    ASSERT(n > 0);
    diagram *rest = MUST_ARRAY(diagram, n);
    memcpy(rest, d, n * sizeof(*d));
    while (n > 1) { /* neighbours, so that order stays */
        for (uint32_t i = 0; i + 1 < n; i += 2)
            rest[i / 2] = diagram_apply(m, op, rest[i], rest[i + 1], 0);
        if (n % 2 == 1)
            rest[n / 2] = rest[n - 1];
        n = (n + 1) / 2;
    }
    const diagram all = rest[0];
    free(rest);
    return all;
}

diagram diagram_merge_all(struct diagrams *m, const diagram *d, uint32_t n)
{
    return n > 0 ? diagram_fold(m, &MERGE, d, n) : diagram_fall(m);
}

static bool and_early(struct diagrams *m, void *with, const uint32_t of[3], diagram *out)
{
    (void)with;
    if (of[0] == of[1] || is_value(m, of[0], false) || is_value(m, of[1], true))
        return known_as(out, of[0]);
    return (is_value(m, of[0], true) || is_value(m, of[1], false)) && known_as(out, of[1]);
}

static bool or_early(struct diagrams *m, void *with, const uint32_t of[3], diagram *out)
{
    (void)with;
    if (of[0] == of[1] || is_value(m, of[0], true) || is_value(m, of[1], false))
        return known_as(out, of[0]);
    return (is_value(m, of[0], false) || is_value(m, of[1], true)) && known_as(out, of[1]);
}

static bool minus_early(struct diagrams *m, void *with, const uint32_t of[3], diagram *out)
{
    (void)with;
    if (of[0] == of[1] || is_value(m, of[1], true))
        return known_as(out, diagram_bool(m, false));
    return (is_value(m, of[0], false) || is_value(m, of[1], false)) && known_as(out, of[0]);
}

static uint32_t minus_leaf(void *with, const uint32_t value[3])
{
    (void)with;
    return value[0] == 1 && value[1] == 0;
}

static const struct diagram_op AND = {.arity = 2, .early = and_early},
                               OR = {.arity = 2, .early = or_early},
                               MINUS = {.arity = 2, .early = minus_early, .leaf = minus_leaf};

/* And and or do not care for the order: one way round is remembered for both. */
static diagram either_way(struct diagrams *m, const struct diagram_op *op, diagram a, diagram b)
{
    return a < b ? diagram_apply(m, op, a, b, 0) : diagram_apply(m, op, b, a, 0);
}

diagram diagram_and(struct diagrams *m, diagram a, diagram b)
{
    return either_way(m, &AND, a, b);
}

diagram diagram_or(struct diagrams *m, diagram a, diagram b)
{
    return either_way(m, &OR, a, b);
}

diagram diagram_minus(struct diagrams *m, diagram a, diagram b)
{
    return diagram_apply(m, &MINUS, a, b, 0);
}

diagram diagram_not(struct diagrams *m, diagram a)
{
    return diagram_minus(m, diagram_bool(m, true), a);
}

static bool ite_early(struct diagrams *m, void *with, const uint32_t of[3], diagram *out)
{
    (void)with;
    if (of[1] == of[2] || is_value(m, of[0], true))
        return known_as(out, of[1]);
    if (is_value(m, of[0], false))
        return known_as(out, of[2]);
    return is_value(m, of[1], true) && is_value(m, of[2], false) && known_as(out, of[0]);
}

diagram diagram_ite(struct diagrams *m, diagram is, diagram yes, diagram no)
{
    static const struct diagram_op ITE = {.arity = 3, .early = ite_early};
    return diagram_apply(m, &ITE, is, yes, no);
}

static bool where_early(struct diagrams *m, void *with, const uint32_t of[3], diagram *out)
{
    (void)with;
    return diagram_is_leaf(m, of[0]) && known_as(out, diagram_bool(m, is_value(m, of[0], of[1])));
}

diagram diagram_where(struct diagrams *m, diagram d, uint32_t value)
{
    static const struct diagram_op WHERE = {.arity = 1, .early = where_early};
    return diagram_apply(m, &WHERE, d, value, 0);
}

static bool assign_early(struct diagrams *m, void *with, const uint32_t of[3], diagram *out)
{
    (void)with;
    const uint32_t level = diagram_level(m, of[0]);
    if (level == of[1])
        return known_as(out, diagram_child(m, of[0], of[2]));
    return (level == DIAGRAM_LEAF || level > of[1]) && known_as(out, of[0]);
}

diagram diagram_assign(struct diagrams *m, diagram d, uint32_t level, uint32_t class)
{
    static const struct diagram_op ASSIGN = {.arity = 1, .early = assign_early};
    ASSERT(class < diagrams_classes(m, level));
    return diagram_apply(m, &ASSIGN, d, level, class);
}

static diagram any_child(struct diagrams *m, diagram node)
{
    uint32_t n;
    diagram any = diagram_bool(m, false);
    (void)diagram_edges(m, node, &n);
    for (uint32_t i = 0; i < n; i++) /* the edges may move meanwhile */
        any = diagram_or(m, any, diagram_edges(m, node, &n)[i].to);
    return any;
}

static bool some_early(struct diagrams *m, void *with, const uint32_t of[3], diagram *out)
{
    (void)with;
    const uint32_t level = diagram_level(m, of[0]);
    if (level == of[1])
        return known_as(out, any_child(m, of[0]));
    return (level == DIAGRAM_LEAF || level > of[1]) && known_as(out, of[0]);
}

diagram diagram_some(struct diagrams *m, diagram d, uint32_t level)
{
    static const struct diagram_op SOME = {.arity = 1, .early = some_early};
    return diagram_apply(m, &SOME, d, level, 0);
}

#include "compiler/regex/naive.h"

#include "compiler/regex/regex_priv.h"

#define FRAMES_MAX 4000u /* of recursion; longer ways give up */

/* What is still to match behind a part, from the inside out. */
struct then {
    const struct tree *tree; /* a SEQUENCE, REPEAT or GROUP we are inside of */
    uint32_t done;           /* so many of its children, or rounds */
    size_t began;            /* where the group, or this round, began */
    const struct then *then;
};

struct trying {
    struct slice subject;
    uint64_t steps;
    uint32_t frames;
    bool gave_up;
    struct slice *group;
    size_t end;
};

static bool try_tree(struct trying *t, const struct tree *tree, size_t at, const struct then *then);

static bool is_word_at(const struct trying *t, size_t at)
{
    return at < t->subject.len && regex_is_word((uint8_t)t->subject.at[at]);
}

static bool edge_holds(const struct trying *t, enum regex_op edge, size_t at)
{
    const bool word_edge = (at > 0 && is_word_at(t, at - 1)) != is_word_at(t, at);
    return edge == REGEX_BEGIN       ? at == 0
           : edge == REGEX_END       ? at == t->subject.len
           : edge == REGEX_WORD_EDGE ? word_edge
                                     : !word_edge;
}

static bool try_then(struct trying *t, const struct then *then, size_t at);

static bool try_sequence(struct trying *t, const struct tree *tree, uint32_t done, size_t at,
                         const struct then *then)
{
    if (done == tree->n)
        return try_then(t, then, at);
    const struct then rest = {tree, done + 1, at, then};
    return try_tree(t, tree->child[done], at, &rest);
}

static bool try_repeat(struct trying *t, const struct tree *tree, uint32_t done, size_t at,
                       const struct then *then)
{
    const struct then again = {tree, done + 1, at, then};
    if (done < tree->min)
        return try_tree(t, tree->child[0], at, &again);
    if (tree->lazy && try_then(t, then, at))
        return true;
    if (done < tree->max && try_tree(t, tree->child[0], at, &again))
        return true;
    return !tree->lazy && try_then(t, then, at);
}

static bool try_then(struct trying *t, const struct then *then, size_t at)
{
    if (!then) {
        t->end = at;
        return true;
    }
    if (then->tree->kind == TREE_SEQUENCE)
        return try_sequence(t, then->tree, then->done, at, then->then);
    if (then->tree->kind == TREE_REPEAT) {
        const bool idle = at == then->began && then->done > then->tree->min;
        return idle ? try_then(t, then->then, at)
                    : try_repeat(t, then->tree, then->done, at, then->then);
    }
    struct slice *group = &t->group[then->tree->group];
    const struct slice before = *group;
    *group = (struct slice){t->subject.at + then->began, at - then->began};
    if (try_then(t, then->then, at))
        return true;
    *group = before;
    return false;
}

static bool try_inside(struct trying *t, const struct tree *tree, size_t at,
                       const struct then *then)
{
    const struct then close = {tree, 0, at, then};
    switch (tree->kind) {
    case TREE_EMPTY: return try_then(t, then, at);
    case TREE_BYTES:
        return at < t->subject.len && regex_set_has(&tree->set, (uint8_t)t->subject.at[at]) &&
               try_then(t, then, at + 1);
    case TREE_EDGE: return edge_holds(t, tree->edge, at) && try_then(t, then, at);
    case TREE_SEQUENCE: return try_sequence(t, tree, 0, at, then);
    case TREE_REPEAT: return try_repeat(t, tree, 0, at, then);
    case TREE_GROUP: return try_tree(t, tree->child[0], at, &close);
    case TREE_EITHER:
        for (uint32_t i = 0; i < tree->n; i++)
            if (try_tree(t, tree->child[i], at, then))
                return true;
        return false;
    }
    return false;
}

static bool try_tree(struct trying *t, const struct tree *tree, size_t at, const struct then *then)
{
    if (t->steps == 0 || t->frames == FRAMES_MAX)
        t->gave_up = true;
    if (t->gave_up)
        return false;
    t->steps--;
    t->frames++;
    const bool found = try_inside(t, tree, at, then);
    t->frames--;
    return found;
}

enum naive regex_naive_search(const struct regex *re, struct slice subject, uint64_t steps,
                              struct slice *group)
{
    struct trying t = {.subject = subject.at ? subject : SLICE(""), .steps = steps};
    t.group = MUST_ARRAY(struct slice, re->groups + 1);
    size_t at = 0;
    bool found = try_tree(&t, re->tree, at, NULL);
    while (!found && !t.gave_up && at < subject.len)
        found = try_tree(&t, re->tree, ++at, NULL);
    if (found && group) {
        t.group[0] = (struct slice){t.subject.at + at, t.end - at};
        memcpy(group, t.group, (re->groups + 1) * sizeof(*group));
    }
    free(t.group);
    return t.gave_up ? NAIVE_GAVE_UP : found ? NAIVE_YES : NAIVE_NO;
}

/* Tree to program (Thompson 1968), from back to front: each part is told where it goes on. */
#include "compiler/regex/regex_priv.h"

struct build {
    struct regex_instruction *instruction;
    struct regex_set *set;
    uint32_t n, n_sets, room;
    bool with_groups;
};

static uint16_t emit(struct build *b, enum regex_op op, uint32_t byte, uint32_t next,
                     uint32_t other)
{
    ASSERT(b->n < b->room);
    b->instruction[b->n] =
        (struct regex_instruction){(uint8_t)op, (uint8_t)byte, (uint16_t)next, (uint16_t)other};
    return (uint16_t)b->n++;
}

static uint16_t split(struct build *b, bool lazy, uint16_t inside, uint16_t behind)
{
    return emit(b, REGEX_SPLIT, 0, lazy ? behind : inside, lazy ? inside : behind);
}

static uint16_t build(struct build *b, const struct tree *t, uint16_t next);

static uint16_t build_bytes(struct build *b, const struct regex_set *set, uint16_t next)
{
    int n = 0;
    uint32_t only = 0;
    for (uint32_t i = 0; i < 4; i++)
        if (set->bits[i]) {
            n += __builtin_popcountll(set->bits[i]);
            only = i * 64 + (uint32_t)__builtin_ctzll(set->bits[i]);
        }
    if (n == 1)
        return emit(b, REGEX_BYTE, only, next, 0);
    uint32_t i = 0;
    while (i < b->n_sets && memcmp(&b->set[i], set, sizeof(*set)) != 0)
        i++;
    if (i == b->n_sets)
        b->set[b->n_sets++] = *set;
    return emit(b, REGEX_SET, 0, next, i);
}

/* One or more. */
static uint16_t build_plus(struct build *b, const struct tree *t, uint16_t next)
{
    const uint16_t again = split(b, t->lazy, 0, next);
    const uint16_t body = build(b, t->child[0], again);
    if (t->lazy)
        b->instruction[again].other = body;
    else
        b->instruction[again].next = body;
    return body;
}

static uint16_t build_repeat(struct build *b, const struct tree *t, uint16_t next)
{
    uint32_t left = t->min;
    uint16_t entry = next;
    if (t->max != REPEAT_FOREVER) {
        for (uint32_t i = t->min; i < t->max; i++)
            entry = split(b, t->lazy, build(b, t->child[0], entry), next);
    } else if (t->min > 0) {
        entry = build_plus(b, t, next);
        left--;
    } else if (t->child[0]->nullable) {
        /* As (x+)?, so that an empty round is made once and then left, as Perl does. */
        entry = split(b, t->lazy, build_plus(b, t, next), next);
    } else {
        entry = split(b, t->lazy, 0, next);
        const uint16_t body = build(b, t->child[0], entry);
        if (t->lazy)
            b->instruction[entry].other = body;
        else
            b->instruction[entry].next = body;
    }
    for (; left > 0; left--)
        entry = build(b, t->child[0], entry);
    return entry;
}

static uint16_t build_either(struct build *b, const struct tree *t, uint16_t next)
{
    uint16_t entry = build(b, t->child[t->n - 1], next);
    for (uint32_t i = t->n - 1; i > 0; i--)
        entry = split(b, false, build(b, t->child[i - 1], next), entry);
    return entry;
}

static uint16_t build(struct build *b, const struct tree *t, uint16_t next)
{
    uint16_t entry = next;
    switch (t->kind) {
    case TREE_EMPTY: return next;
    case TREE_BYTES: return build_bytes(b, &t->set, next);
    case TREE_SEQUENCE:
        for (uint32_t i = t->n; i > 0; i--)
            entry = build(b, t->child[i - 1], entry);
        return entry;
    case TREE_EITHER: return build_either(b, t, next);
    case TREE_REPEAT: return build_repeat(b, t, next);
    case TREE_GROUP:
        if (!b->with_groups)
            return build(b, t->child[0], next);
        entry = emit(b, REGEX_SAVE, 2 * t->group + 1, next, 0);
        entry = build(b, t->child[0], entry);
        return emit(b, REGEX_SAVE, 2 * t->group, entry, 0);
    case TREE_EDGE: return emit(b, t->edge, 0, next, 0);
    }
    return next;
}

void nfa_build(const struct tree *tree, bool with_groups, struct arena *into,
               struct regex_program *out)
{
    struct build b = {.room = tree->size + 1, .with_groups = with_groups};
    b.instruction = ARENA_ARRAY(into, struct regex_instruction, b.room);
    b.set = ARENA_ARRAY(into, struct regex_set, b.room);
    const uint16_t match = emit(&b, REGEX_MATCH, 0, 0, 0);
    const uint16_t entry = build(&b, tree, match);
    *out = (struct regex_program){.instruction = b.instruction,
                                  .set = b.set,
                                  .n_instructions = b.n,
                                  .n_sets = b.n_sets,
                                  .entry = entry};
}

/* Tree to the program that finds groups. */
#include "compiler/regex/regex_priv.h"

/* The first group past the limit. */
static const struct tree *group_numbered(const struct tree *t, uint32_t number)
{
    if (t->kind == TREE_GROUP && t->group == number)
        return t;
    const struct tree *found = NULL;
    for (uint32_t i = 0; i < t->n && !found; i++)
        found = group_numbered(t->child[i], number);
    return found;
}

static bool fits(const struct regex *re, struct arena *into, struct regex_error *error)
{
    if (re->groups > REGEX_GROUPS_MAX) {
        const struct tree *t = group_numbered(re->tree, REGEX_GROUPS_MAX + 1);
        regex_error_set(
            error, REGEX_TOO_MANY_GROUPS, t->at, t->len,
            arena_format(into, "this is a group more than the %u there can be", REGEX_GROUPS_MAX));
        return false;
    }
    return true;
}

bool regex_compile_program(const struct regex *re, struct arena *into, struct regex_program *out,
                           struct regex_error *error)
{
    if (!fits(re, into, error))
        return false;
    struct arena scratch = {0};
    struct regex_program made;
    nfa_build(re->tree, true, &scratch, &made);
    const bool small = made.n_instructions <= REGEX_INSTRUCTIONS_MAX;
    if (small) {
        struct regex_instruction *instruction =
            ARENA_ARRAY(into, struct regex_instruction, made.n_instructions);
        struct regex_set *set = ARENA_ARRAY(into, struct regex_set, made.n_sets);
        memcpy(instruction, made.instruction, made.n_instructions * sizeof(*instruction));
        memcpy(set, made.set, made.n_sets * sizeof(*set));
        made.instruction = instruction;
        made.set = set;
        made.n_groups = re->groups;
        *out = made;
    } else {
        regex_error_set(error, REGEX_TOO_BIG, 0, re->pattern_len,
                        arena_format(into,
                                     "with its repeats written out, this has more than %u steps",
                                     REGEX_INSTRUCTIONS_MAX));
    }
    arena_free(&scratch);
    return small;
}

/* Comparisons with a text, as automata: the tree an expression would have, without writing one. */
#include "compiler/regex/regex_priv.h"

static const struct tree *edge(struct arena *a, enum regex_op op)
{
    struct tree *t = ARENA_NEW(a, struct tree);
    *t = (struct tree){.kind = TREE_EDGE, .size = 1, .nullable = true, .edge = op};
    return t;
}

static const struct tree *byte(struct arena *a, char c, bool ignore_case)
{
    struct tree *t = ARENA_NEW(a, struct tree);
    *t = (struct tree){.kind = TREE_BYTES, .size = 1};
    set_add(&t->set, (uint8_t)c, (uint8_t)c);
    if (ignore_case)
        set_ignore_case(&t->set);
    return t;
}

static const struct tree *segment_ends(struct arena *a)
{
    struct tree *t = ARENA_NEW(a, struct tree);
    const struct tree **child = ARENA_ARRAY(a, const struct tree *, 2);
    child[0] = byte(a, '/', false);
    child[1] = edge(a, REGEX_END);
    *t = (struct tree){.kind = TREE_EITHER, .size = 4, .child = child, .n = 2};
    return t;
}

bool regex_compile_literal(enum regex_literal how, struct slice text, bool ignore_case,
                           struct arena *into, struct regex_dfa *out)
{
    if (text.len + 8 > REGEX_NFA_MAX)
        return false;
    struct arena scratch = {0};
    const struct tree **child = ARENA_ARRAY(&scratch, const struct tree *, text.len + 2);
    uint32_t n = 0;
    if (how != REGEX_ENDS_WITH && how != REGEX_CONTAINS)
        child[n++] = edge(&scratch, REGEX_BEGIN);
    for (size_t i = 0; i < text.len; i++)
        child[n++] = byte(&scratch, text.at[i], ignore_case);
    if (how == REGEX_EQUALS || how == REGEX_ENDS_WITH)
        child[n++] = edge(&scratch, REGEX_END);
    if (how == REGEX_UNDER && !slice_ends(text, SLICE("/")))
        child[n++] = segment_ends(&scratch);

    const struct tree tree = {.kind = TREE_SEQUENCE, .size = n + 8, .child = child, .n = n};
    const struct regex re = {.tree = &tree};
    struct regex_error error;
    const bool fits = regex_compile_dfa(&re, NULL, into, out, &error);
    arena_free(&scratch);
    return fits;
}

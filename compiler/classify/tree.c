/*
 * A tree of texts: what begins with "/a" contains what begins with "/ab", and both contain "/abc".
 *
 * In the order of texts where the end comes first and then the slash, each of them is a range, and
 * two of them never overlap by half. So sorting, wider ones first, puts each behind what contains
 * it.
 */
#include <string.h>

#include "compiler/classify/classify_priv.h"

/* The slash before all other bytes. */
static int rank(char c)
{
    return c == '/' ? -1 : (unsigned char)c;
}

static int by_text(struct slice a, struct slice b)
{
    const size_t both = a.len < b.len ? a.len : b.len;
    size_t i = 0;
    while (i < both && a.at[i] == b.at[i])
        i++;
    if (i < both)
        return rank(a.at[i]) - rank(b.at[i]);
    return (a.len > b.len) - (a.len < b.len);
}

static int by_range(const void *a, const void *b)
{
    const struct text_saying *x = a, *y = b;
    const int order = by_text(x->text, y->text);
    if (order != 0)
        return order;
    if (x->extent != y->extent)
        return x->extent < y->extent ? -1 : 1;
    return (x->atom > y->atom) - (x->atom < y->atom);
}

static bool contains(const struct text_node *outer, const struct text_saying *s)
{
    if (!slice_starts(s->text, outer->text))
        return false;
    switch (outer->extent) {
    case TEXT_BEGINS: return true;
    case TEXT_SEGMENT:
        return s->text.len == outer->text.len ? s->extent != TEXT_BEGINS
                                              : s->text.at[outer->text.len] == '/';
    case TEXT_EXACT: break;
    }
    return false;
}

static bool is_same(const struct text_node *node, const struct text_saying *s)
{
    return node->extent == s->extent && slice_eq(node->text, s->text);
}

struct text_node *text_tree(struct text_saying *saying, uint32_t n, struct arena *arena,
                            uint32_t *n_nodes)
{
    if (n > 0)
        qsort(saying, n, sizeof(*saying), by_range);
    struct text_node *node = ARENA_ARRAY(arena, struct text_node, n);
    uint32_t nodes = 0, above = UINT32_MAX;
    for (uint32_t i = 0; i < n; i++) {
        const struct text_saying *s = &saying[i];
        if (nodes > 0 && is_same(&node[nodes - 1], s)) {
            node[nodes - 1].n_sayings++;
            continue;
        }
        while (above != UINT32_MAX && !contains(&node[above], s))
            above = node[above].parent;
        node[nodes] = (struct text_node){.text = s->text,
                                         .extent = s->extent,
                                         .parent = above,
                                         .first_saying = i,
                                         .n_sayings = 1};
        above = nodes++;
    }
    *n_nodes = nodes;
    return node;
}

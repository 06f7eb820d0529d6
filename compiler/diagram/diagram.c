/* The manager and its nodes, each there once. */
#include "compiler/diagram/diagram.h"

#include "compiler/diagram/diagram_priv.h"
#include "runtime/base/hash.h"

/* What is looked at for each node or edge that may be kept. Much is looked at that comes to nothing
 * new, but not without end. */
#define WORK_PER_KEPT 64u

struct diagrams *diagrams_new(const uint32_t *classes, uint32_t n_levels, uint64_t budget)
{
    struct diagrams *m = MUST_NEW(struct diagrams);
    m->classes = MUST_ARRAY(uint32_t, n_levels);
    m->n_levels = n_levels;
    for (uint32_t i = 0; i < n_levels; i++) {
        ASSERT(classes[i] > 0);
        m->classes[i] = classes[i];
    }
    diagrams_allow(m, budget);
    return m;
}

void diagrams_free(struct diagrams *m)
{
    if (!m)
        return;
    free(m->classes);
    VEC_DONE(&m->node);
    VEC_DONE(&m->edge);
    free(m->slot);
    VEC_DONE(&m->op);
    free(m->memo);
    VEC_DONE(&m->frame);
    VEC_DONE(&m->making);
    free(m->seen);
    free(m);
}

bool diagrams_are_over(const struct diagrams *m)
{
    return m->over;
}

void diagrams_allow(struct diagrams *m, uint64_t more)
{
    const uint64_t most = UINT32_MAX / 4; /* indices have 32 bits */
    m->limit = diagrams_used(m) + (more < most ? more : most);
    m->work = 0;
    m->work_limit = more < UINT64_MAX / WORK_PER_KEPT ? more * WORK_PER_KEPT : UINT64_MAX;
    m->over = false;
}

uint64_t diagrams_used(const struct diagrams *m)
{
    return (uint64_t)m->node.n + m->edge.n;
}

bool diagrams_work(struct diagrams *m, uint64_t more)
{
    m->work += more;
    if (m->work > m->work_limit)
        m->over = true;
    return !m->over;
}

uint32_t diagrams_classes(const struct diagrams *m, uint32_t level)
{
    ASSERT(level < m->n_levels);
    return m->classes[level];
}

/* ---- the unique table ---- */

static uint64_t inner_hash(uint32_t level, uint32_t value, const struct diagram_edge *edge,
                           uint32_t n)
{
    const uint64_t seed = (uint64_t)level << 32 | value;
    return hash_bytes(n > 0 ? (const void *)edge : &seed, n > 0 ? n * sizeof(*edge) : sizeof(seed),
                      seed);
}

static uint64_t hash_of(const struct diagrams *m, uint32_t i)
{
    const struct diagram_inner *x = &m->node.at[i];
    if (x->level == DIAGRAM_LEAF)
        return inner_hash(DIAGRAM_LEAF, x->first_edge, NULL, 0);
    return inner_hash(x->level, 0, m->edge.at + x->first_edge, x->n_edges);
}

static bool is_same(const struct diagrams *m, uint32_t i, uint32_t level, uint32_t value,
                    const struct diagram_edge *edge, uint32_t n)
{
    const struct diagram_inner *x = &m->node.at[i];
    if (x->level != level || x->n_edges != n)
        return false;
    if (level == DIAGRAM_LEAF)
        return x->first_edge == value;
    return memcmp(m->edge.at + x->first_edge, edge, n * sizeof(*edge)) == 0;
}

/* The slot that has it, or the free one where it belongs. */
static uint32_t *slot_for(const struct diagrams *m, uint64_t hash, uint32_t level, uint32_t value,
                          const struct diagram_edge *edge, uint32_t n)
{
    for (uint64_t at = hash;; at++) {
        uint32_t *slot = &m->slot[at & (m->n_slots - 1)];
        if (*slot == 0 || is_same(m, *slot - 1, level, value, edge, n))
            return slot;
    }
}

/* Nodes are put in by number, as they were made: so that the last one made can be taken out. */
static void more_slots(struct diagrams *m)
{
    free(m->slot);
    m->n_slots = m->n_slots ? m->n_slots * 2 : 256;
    m->slot = MUST_ARRAY(uint32_t, m->n_slots);
    for (uint32_t i = 0; i < m->node.n; i++) {
        uint64_t at = hash_of(m, i);
        while (m->slot[at & (m->n_slots - 1)] != 0)
            at++;
        m->slot[at & (m->n_slots - 1)] = i + 1;
    }
}

static diagram kept(struct diagrams *m, uint32_t level, uint32_t value,
                    const struct diagram_edge *edge, uint32_t n, bool falls)
{
    if (m->over)
        return DIAGRAM_OVER;
    if (m->node.n >= m->n_slots / 2)
        more_slots(m);
    uint32_t *slot = slot_for(m, inner_hash(level, value, edge, n), level, value, edge, n);
    if (*slot != 0)
        return *slot - 1;
    if (diagrams_used(m) + n + 1 > m->limit) {
        m->over = true;
        return DIAGRAM_OVER;
    }
    const struct diagram_inner x = {.level = level,
                                    .first_edge = level == DIAGRAM_LEAF ? value : m->edge.n,
                                    .n_edges = n & 0x7fffffffu,
                                    .falls = falls};
    for (uint32_t i = 0; i < n; i++)
        VEC_ADD(&m->edge, edge[i]);
    VEC_ADD(&m->node, x);
    *slot = m->node.n;
    return m->node.n - 1;
}

struct diagrams_mark diagrams_mark(const struct diagrams *m)
{
    return (struct diagrams_mark){m->node.n, m->edge.n};
}

void diagrams_rewind(struct diagrams *m, struct diagrams_mark mark)
{
    ASSERT(mark.n_nodes <= m->node.n && mark.n_edges <= m->edge.n);
    for (uint32_t i = m->node.n; i-- > mark.n_nodes;) { /* last in, first out: no chain breaks */
        uint64_t at = hash_of(m, i);
        while (m->slot[at & (m->n_slots - 1)] != i + 1)
            at++;
        m->slot[at & (m->n_slots - 1)] = 0;
    }
    m->node.n = mark.n_nodes;
    m->edge.n = mark.n_edges;
    m->over = false;
    diagrams_forget(m);
}

/* ---- making ---- */

diagram diagram_leaf(struct diagrams *m, uint32_t value)
{
    return kept(m, DIAGRAM_LEAF, value, NULL, 0, value >= DIAGRAM_OPEN);
}

diagram diagrams_made(struct diagrams *m, uint32_t level, uint32_t from)
{
    const struct diagram_edge *edge = m->making.at + from;
    const uint32_t n = m->making.n - from;
    m->making.n = from;
    if (n == 1)
        return edge[0].to;
    bool falls = false;
    for (uint32_t i = 0; i < n; i++) {
        if (edge[i].to == DIAGRAM_OVER)
            return DIAGRAM_OVER;
        falls |= m->node.at[edge[i].to].falls;
    }
    return diagrams_work(m, n) ? kept(m, level, 0, edge, n, falls) : DIAGRAM_OVER;
}

diagram diagram_node(struct diagrams *m, uint32_t level, const struct diagram_edge *edge,
                     uint32_t n)
{
    ASSERT(n > 0 && edge[0].first == 0 && level < m->n_levels);
    if (m->over)
        return DIAGRAM_OVER;
    const uint32_t from = m->making.n;
    for (uint32_t i = 0; i < n; i++) {
        ASSERT(edge[i].first < m->classes[level] && (i == 0 || edge[i].first > edge[i - 1].first));
        ASSERT(edge[i].to == DIAGRAM_OVER ||
               (edge[i].to < m->node.n && m->node.at[edge[i].to].level > level));
        if (i == 0 || m->making.at[m->making.n - 1].to != edge[i].to)
            VEC_ADD(&m->making, edge[i]);
    }
    return diagrams_made(m, level, from);
}

diagram diagram_choice(struct diagrams *m, uint32_t level, const struct diagram_run *run,
                       uint32_t n, diagram yes, diagram no)
{
    const uint32_t classes = diagrams_classes(m, level);
    VEC(struct diagram_edge) edge = {0};
    uint32_t behind = 0; /* the class behind what has an edge */
    for (uint32_t i = 0; i < n; i++) {
        ASSERT(run[i].first >= behind && run[i].first <= run[i].last && run[i].last < classes);
        if (run[i].first > behind)
            VEC_ADD(&edge, (struct diagram_edge){behind, no});
        VEC_ADD(&edge, (struct diagram_edge){run[i].first, yes});
        behind = run[i].last + 1;
    }
    if (behind < classes)
        VEC_ADD(&edge, (struct diagram_edge){behind, no});
    const diagram made = diagram_node(m, level, edge.at, edge.n);
    VEC_DONE(&edge);
    return made;
}

/* ---- looking ---- */

uint32_t diagram_level(const struct diagrams *m, diagram d)
{
    ASSERT(d < m->node.n);
    return m->node.at[d].level;
}

uint32_t diagram_value(const struct diagrams *m, diagram leaf)
{
    ASSERT(leaf < m->node.n && m->node.at[leaf].level == DIAGRAM_LEAF);
    return m->node.at[leaf].first_edge;
}

const struct diagram_edge *diagram_edges(const struct diagrams *m, diagram node, uint32_t *n)
{
    ASSERT(node < m->node.n && m->node.at[node].level != DIAGRAM_LEAF);
    *n = m->node.at[node].n_edges;
    return m->edge.at + m->node.at[node].first_edge;
}

diagram diagram_child(const struct diagrams *m, diagram node, uint32_t class)
{
    uint32_t n;
    const struct diagram_edge *edge = diagram_edges(m, node, &n);
    ASSERT(class < m->classes[m->node.at[node].level]);
    uint32_t low = 0, high = n; /* the last edge that begins at or before the class */
    while (high - low > 1) {
        const uint32_t middle = low + (high - low) / 2;
        if (edge[middle].first <= class)
            low = middle;
        else
            high = middle;
    }
    return edge[low].to;
}

bool diagram_falls(const struct diagrams *m, diagram d)
{
    ASSERT(d < m->node.n);
    return m->node.at[d].falls;
}

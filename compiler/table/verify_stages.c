/* Stages: every walk through them ends, stays inside, and makes no more changes than a verdict
 * holds. */
#include "compiler/table/classifier.h"
#include "compiler/table/verify_priv.h"

/* The most changes on any walk, from each node, and from each stage. */
struct longest {
    const uint8_t *node;
    uint8_t *stage;
};

static const char *verify_target(const struct table_stage *s, uint32_t from, uint32_t to)
{
    if (to == TABLE_ASK_NODES)
        return NULL;
    if (to & TABLE_LEAF) {
        const uint32_t leaf = to & ~TABLE_LEAF;
        REQUIRE(leaf >= s->first_leaf && leaf - s->first_leaf < s->n_leaves,
                "a branch leads to a leaf that is not its stage's");
        return NULL;
    }
    REQUIRE(to >= from && to >= s->first_branch && to - s->first_branch < s->n_branches,
            "a branch leads backward, to itself or out of its stage");
    return NULL;
}

static const char *verify_branch(const struct table *t, const struct table_stage *s, uint32_t i)
{
    const struct table_branch *b = &t->branch[i];
    REQUIRE(b->classifier < t->n_classifiers, "a branch asks a classifier that is not there");
    const uint32_t classes = classifier_answers(t->classifier[b->classifier]);
    const uint32_t room = b->flat ? t->n_targets : t->n_edges;
    REQUIRE(b->n > 0 && b->first <= room && b->n <= room - b->first,
            "a branch has edges that are not there");
    REQUIRE(!b->flat || b->n == classes, "a branch has not one target for each class");
    for (uint32_t k = 0; k < b->n; k++) {
        const struct table_edge *edge = b->flat ? NULL : &t->edge[b->first + k];
        const char *problem = verify_target(s, i + 1, edge ? edge->to : t->target[b->first + k]);
        if (problem)
            return problem;
        REQUIRE(!edge || (k == 0 ? edge->first == 0 : edge->first > edge[-1].first),
                "the edges of a branch are not in order");
        REQUIRE(!edge || edge->first < classes,
                "a branch has an edge for a class that is not there");
    }
    return NULL;
}

/* The changes that a clause makes from its first node on, and whether it decides. Edges point
 * forward, so there is an end. */
static uint32_t changes_of(const struct table *t, uint32_t at, bool *decides)
{
    const uint32_t clause = t->node[at].clause;
    uint32_t n = 0;
    *decides = false;
    for (;;) {
        const struct table_node *node = &t->node[at];
        if (node->clause != clause || node->kind == NODE_TEST)
            return n;
        *decides = node->kind == NODE_END;
        if (*decides)
            return n;
        n++;
        at = node->yes;
    }
}

static const char *verify_leaf(const struct table *t, uint32_t stage, uint32_t i,
                               struct longest *longest)
{
    const struct table_leaf *leaf = &t->leaf[i];
    REQUIRE(leaf->n_acts == 1 || (leaf->act <= t->n_acts && leaf->n_acts <= t->n_acts - leaf->act),
            "a leaf does what is not there");
    uint32_t changes = 0;
    bool decides = false;
    for (uint32_t k = 0; k < leaf->n_acts && !decides; k++) {
        const uint32_t node = leaf->n_acts == 1 ? leaf->act : t->act[leaf->act + k];
        REQUIRE(node < t->n_nodes, "a leaf goes on at a node that is not there");
        changes += changes_of(t, node, &decides);
        REQUIRE(changes <= TABLE_EFFECTS_MAX, "a leaf makes more changes than a verdict can hold");
    }
    if (!decides) {
        REQUIRE(leaf->stage < t->n_stages && leaf->stage > stage,
                "a leaf neither decides nor leads to a later stage");
        changes += longest->stage[leaf->stage];
    }
    REQUIRE(changes <= TABLE_EFFECTS_MAX,
            "a request may meet more changes in the stages than a verdict can hold");
    if (changes > longest->stage[stage])
        longest->stage[stage] = (uint8_t)changes;
    return NULL;
}

static const char *verify_stage(const struct table *t, uint32_t i, struct longest *longest)
{
    const struct table_stage *s = &t->stage[i];
    REQUIRE(s->route < t->n_routes, "a stage belongs to a route that is not there");
    REQUIRE(s->first_branch <= t->n_branches && s->n_branches <= t->n_branches - s->first_branch &&
                s->first_leaf <= t->n_leaves && s->n_leaves <= t->n_leaves - s->first_leaf,
            "a stage has branches or leaves that are not there");
    REQUIRE(s->test < t->n_nodes, "a stage goes on at a node that is not there");
    longest->stage[i] = longest->node[s->test];
    const char *problem = verify_target(s, s->first_branch, s->entry);
    for (uint32_t k = 0; k < s->n_branches && !problem; k++)
        problem = verify_branch(t, s, s->first_branch + k);
    for (uint32_t k = 0; k < s->n_leaves && !problem; k++)
        problem = verify_leaf(t, i, s->first_leaf + k, longest);
    return problem;
}

const char *verify_stages(const struct table *t, const uint8_t *longest_from_node)
{
    REQUIRE(t->n_branches < TABLE_LEAF && t->n_leaves < TABLE_LEAF, "there are too many branches");
    for (uint32_t i = 0; i < t->n_routes; i++)
        REQUIRE(t->route[i].stage == TABLE_NO_STAGE ||
                    (t->route[i].stage < t->n_stages && t->stage[t->route[i].stage].route == i),
                "a route begins at a stage that is not its own");
    struct longest longest = {longest_from_node, MUST_ARRAY(uint8_t, t->n_stages)};
    const char *problem = NULL;
    for (uint32_t i = t->n_stages; i-- > 0 && !problem;)
        problem = verify_stage(t, i, &longest);
    free(longest.stage);
    return problem;
}

/*
 * HEAD and TAIL: a tree of texts becomes classes.
 *
 * Nodes of the tree that say the same (the same atoms, within the same class) are one class, so a
 * set costs one class and not one for each member. Classes are numbered in pre-order of their own
 * tree: what a node contains is one run.
 */
#include <string.h>

#include "compiler/classify/classify_priv.h"
#include "compiler/table/match.h"
#include "runtime/base/hash.h"

#define NONE UINT32_MAX

/* A class while it has no number yet. */
struct making {
    uint32_t parent; /* NONE: the root */
    uint32_t node;   /* the first of its nodes */
    uint32_t first_child, last_child, next;
    uint32_t number, last;
};

struct cutting {
    struct classifying *c;
    enum classifier_kind kind;
    const struct table_classifier *tail; /* of the same group, or NULL */
    VEC(struct text_saying) saying;
    struct text_node *node;
    uint32_t n_nodes;
    VEC(struct making) making;
    uint32_t *slot; /* 1 + an index into making */
    uint32_t n_slots;
};

static struct slice reversed(struct arena *arena, struct slice s)
{
    char *at = ARENA_ARRAY(arena, char, s.len);
    for (size_t i = 0; i < s.len; i++)
        at[i] = s.at[s.len - 1 - i];
    return (struct slice){at, s.len};
}

static void say(struct cutting *x, uint32_t atom, struct slice text, enum text_extent extent)
{
    VEC_ADD(&x->saying, (struct text_saying){text, extent, atom});
}

static void say_set(struct cutting *x, uint32_t i, const struct table_string_set *set)
{
    for (uint32_t k = 0; k < set->n; k++)
        say(x, i, set->string[k], TEXT_EXACT);
}

/* Members begin with the dot that a host is cut at. */
static void say_domains(struct cutting *x, uint32_t i, const struct table_string_set *set)
{
    for (uint32_t k = 0; k < set->n; k++)
        if (set->string[k].len > 0 && set->string[k].at[0] == '.')
            say(x, i, reversed(x->c->arena, set->string[k]), TEXT_BEGINS);
}

/* Below "/api/" is only what begins so. */
static void say_under(struct cutting *x, uint32_t i, struct slice text)
{
    const bool slash = text.len > 0 && text.at[text.len - 1] == '/';
    say(x, i, text, slash ? TEXT_BEGINS : TEXT_SEGMENT);
}

static void say_atom(struct cutting *x, uint32_t i)
{
    const struct table *t = x->c->table;
    const struct table_atom *atom = classifying_atom(x->c, i);
    switch (atom->op) {
    case OP_EQUAL: say(x, i, atom->string, TEXT_EXACT); break;
    case OP_IN_STRINGS: say_set(x, i, &t->string_set[atom->set]); break;
    case OP_UNDER: say_under(x, i, atom->string); break;
    case OP_STARTS_WITH: say(x, i, atom->string, TEXT_BEGINS); break;
    case OP_ENDS_WITH: say(x, i, reversed(x->c->arena, atom->string), TEXT_BEGINS); break;
    case OP_IN_DOMAINS: say_domains(x, i, &t->string_set[atom->set]); break;
    case OP_EXISTS:
    case OP_IN_NETWORKS:
    case OP_IN_NUMBERS:
    case OP_CONTAINS:
    case OP_MATCHES:
    case OP_COUNT: break;
    }
}

/* ---- classes ---- */

/* Do two whole texts have the same class in every other facet of the group? */
static bool same_elsewhere(const struct cutting *x, struct slice a, struct slice b)
{
    if (!x->c->options->exact_across_facets || x->kind == CLASSIFIER_TAIL)
        return true;
    if (x->tail && classifier_of_text(x->tail, a) != classifier_of_text(x->tail, b))
        return false;
    for (uint32_t i = 0; i < x->c->group->atom.n; i++) {
        const struct table_atom *atom = classifying_atom(x->c, x->c->group->atom.at[i]);
        if (classify_kind(x->c, atom) == CLASSIFIER_ATOM &&
            match_value(x->c->table, atom, a) != match_value(x->c->table, atom, b))
            return false;
    }
    return true;
}

static bool same_sayings(const struct cutting *x, const struct text_node *a,
                         const struct text_node *b)
{
    if (a->n_sayings != b->n_sayings)
        return false;
    for (uint32_t i = 0; i < a->n_sayings; i++)
        if (x->saying.at[a->first_saying + i].atom != x->saying.at[b->first_saying + i].atom)
            return false;
    return true;
}

/* The same for equals by same_elsewhere(). */
static uint64_t elsewhere_hash(const struct cutting *x, struct slice text)
{
    uint64_t hash = x->tail ? classifier_of_text(x->tail, text) : 0;
    for (uint32_t i = 0; i < x->c->group->atom.n; i++) {
        const struct table_atom *atom = classifying_atom(x->c, x->c->group->atom.at[i]);
        if (classify_kind(x->c, atom) == CLASSIFIER_ATOM)
            hash = hash * 3 + match_value(x->c->table, atom, text);
    }
    return hash;
}

static uint64_t node_hash(const struct cutting *x, const struct text_node *node, uint32_t parent)
{
    const bool exact = node->extent == TEXT_EXACT;
    uint64_t hash = (uint64_t)parent << 2 | exact;
    if (exact && x->c->options->exact_across_facets && x->kind == CLASSIFIER_HEAD)
        hash += elsewhere_hash(x, node->text) << 34;
    for (uint32_t i = 0; i < node->n_sayings; i++) {
        const uint32_t atom = x->saying.at[node->first_saying + i].atom;
        hash = hash_bytes(&atom, sizeof(atom), hash);
    }
    return hash;
}

static uint32_t add_class(struct cutting *x, uint32_t node, uint32_t parent)
{
    const uint32_t made = x->making.n;
    VEC_ADD(
        &x->making,
        (struct making){
            .parent = parent, .node = node, .first_child = NONE, .last_child = NONE, .next = NONE});
    if (parent == NONE)
        return made;
    struct making *above = &x->making.at[parent];
    if (above->first_child == NONE)
        above->first_child = made;
    else
        x->making.at[above->last_child].next = made;
    above->last_child = made;
    return made;
}

/* The class, by the order of making, that the node is of. Parents were asked for before. */
static uint32_t class_of_node(struct cutting *x, uint32_t i)
{
    const struct text_node *node = &x->node[i];
    const uint32_t parent = node->parent == NONE ? 0 : x->node[node->parent].class;
    for (uint64_t at = node_hash(x, node, parent);; at++) {
        uint32_t *slot = &x->slot[at & (x->n_slots - 1)];
        if (*slot == 0) {
            *slot = x->making.n + 1;
            return add_class(x, i, parent);
        }
        const struct making *m = &x->making.at[*slot - 1];
        const struct text_node *other = &x->node[m->node];
        const bool exact = node->extent == TEXT_EXACT;
        if (m->parent == parent && (other->extent == TEXT_EXACT) == exact &&
            same_sayings(x, node, other) && (!exact || same_elsewhere(x, node->text, other->text)))
            return *slot - 1;
    }
}

/* Pre-order; returns the number of classes. The root, first made, is CLASS_OTHER. */
static uint32_t number_classes(struct cutting *x)
{
    uint32_t next = CLASS_OTHER, at = 0;
    for (;;) {
        struct making *m = &x->making.at[at];
        m->number = next++;
        if (m->first_child != NONE) {
            at = m->first_child;
            continue;
        }
        for (;;) { /* up to where there is a sibling */
            x->making.at[at].last = next - 1;
            if (x->making.at[at].next != NONE || x->making.at[at].parent == NONE)
                break;
            at = x->making.at[at].parent;
        }
        if (x->making.at[at].next == NONE)
            return next;
        at = x->making.at[at].next;
    }
}

static void make_classes(struct cutting *x)
{
    x->n_slots = 4;
    while (x->n_slots / 2 < x->n_nodes)
        x->n_slots *= 2;
    x->slot = MUST_ARRAY(uint32_t, x->n_slots);
    add_class(x, NONE, NONE);
    for (uint32_t i = 0; i < x->n_nodes; i++)
        x->node[i].class = class_of_node(x, i);
    free(x->slot);
}

/* ---- what comes out ---- */

static enum class_kind kind_of(const struct cutting *x, const struct text_node *node)
{
    if (x->kind == CLASSIFIER_TAIL)
        return CLASS_KIND_ENDS;
    switch (node->extent) {
    case TEXT_BEGINS: return CLASS_KIND_BEGINS;
    case TEXT_SEGMENT: return CLASS_KIND_SEGMENT;
    case TEXT_EXACT: break;
    }
    return CLASS_KIND_EXACT;
}

static struct table_classifier *facet(struct cutting *x, uint32_t n_classes)
{
    struct arena *arena = x->c->arena;
    uint32_t *last = ARENA_ARRAY(x->c->keep, uint32_t, n_classes);
    struct class_info *info = ARENA_ARRAY(arena, struct class_info, n_classes);
    info[CLASS_ABSENT] = (struct class_info){.kind = CLASS_KIND_ABSENT};
    for (uint32_t i = 0; i < x->making.n; i++) {
        const struct making *m = &x->making.at[i];
        last[m->number] = m->last;
        if (m->node == NONE) {
            info[m->number] = (struct class_info){.kind = CLASS_KIND_OTHER};
            continue;
        }
        const struct text_node *node = &x->node[m->node];
        info[m->number] = (struct class_info){
            .kind = kind_of(x, node),
            .parent = x->making.at[m->parent].number,
            .example = x->kind == CLASSIFIER_TAIL ? reversed(arena, node->text) : node->text};
    }
    struct table_classifier *made = classify_facet(x->c, x->kind, n_classes, info);
    made->last = last;
    return made;
}

static int by_atom(const void *a, const void *b)
{
    const struct text_saying *x = a, *y = b;
    return (x->atom > y->atom) - (x->atom < y->atom);
}

/* A saying holds for its node's class and all below it. */
static void hold_sayings(struct cutting *x)
{
    for (uint32_t i = 0; i < x->n_nodes; i++) {
        const struct text_node *node = &x->node[i];
        for (uint32_t k = 0; k < node->n_sayings; k++)
            x->saying.at[node->first_saying + k].text = (struct slice){NULL, i};
    }
    if (x->saying.n > 0)
        qsort(x->saying.at, x->saying.n, sizeof(*x->saying.at), by_atom);
    VEC(struct class_run) run = {0};
    for (uint32_t i = 0; i < x->saying.n;) {
        const uint32_t atom = x->saying.at[i].atom;
        run.n = 0;
        for (; i < x->saying.n && x->saying.at[i].atom == atom; i++) {
            const struct making *m = &x->making.at[x->node[x->saying.at[i].text.len].class];
            VEC_ADD(&run, (struct class_run){m->number, m->last});
        }
        classify_hold(x->c, atom, run.at, run.n);
    }
    VEC_DONE(&run);
}

/* `exists` holds for whatever is there; an empty set for nothing. */
static void hold_others(struct cutting *x, uint32_t n_classes)
{
    for (uint32_t i = 0; i < x->c->group->atom.n; i++) {
        const uint32_t at = x->c->group->atom.at[i];
        const struct table_atom *atom = classifying_atom(x->c, at);
        if (classify_kind(x->c, atom) != x->kind)
            continue;
        struct class_run all = {CLASS_OTHER, n_classes - 1};
        classify_hold(x->c, at, &all, atom->op == OP_EXISTS);
    }
}

void classify_texts(struct classifying *c, enum classifier_kind kind)
{
    struct cutting x = {.c = c, .kind = kind};
    bool any = false;
    for (uint32_t i = 0; i < c->group->atom.n; i++) {
        if (classify_kind(c, classifying_atom(c, c->group->atom.at[i])) != kind)
            continue;
        any = true;
        say_atom(&x, c->group->atom.at[i]);
    }
    if (!any)
        return;
    if (kind == CLASSIFIER_HEAD && c->facet.n > 0) {
        const struct classified_facet *before = &c->facet.at[c->facet.n - 1];
        if (before->group == c->group_number && before->classifier->kind == CLASSIFIER_TAIL)
            x.tail = before->classifier;
    }
    x.node = text_tree(x.saying.at, x.saying.n, c->arena, &x.n_nodes);
    make_classes(&x);
    const uint32_t n_classes = number_classes(&x);
    struct table_classifier *made = facet(&x, n_classes);
    hold_others(&x, n_classes);
    hold_sayings(&x);
    for (uint32_t i = 0; i < x.n_nodes; i++)
        x.node[i].class = x.making.at[x.node[i].class].number;
    texts_index(made, x.node, x.n_nodes, c->keep);
    VEC_DONE(&x.saying);
    VEC_DONE(&x.making);
}

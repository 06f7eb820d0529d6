/*
 * Conditions become tests with two edges, in the order they were written: the left side is asked
 * first, and the right side only where it still matters.
 *
 * Nodes are made backward, what is decided last first, since a test must know where its edges lead.
 * lower_route.c turns the order round at the end, and so every edge points forward.
 */
#include "compiler/lower/lower_priv.h"
#include "runtime/base/hash.h"

static bool same_atom(const void *atoms, uint32_t i, const void *wanted)
{
    const struct table_atom *a = (const struct table_atom *)atoms + i, *b = wanted;
    return a->field == b->field && a->op == b->op && a->set == b->set && a->all == b->all &&
           slice_eq(a->key, b->key) && slice_eq(a->string, b->string);
}

static uint64_t atom_hash(const struct table_atom *a)
{
    const uint64_t part[] = {
        a->field, a->op, a->set, a->all, hash_slice(a->key, 1), hash_slice(a->string, 2)};
    return hash_bytes(part, sizeof(part), 0);
}

static uint32_t lower_atom(struct lowering *l, struct table_atom atom)
{
    const uint64_t hash = atom_hash(&atom);
    uint32_t i = index_find(&l->atom_index, hash, same_atom, l->atom.at, &atom);
    if (i == UINT32_MAX) {
        i = l->atom.n;
        index_add(&l->atom_index, hash);
        atom.key = lower_string(l, atom.key);
        atom.string = lower_string(l, atom.string);
        l->table->asked |= UINT64_C(1) << atom.field;
        VEC_ADD(&l->atom, atom);
    }
    return i;
}

uint32_t lower_node(struct lowering *l, struct table_node node)
{
    VEC_ADD(&l->node, node);
    return l->node.n - 1;
}

static uint32_t test(struct lowering *l, struct table_atom atom, uint32_t clause, uint32_t yes,
                     uint32_t no)
{
    return lower_node(l, (struct table_node){.kind = NODE_TEST,
                                             .what = lower_atom(l, atom),
                                             .yes = yes,
                                             .no = no,
                                             .clause = clause});
}

/* "*.example.com" as the end of a host. */
static struct table_atom host_atom(struct table_atom atom)
{
    const bool host = atom.field == FIELD_HOST || atom.field == FIELD_TLS_SNI;
    if (host && lower_is_domain(atom.string)) {
        atom.op = OP_ENDS_WITH;
        atom.string = slice_from(atom.string, 1);
    }
    return atom;
}

static uint32_t lower_not_equal(struct lowering *l, struct table_atom atom, uint32_t clause,
                                uint32_t yes, uint32_t no)
{
    const uint32_t equal = test(l, atom, clause, no, yes);
    atom.op = OP_EXISTS;
    atom.string = SLICE("");
    atom.set = 0;
    return test(l, atom, clause, equal, no);
}

static void ranged(struct lowering *l, struct table_atom *atom, uint64_t first, uint64_t last)
{
    atom->op = OP_IN_NUMBERS;
    atom->set = lower_number_range(l, first, last);
}

/* Sema refuses `< 0`, and what is above every number. */
static uint32_t lower_number(struct lowering *l, const struct cond *c, struct table_atom atom,
                             uint32_t clause, uint32_t yes, uint32_t no)
{
    const uint64_t n = c->number;
    switch (c->compare) {
    case COMPARE_EQUAL:
    case COMPARE_NOT_EQUAL: ranged(l, &atom, n, n); break;
    case COMPARE_LESS: ranged(l, &atom, 0, n - 1); break;
    case COMPARE_LESS_EQUAL: ranged(l, &atom, 0, n); break;
    case COMPARE_GREATER: ranged(l, &atom, n + 1, UINT64_MAX); break;
    case COMPARE_GREATER_EQUAL: ranged(l, &atom, n, UINT64_MAX); break;
    case COMPARE_IN:
        atom.op = OP_IN_NUMBERS;
        atom.set = lower_number_set(l, c->set);
        break;
    case COMPARE_UNDER:
    case COMPARE_STARTS_WITH:
    case COMPARE_ENDS_WITH:
    case COMPARE_CONTAINS:
    case COMPARE_MATCHES:
    case COMPARE_EXISTS: atom.op = OP_EXISTS; break;
    }
    return c->compare == COMPARE_NOT_EQUAL ? lower_not_equal(l, atom, clause, yes, no)
                                           : test(l, atom, clause, yes, no);
}

/* A set of hosts may be two: names, and what names end with. */
static uint32_t lower_in(struct lowering *l, const struct cond *c, struct table_atom atom,
                         uint32_t clause, uint32_t yes, uint32_t no)
{
    if (table_field_is_address(c->field)) {
        atom.op = OP_IN_NETWORKS;
        atom.set = lower_network_set(l, c->set);
        return test(l, atom, clause, yes, no);
    }
    uint32_t domains = 0;
    if (c->field == FIELD_HOST || c->field == FIELD_TLS_SNI)
        for (uint32_t i = 0; i < c->set->n_strings; i++)
            domains += lower_is_domain(c->set->string[i]);
    if (domains > 0) {
        atom.op = OP_IN_DOMAINS;
        atom.set = lower_string_set(l, c->set, STRINGS_DOMAINS);
        no = test(l, atom, clause, yes, no);
        if (domains == c->set->n_strings)
            return no;
    }
    atom.op = OP_IN_STRINGS;
    atom.set = lower_string_set(l, c->set, domains > 0 ? STRINGS_PLAIN : STRINGS_ALL);
    return test(l, atom, clause, yes, no);
}

static uint32_t lower_comparison(struct lowering *l, const struct cond *c, uint32_t clause,
                                 uint32_t yes, uint32_t no)
{
    struct table_atom atom = {.field = c->field, .key = c->key, .all = c->all, .string = SLICE("")};
    if (c->compare == COMPARE_IN && !table_field_is_number(c->field))
        return lower_in(l, c, atom, clause, yes, no);
    if (table_field_is_number(c->field))
        return lower_number(l, c, atom, clause, yes, no);
    atom.string = c->string;
    switch (c->compare) {
    case COMPARE_NOT_EQUAL:
        atom.op = OP_EQUAL;
        return lower_not_equal(l, host_atom(atom), clause, yes, no);
    case COMPARE_EQUAL:
        atom.op = OP_EQUAL;
        atom = host_atom(atom);
        break;
    case COMPARE_UNDER: atom.op = OP_UNDER; break;
    case COMPARE_STARTS_WITH: atom.op = OP_STARTS_WITH; break;
    case COMPARE_ENDS_WITH: atom.op = OP_ENDS_WITH; break;
    case COMPARE_CONTAINS: atom.op = OP_CONTAINS; break;
    case COMPARE_MATCHES:
        atom.op = OP_MATCHES;
        atom.set = lower_regex(l, c->string, c->flags, false);
        atom.string = SLICE("");
        break;
    case COMPARE_LESS:
    case COMPARE_LESS_EQUAL:
    case COMPARE_GREATER:
    case COMPARE_GREATER_EQUAL:
    case COMPARE_IN:
    case COMPARE_EXISTS:
        atom.op = OP_EXISTS;
        atom.string = SLICE("");
        break;
    }
    return test(l, atom, clause, yes, no);
}

/* A condition still to be lowered. Where an edge is PREVIOUS, it leads to what was lowered last. */
#define PREVIOUS UINT32_MAX

struct pending {
    const struct cond *cond;
    uint32_t yes, no;
};

/* A stack of our own instead of recursion: a condition may be a chain of any length, to either
 * side. The right side is lowered first, and the left side then leads to it. */
uint32_t lower_condition(struct lowering *l, const struct cond *cond, uint32_t clause, uint32_t yes,
                         uint32_t no)
{
    VEC(struct pending) stack = {0};
    VEC_ADD(&stack, (struct pending){cond, yes, no});
    uint32_t last = PREVIOUS;
    while (stack.n > 0) {
        struct pending p = stack.at[--stack.n];
        p.yes = p.yes == PREVIOUS ? last : p.yes;
        p.no = p.no == PREVIOUS ? last : p.no;
        switch (p.cond->kind) {
        case COND_TRUE: last = p.yes; break;
        case COND_ATOM: last = lower_comparison(l, p.cond, clause, p.yes, p.no); break;
        case COND_AND:
            VEC_ADD(&stack, (struct pending){p.cond->left, PREVIOUS, p.no});
            VEC_ADD(&stack, (struct pending){p.cond->right, p.yes, p.no});
            break;
        case COND_OR:
            VEC_ADD(&stack, (struct pending){p.cond->left, p.yes, PREVIOUS});
            VEC_ADD(&stack, (struct pending){p.cond->right, p.yes, p.no});
            break;
        case COND_NOT: VEC_ADD(&stack, (struct pending){p.cond->left, p.no, p.yes}); break;
        case COND_ACL: VEC_ADD(&stack, (struct pending){p.cond->left, p.yes, p.no}); break;
        }
    }
    VEC_DONE(&stack);
    return last;
}

/*
 * The smallest automaton (Hopcroft 1971), renumbered so that equal languages have equal automata:
 * classes of bytes by their first byte, states in the order a breadth-first walk meets them, those
 * that don't accept before those that do.
 */
#include "compiler/regex/regex_priv.h"

/* States that can't be told apart yet are a block: a run of `state`. */
struct block {
    uint32_t first, end;
    uint32_t marked; /* so many at its front */
};

struct partition {
    const struct automaton *a;
    uint32_t *state, *where; /* where[state[i]] == i */
    uint32_t *block_of;
    struct block *block;
    uint32_t n_blocks;
    uint32_t *origin, *origins; /* of class c and state s: origin[origins[c * n + s] ...] */
    uint32_t *todo, n_todo;     /* blocks to split others by */
    bool *is_todo;
    uint32_t *touched, n_touched; /* blocks with marks */
    uint32_t *members;            /* scratch */
};

static void todo_add(struct partition *p, uint32_t block)
{
    if (!p->is_todo[block])
        p->todo[p->n_todo++] = block;
    p->is_todo[block] = true;
}

/* Where each state is come from, by class: counting sort. */
static void find_origins(struct partition *p, struct arena *scratch)
{
    const size_t n = p->a->n_states, k = p->a->n_classes;
    p->origins = ARENA_ARRAY(scratch, uint32_t, n * k + 1);
    p->origin = ARENA_ARRAY(scratch, uint32_t, n * k);
    for (uint32_t s = 0; s < n; s++)
        for (uint32_t c = 0; c < k; c++)
            p->origins[c * n + p->a->next[s * k + c] + 1]++;
    for (size_t i = 0; i < n * k; i++)
        p->origins[i + 1] += p->origins[i];
    /* Filled from the back of each run, which then ends where it began. */
    for (uint32_t s = 0; s < n; s++)
        for (uint32_t c = 0; c < k; c++) {
            uint32_t *left = &p->origins[c * n + p->a->next[s * k + c] + 1];
            p->origin[--*left] = s;
        }
    /* Now origins[i + 1] is where run i begins: shift back. */
    for (size_t i = 0; i < n * k; i++)
        p->origins[i] = p->origins[i + 1];
    p->origins[n * k] = (uint32_t)(n * k);
}

static void partition_init(struct partition *p, const struct automaton *a, struct arena *scratch)
{
    const uint32_t n = a->n_states;
    *p = (struct partition){.a = a, .n_blocks = 2};
    p->state = ARENA_ARRAY(scratch, uint32_t, n);
    p->where = ARENA_ARRAY(scratch, uint32_t, n);
    p->block_of = ARENA_ARRAY(scratch, uint32_t, n);
    p->block = ARENA_ARRAY(scratch, struct block, n);
    p->todo = ARENA_ARRAY(scratch, uint32_t, n);
    p->is_todo = ARENA_ARRAY(scratch, bool, n);
    p->touched = ARENA_ARRAY(scratch, uint32_t, n);
    p->members = ARENA_ARRAY(scratch, uint32_t, n);
    find_origins(p, scratch);

    uint32_t i = 0;
    for (uint32_t accepts = 0; accepts < 2; accepts++) {
        p->block[accepts].first = i;
        for (uint32_t s = 0; s < n; s++)
            if (a->accepts[s] == (accepts == 1)) {
                p->state[i] = s;
                p->where[s] = i++;
                p->block_of[s] = accepts;
            }
        p->block[accepts].end = i;
        todo_add(p, accepts);
    }
}

static void mark(struct partition *p, uint32_t state)
{
    struct block *b = &p->block[p->block_of[state]];
    const uint32_t to = b->first + b->marked, from = p->where[state];
    if (from < to)
        return; /* already */
    if (b->marked++ == 0)
        p->touched[p->n_touched++] = p->block_of[state];
    const uint32_t other = p->state[to];
    p->state[from] = other;
    p->where[other] = from;
    p->state[to] = state;
    p->where[state] = to;
}

/* What is marked in a block becomes a block of its own, unless that is all. */
static void split_marked(struct partition *p, uint32_t number)
{
    struct block *b = &p->block[number];
    const uint32_t marked = b->marked;
    b->marked = 0;
    if (marked == b->end - b->first)
        return;
    const uint32_t fresh = p->n_blocks++;
    p->block[fresh] = (struct block){b->first, b->first + marked, 0};
    b->first += marked;
    for (uint32_t i = p->block[fresh].first; i < p->block[fresh].end; i++)
        p->block_of[p->state[i]] = fresh;
    const bool old_is_larger = b->end - b->first > marked;
    todo_add(p, p->is_todo[number] || old_is_larger ? fresh : number);
}

static void refine(struct partition *p)
{
    const uint32_t n = p->a->n_states;
    while (p->n_todo > 0) {
        const uint32_t by = p->todo[--p->n_todo];
        p->is_todo[by] = false;
        const uint32_t first = p->block[by].first, n_members = p->block[by].end - first;
        memcpy(p->members, p->state + first, n_members * sizeof(p->members[0]));
        for (uint32_t c = 0; c < p->a->n_classes; c++) {
            p->n_touched = 0;
            for (uint32_t m = 0; m < n_members; m++) {
                const uint32_t run = c * n + p->members[m];
                for (uint32_t i = p->origins[run]; i < p->origins[run + 1]; i++)
                    mark(p, p->origin[i]);
            }
            for (uint32_t i = 0; i < p->n_touched; i++)
                split_marked(p, p->touched[i]);
        }
    }
}

/* ---- the new automaton ---- */

/* The minimal automaton, its states still numbered as blocks; byte_of[] stands for each class. */
struct quotient {
    const struct partition *p;
    uint8_t byte_of[256];
    uint32_t n_classes;
    uint32_t *order, *number; /* order[number[block]] == block, among those that are reached */
    uint32_t n_reached;
};

static uint32_t quotient_step(const struct quotient *q, uint32_t block, uint8_t byte)
{
    const struct automaton *a = q->p->a;
    const uint32_t any = q->p->state[q->p->block[block].first];
    return q->p->block_of[a->next[any * a->n_classes + a->class_of[byte]]];
}

static bool bytes_are_alike(const struct quotient *q, uint8_t a, uint8_t b)
{
    if (q->p->a->class_of[a] == q->p->a->class_of[b])
        return true;
    for (uint32_t i = 0; i < q->p->n_blocks; i++)
        if (quotient_step(q, i, a) != quotient_step(q, i, b))
            return false;
    return true;
}

static void merge_classes(struct quotient *q, uint8_t class_of[256])
{
    for (uint32_t byte = 0; byte < 256; byte++) {
        uint32_t c = 0;
        while (c < q->n_classes && !bytes_are_alike(q, q->byte_of[c], (uint8_t)byte))
            c++;
        if (c == q->n_classes)
            q->byte_of[q->n_classes++] = (uint8_t)byte;
        class_of[byte] = (uint8_t)c;
    }
}

/* Numbers the blocks: dead, always, those that don't accept, those that do; the count of all but
 * the last is returned. */
static uint32_t number_blocks(struct quotient *q, struct arena *scratch)
{
    const struct partition *p = q->p;
    uint32_t *walk = ARENA_ARRAY(scratch, uint32_t, p->n_blocks), n_walk = 0, n = 0, first = 0;
    bool *met = ARENA_ARRAY(scratch, bool, p->n_blocks);
    const uint32_t roots[] = {p->block_of[REGEX_DEAD], p->block_of[REGEX_ALWAYS],
                              p->block_of[p->a->start]};
    for (size_t r = 0; r < COUNT_OF(roots); r++) {
        if (!met[roots[r]])
            walk[n_walk++] = roots[r];
        met[roots[r]] = true;
    }
    for (uint32_t i = 0; i < n_walk; i++)
        for (uint32_t c = 0; c < q->n_classes; c++) {
            const uint32_t to = quotient_step(q, walk[i], q->byte_of[c]);
            if (!met[to])
                walk[n_walk++] = to;
            met[to] = true;
        }
    q->order = ARENA_ARRAY(scratch, uint32_t, n_walk);
    q->number = ARENA_ARRAY(scratch, uint32_t, p->n_blocks);
    q->order[n++] = walk[0];
    q->order[n++] = walk[1];
    for (int accepts = 0; accepts < 2; accepts++) {
        for (uint32_t i = 2; i < n_walk; i++)
            if (p->a->accepts[p->state[p->block[walk[i]].first]] == (accepts == 1))
                q->order[n++] = walk[i];
        first = accepts ? first : n;
    }
    for (uint32_t i = 0; i < n; i++)
        q->number[q->order[i]] = i;
    q->n_reached = n;
    return first;
}

void minimise(const struct automaton *from, struct arena *into, struct regex_dfa *out)
{
    struct arena scratch = {0};
    struct partition p;
    partition_init(&p, from, &scratch);
    refine(&p);

    struct quotient q = {.p = &p};
    struct regex_dfa made = {.n_states = 0};
    merge_classes(&q, made.class_of);
    made.first_accepting = number_blocks(&q, &scratch);
    made.n_states = q.n_reached;
    made.n_classes = q.n_classes;
    made.start = q.number[p.block_of[from->start]];
    uint16_t *next = ARENA_ARRAY(into, uint16_t, (size_t)made.n_states * made.n_classes);
    for (uint32_t s = 0; s < made.n_states; s++)
        for (uint32_t c = 0; c < made.n_classes; c++)
            next[s * made.n_classes + c] =
                (uint16_t)q.number[quotient_step(&q, q.order[s], q.byte_of[c])];
    made.next = next;
    *out = made;
    arena_free(&scratch);
}

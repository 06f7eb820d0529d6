/*
 * Combining diagrams point by point: the one loop behind every operation.
 *
 * A frame is a tuple of diagrams whose combination is being made: for each run of classes on which
 * no operand changes, the children are combined, which may take a frame of its own. Frames are on a
 * stack of the manager's, so depth costs memory and no recursion, and each tuple is combined once.
 */
#include "compiler/diagram/diagram_priv.h"
#include "runtime/base/hash.h"

#define OPS_MAX   64u
#define MEMO_MAX  (1u << 23)
#define MEMO_KEPT 4096u /* more is given back rather than cleared */

void diagrams_forget(struct diagrams *m)
{
    if (m->memo_room > MEMO_KEPT) {
        free(m->memo);
        m->memo = NULL;
        m->memo_room = 0;
    } else if (m->n_memo > 0) {
        memset(m->memo, 0, m->memo_room * sizeof(*m->memo));
    }
    m->n_memo = 0;
    m->op.n = 0;
}

/* The operation's name in the memory: from 1. */
static uint32_t op_number(struct diagrams *m, const struct diagram_op *op)
{
    for (uint32_t i = 0; i < m->op.n; i++) {
        const struct diagram_op *known = &m->op.at[i];
        if (known->early == op->early && known->leaf == op->leaf && known->with == op->with &&
            known->arity == op->arity)
            return i + 1;
    }
    if (m->op.n >= OPS_MAX && m->active == 0)
        diagrams_forget(m);
    VEC_ADD(&m->op, *op);
    return m->op.n;
}

static struct diagram_memo *memo_for(const struct diagrams *m, uint32_t op,
                                     const uint32_t operand[3])
{
    const uint32_t key[4] = {op, operand[0], operand[1], operand[2]};
    for (uint64_t at = hash_bytes(key, sizeof(key), 0);; at++) {
        struct diagram_memo *x = &m->memo[at & (m->memo_room - 1)];
        if (x->op == 0 || (x->op == op && memcmp(x->operand, operand, sizeof(x->operand)) == 0))
            return x;
    }
}

static void more_memo(struct diagrams *m)
{
    struct diagram_memo *old = m->memo;
    const uint32_t n = m->memo_room;
    m->memo_room = n ? n * 2 : 1024;
    m->memo = MUST_ARRAY(struct diagram_memo, m->memo_room);
    for (uint32_t i = 0; i < n; i++)
        if (old[i].op != 0)
            *memo_for(m, old[i].op, old[i].operand) = old[i];
    free(old);
}

static void remember(struct diagrams *m, uint32_t op, const uint32_t operand[3], diagram result)
{
    if (m->n_memo >= m->memo_room / 2) {
        if (m->memo_room < MEMO_MAX) {
            more_memo(m);
        } else { /* what is forgotten is done again */
            memset(m->memo, 0, m->memo_room * sizeof(*m->memo));
            m->n_memo = 0;
        }
    }
    struct diagram_memo *x = memo_for(m, op, operand);
    m->n_memo += x->op == 0;
    x->op = op;
    memcpy(x->operand, operand, sizeof(x->operand));
    x->result = result;
}

/* Is the combination known without a frame? DIAGRAM_OVER is. */
static bool known(struct diagrams *m, const struct diagram_op *op, uint32_t number,
                  const uint32_t operand[3], diagram *out)
{
    *out = DIAGRAM_OVER;
    if (m->over)
        return true;
    bool leaves = true;
    for (uint32_t i = 0; i < op->arity; i++) {
        if (operand[i] == DIAGRAM_OVER)
            return true;
        leaves &= m->node.at[operand[i]].level == DIAGRAM_LEAF;
    }
    if (op->early && op->early(m, op->with, operand, out))
        return true;
    if (leaves) {
        uint32_t value[3] = {operand[0], operand[1], operand[2]};
        for (uint32_t i = 0; i < op->arity; i++)
            value[i] = diagram_value(m, operand[i]);
        *out = diagram_leaf(m, op->leaf(op->with, value));
        return true;
    }
    if (m->memo_room == 0)
        return false;
    const struct diagram_memo *x = memo_for(m, number, operand);
    *out = x->result;
    return x->op != 0;
}

static void begin(struct diagrams *m, const struct diagram_op *op, const uint32_t operand[3])
{
    struct diagram_frame f = {.level = DIAGRAM_LEAF, .made = m->making.n};
    memcpy(f.operand, operand, sizeof(f.operand));
    for (uint32_t i = 0; i < op->arity; i++)
        if (m->node.at[operand[i]].level < f.level)
            f.level = m->node.at[operand[i]].level;
    VEC_ADD(&m->frame, f);
}

/* The operands' children at the class that the frame is at. */
static void children(const struct diagrams *m, const struct diagram_op *op,
                     const struct diagram_frame *f, uint32_t child[3])
{
    memcpy(child, f->operand, sizeof(f->operand));
    for (uint32_t i = 0; i < op->arity; i++) {
        const struct diagram_inner *x = &m->node.at[f->operand[i]];
        if (x->level == f->level)
            child[i] = m->edge.at[x->first_edge + f->edge[i]].to;
    }
}

/* On to the next class at which an operand changes; false when there is none. */
static bool go_on(const struct diagrams *m, const struct diagram_op *op, struct diagram_frame *f)
{
    uint32_t next = UINT32_MAX;
    for (int pass = 0; pass < 2; pass++) {
        for (uint32_t i = 0; i < op->arity; i++) {
            const struct diagram_inner *x = &m->node.at[f->operand[i]];
            if (x->level != f->level || f->edge[i] + 1 == x->n_edges)
                continue;
            const uint32_t first = m->edge.at[x->first_edge + f->edge[i] + 1].first;
            if (pass == 0 && first < next)
                next = first;
            if (pass == 1 && first == next)
                f->edge[i]++;
        }
    }
    f->at = next;
    return next != UINT32_MAX;
}

static void add_edge(struct diagrams *m, const struct diagram_frame *f, diagram to)
{
    if (m->making.n > f->made && m->making.at[m->making.n - 1].to == to)
        return;
    VEC_ADD(&m->making, (struct diagram_edge){f->at, to});
}

/* The frame's edges are all made: so is its node. */
static diagram finish(struct diagrams *m, uint32_t number)
{
    const struct diagram_frame f = m->frame.at[--m->frame.n];
    const diagram made = diagrams_made(m, f.level, f.made);
    if (made != DIAGRAM_OVER)
        remember(m, number, f.operand, made);
    return made;
}

/* The frames above `bottom`, done one after the other; `operand` is for the first of them. */
static diagram combined(struct diagrams *m, const struct diagram_op *op, uint32_t number,
                        uint32_t operand[3])
{
    const uint32_t bottom = m->frame.n, made = m->making.n;
    diagram result;
    bool have = known(m, op, number, operand, &result);
    if (!have)
        begin(m, op, operand);
    while (m->frame.n > bottom) {
        if (have) {
            struct diagram_frame *top = &m->frame.at[m->frame.n - 1];
            add_edge(m, top, result);
            if (m->over) { /* drop everything */
                m->frame.n = bottom;
                m->making.n = made;
                return DIAGRAM_OVER;
            }
            if (!go_on(m, op, top)) {
                result = finish(m, number);
                continue;
            }
        }
        children(m, op, &m->frame.at[m->frame.n - 1], operand);
        have = known(m, op, number, operand, &result);
        if (!have)
            begin(m, op, operand);
        diagrams_work(m, 1);
    }
    return result;
}

diagram diagram_apply(struct diagrams *m, const struct diagram_op *op, uint32_t a, uint32_t b,
                      uint32_t c)
{
    ASSERT(op->arity >= 1 && op->arity <= 3);
    uint32_t operand[3] = {a, b, c};
    const uint32_t number = op_number(m, op);
    m->active++;
    const diagram result = combined(m, op, number, operand);
    m->active--;
    return result;
}

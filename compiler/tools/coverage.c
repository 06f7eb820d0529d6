#include "compiler/tools/coverage.h"

#include "compiler/sema/types.h"
#include "runtime/base/text.h"

struct coverage {
    const struct table *table;
    struct eval_trace trace;
    bool *acted;   /* by clause */
    bool *seen[2]; /* by node: its test came out false, true */
    uint32_t last; /* the clause of the test that was asked before; else UINT32_MAX */
};

/* `c->last` was asked, and the walk goes on at `node`: of the next route, say. */
static void act_without_node(struct coverage *c, uint32_t node)
{
    const struct table_clause *last = &c->table->clause[c->last], *next = last + 1;
    if (node == last->then)
        c->acted[c->last] = true;
    else if (c->last + 1 < c->table->n_clauses && next->route == last->route &&
             next->entry == node && next->then == node)
        c->acted[c->last + 1] = true;
}

/* Tests make requests, and no connections or responses. */
static bool counts(const struct coverage *c, uint32_t clause)
{
    return c->table->route[c->table->clause[clause].route].phase == PHASE_REQUEST;
}

/* `method != POST` asks first whether there is a method, and there always is. */
static bool can_come_out(const struct coverage *c, const struct table_node *node, bool side)
{
    const struct table_atom *atom = &c->table->atom[node->what];
    return side || atom->op != OP_EXISTS || !field_is_always_there(atom->field);
}

static void seen(void *to, struct eval_step step)
{
    struct coverage *c = to;
    const struct table_node *node = &c->table->node[step.node];
    /* Where a clause has no node of its own to act with, the first of what follows tells. */
    if (c->last != UINT32_MAX)
        act_without_node(c, step.node);
    if (step.node == c->table->clause[node->clause].then)
        c->acted[node->clause] = true;
    c->last = UINT32_MAX;
    if (node->kind == NODE_TEST) {
        c->seen[step.held][step.node] = true;
        c->last = node->clause;
    }
}

struct coverage *coverage_new(const struct table *t)
{
    struct coverage *c = MUST_NEW(struct coverage);
    c->table = t;
    c->last = UINT32_MAX;
    c->trace = (struct eval_trace){.seen = seen, .to = c};
    c->acted = MUST_ARRAY(bool, t->n_clauses);
    c->seen[0] = MUST_ARRAY(bool, t->n_nodes);
    c->seen[1] = MUST_ARRAY(bool, t->n_nodes);
    return c;
}

void coverage_free(struct coverage *c)
{
    if (!c)
        return;
    free(c->acted);
    free(c->seen[0]);
    free(c->seen[1]);
    free(c);
}

const struct eval_trace *coverage_trace(struct coverage *c)
{
    return &c->trace;
}

struct coverage_count coverage_count(const struct coverage *c)
{
    struct coverage_count n = {0};
    for (uint32_t i = 0; i < c->table->n_clauses; i++) {
        n.clauses += counts(c, i);
        n.clauses_covered += counts(c, i) && c->acted[i];
    }
    for (uint32_t i = 0; i < c->table->n_nodes; i++) {
        const struct table_node *node = &c->table->node[i];
        if (node->kind != NODE_TEST || !counts(c, node->clause))
            continue;
        for (int side = 0; side < 2; side++) {
            n.sides += can_come_out(c, node, side);
            n.sides_covered += c->seen[side][i];
        }
    }
    return n;
}

uint32_t coverage_percent(uint32_t covered, uint32_t of)
{
    return of == 0 ? 100 : (uint32_t)((uint64_t)covered * 100 / of);
}

/* Calls `tell` for each clause that never acted and each side that was never seen, in the order of
 * the text. `node` is NULL for the clause itself. */
static void
missing(const struct coverage *c,
        void (*tell)(void *to, uint32_t clause, const struct table_node *node, bool side), void *to)
{
    const struct table *t = c->table;
    uint32_t *first = MUST_ARRAY(uint32_t, t->n_clauses + 1); /* nodes by clause */
    uint32_t *node = MUST_ARRAY(uint32_t, t->n_nodes);
    for (uint32_t i = 0; i < t->n_nodes; i++)
        first[t->node[i].clause + 1]++;
    for (uint32_t i = 0; i < t->n_clauses; i++)
        first[i + 1] += first[i];
    for (uint32_t i = t->n_nodes; i-- > 0;)
        node[--first[t->node[i].clause + 1]] = i;
    for (uint32_t i = 0; i < t->n_clauses; i++) {
        const uint32_t end = i + 1 < t->n_clauses ? first[i + 2] : t->n_nodes;
        if (!counts(c, i))
            continue;
        if (!c->acted[i])
            tell(to, i, NULL, true);
        for (uint32_t k = first[i + 1]; k < end; k++) {
            const struct table_node *n = &t->node[node[k]];
            for (int side = 1; n->kind == NODE_TEST && side >= 0; side--)
                if (!c->seen[side][node[k]] && can_come_out(c, n, side))
                    tell(to, i, n, side);
        }
    }
    free(first);
    free(node);
}

struct telling {
    const struct table *table;
    struct text *out;
    bool color, any;
};

static void tell_line(void *to, uint32_t clause, const struct table_node *node, bool side)
{
    struct telling *w = to;
    const struct table_clause *c = &w->table->clause[clause];
    if (!w->any)
        text_adds(w->out, "\nnever exercised\n");
    w->any = true;
    text_addf(w->out, "  %s" SLICE_FMT ":%u%s  clause %u of route " SLICE_FMT,
              w->color ? "\033[2m" : "", SLICE_ARG(c->place.file), c->place.line,
              w->color ? "\033[0m" : "", c->number, SLICE_ARG(w->table->route[c->route].name));
    if (node) {
        text_addf(w->out, ": %s  ", side ? "true " : "false");
        table_atom_write(w->table, &w->table->atom[node->what], w->out);
    }
    text_addc(w->out, '\n');
}

void coverage_write(const struct coverage *c, bool color, struct text *out)
{
    const struct coverage_count n = coverage_count(c);
    struct telling w = {.table = c->table, .out = out, .color = color};
    text_addf(out, "clauses  %3u%%  %u of %u\n", coverage_percent(n.clauses_covered, n.clauses),
              n.clauses_covered, n.clauses);
    text_addf(out, "sides    %3u%%  %u of %u (each test of a condition, true and false)\n",
              coverage_percent(n.sides_covered, n.sides), n.sides_covered, n.sides);
    missing(c, tell_line, &w);
}

static void tell_json(void *to, uint32_t clause, const struct table_node *node, bool side)
{
    struct telling *w = to;
    const struct table_clause *c = &w->table->clause[clause];
    text_adds(w->out, w->any ? ",{\"file\":" : "{\"file\":");
    w->any = true;
    text_add_json(w->out, c->place.file);
    text_addf(w->out, ",\"line\":%u,\"column\":%u,\"route\":", c->place.line, c->place.column);
    text_add_json(w->out, w->table->route[c->route].name);
    text_addf(w->out, ",\"clause\":%u", c->number);
    if (node) {
        struct text atom = {0};
        table_atom_write(w->table, &w->table->atom[node->what], &atom);
        text_adds(w->out, ",\"test\":");
        text_add_json(w->out, text_slice(&atom));
        text_addf(w->out, ",\"side\":%s", side ? "true" : "false");
        text_done(&atom);
    }
    text_addc(w->out, '}');
}

static void figures(const char *key, uint32_t covered, uint32_t of, struct text *out)
{
    text_addf(out, "\"%s\":{\"covered\":%u,\"total\":%u,\"percent\":%u},", key, covered, of,
              coverage_percent(covered, of));
}

void coverage_json(const struct coverage *c, struct text *out)
{
    const struct coverage_count n = coverage_count(c);
    struct telling w = {.table = c->table, .out = out};
    text_addc(out, '{');
    figures("clauses", n.clauses_covered, n.clauses, out);
    figures("sides", n.sides_covered, n.sides, out);
    text_adds(out, "\"missing\":[");
    missing(c, tell_json, &w);
    text_adds(out, "]}");
}

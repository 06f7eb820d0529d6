/* One clause: the TESTs of its condition, last one first, become a diagram. */
#include "compiler/lower/stages_priv.h"

/* Where the values of a field are together of no class, only the nodes know. */
static diagram or_ask_nodes(struct attempt *a, uint32_t level, diagram otherwise)
{
    const uint32_t mixed = diagrams_classes(a->m, level) - 1;
    const diagram is_mixed = diagram_choice(a->m, level, &(struct diagram_run){mixed, mixed}, 1,
                                            diagram_bool(a->m, true), diagram_bool(a->m, false));
    return diagram_ite(a->m, is_mixed, diagram_leaf(a->m, ACT_ASK_NODES), otherwise);
}

static diagram tested(const struct staging *s, struct attempt *a, uint32_t atom, diagram yes,
                      diagram no)
{
    const struct classified_atom *is = &s->classified.atom[s->atom_at[atom] - 1];
    const struct table_classifier *c = s->classified.facet[is->facet].classifier;
    const uint32_t level = a->level[is->facet];
    if (yes == DIAGRAM_OVER || no == DIAGRAM_OVER)
        return DIAGRAM_OVER;
    VEC(struct diagram_run) run = {0};
    for (uint32_t i = 0; i < is->n; i++)
        VEC_ADD(&run, (struct diagram_run){is->run[i].first, is->run[i].last});
    diagram made;
    if (diagram_level(a->m, yes) > level && diagram_level(a->m, no) > level)
        made = diagram_choice(a->m, level, run.at, run.n, yes, no);
    else
        made = diagram_ite(a->m,
                           diagram_choice(a->m, level, run.at, run.n, diagram_bool(a->m, true),
                                          diagram_bool(a->m, false)),
                           yes, no);
    VEC_DONE(&run);
    const enum table_keyed keyed = table_field_keyed(c->field);
    return c->kind != CLASSIFIER_ATOM && (keyed == FIELD_KEYED || keyed == FIELD_ITEMS)
               ? or_ask_nodes(a, level, made)
               : made;
}

diagram clause_diagram(const struct staging *s, struct attempt *a, uint32_t clause)
{
    const struct table *t = s->table;
    const struct table_clause *c = &t->clause[clause];
    const struct outcome *outcome = &s->outcome[clause - t->route[s->route].first_clause];
    const bool open = outcome->kind == OUTCOME_GOES_ON;
    if (open && !outcome->changes)
        return diagram_fall(a->m);
    const diagram holds = diagram_leaf(a->m, acts_one(&a->acts, clause, open));

    uint32_t n = 0;
    while (c->entry + n < t->n_nodes && t->node[c->entry + n].kind == NODE_TEST &&
           t->node[c->entry + n].clause == clause)
        n++;
    if (n == 0)
        return holds;
    diagram *is = MUST_ARRAY(diagram, n);
    for (uint32_t i = n; i-- > 0;) {
        const struct table_node *node = &t->node[c->entry + i];
        const uint32_t to[2] = {node->no, node->yes};
        diagram branch[2];
        for (uint32_t k = 0; k < 2; k++) {
            branch[k] = to[k] == c->then       ? holds
                        : to[k] == c->next     ? diagram_fall(a->m)
                        : to[k] - c->entry < n ? is[to[k] - c->entry]
                                               : DIAGRAM_OVER;
            a->failed |= branch[k] == DIAGRAM_OVER;
        }
        is[i] = tested(s, a, node->what, branch[1], branch[0]);
    }
    const diagram all = is[0];
    free(is);
    return all;
}

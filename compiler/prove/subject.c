#include "compiler/prove/subject.h"

#include "compiler/table/match.h"
#include "runtime/base/hash.h"

void subject_init(struct subject *s)
{
    *s = (struct subject){0};
}

void subject_done(struct subject *s)
{
    for (uint32_t i = 0; i < s->n_sides; i++)
        VEC_DONE(&s->side[i].changes);
    VEC_DONE(&s->atom);
    VEC_DONE(&s->group);
    free(s->slot);
    free(s->group_slot);
    arena_free(&s->arena);
}

/* Sets are told apart by their size and a member: what is left is compared. */
static uint64_t hash_of(const struct table *t, const struct table_atom *a)
{
    uint64_t part[6] = {a->field, a->op, hash_slice(a->key, 1), hash_slice(a->string, a->all),
                        0,        0};
    if (a->op == OP_IN_STRINGS || a->op == OP_IN_DOMAINS) {
        part[4] = t->string_set[a->set].n;
    } else if (a->op == OP_IN_NETWORKS) {
        const struct table_network_set *set = &t->network_set[a->set];
        part[4] = set->n;
        part[5] = set->n ? hash_bytes(set->range, sizeof(*set->range), 0) : 0;
    } else if (a->op == OP_IN_NUMBERS) {
        const struct table_number_set *set = &t->number_set[a->set];
        part[4] = set->n;
        part[5] = set->n ? hash_bytes(set->range, sizeof(*set->range), 0) : 0;
    }
    return hash_bytes(part, sizeof(part), 0);
}

static bool same_strings(const struct table_string_set *a, const struct table_string_set *b)
{
    if (a == b)
        return true;
    if (a->n != b->n)
        return false;
    for (uint32_t i = 0; i < a->n; i++)
        if (!string_set_has(b, a->string[i]))
            return false;
    return true;
}

static bool same_atom(const struct table *t, const struct table_atom *a, const struct table *u,
                      const struct table_atom *b)
{
    if (a->field != b->field || a->op != b->op || !slice_eq(a->key, b->key) ||
        !slice_eq(a->string, b->string) || a->all != b->all)
        return false;
    if (a->op == OP_IN_NUMBERS) {
        const struct table_number_set *x = &t->number_set[a->set], *y = &u->number_set[b->set];
        return x->n == y->n &&
               (x->n == 0 || memcmp(x->range, y->range, x->n * sizeof(*x->range)) == 0);
    }
    if (a->op == OP_IN_STRINGS || a->op == OP_IN_DOMAINS)
        return same_strings(&t->string_set[a->set], &u->string_set[b->set]);
    if (a->op == OP_MATCHES)
        return slice_eq(t->regex[a->set].pattern, u->regex[b->set].pattern) &&
               slice_eq(t->regex[a->set].flags, u->regex[b->set].flags);
    if (a->op != OP_IN_NETWORKS)
        return true;
    const struct table_network_set *x = &t->network_set[a->set], *y = &u->network_set[b->set];
    return x->n == y->n && (x->n == 0 || memcmp(x->range, y->range, x->n * sizeof(*x->range)) == 0);
}

/* Makes room for one more; `hash` finds the hash of an index again. */
static void add_slot(uint32_t **slot, uint32_t *slots, uint32_t n,
                     uint64_t (*hash)(const struct subject *s, uint32_t i), const struct subject *s)
{
    uint32_t from = n - 1;
    if (n * 2 > *slots) {
        free(*slot);
        *slots = *slots ? *slots * 2 : 64;
        *slot = MUST_ARRAY(uint32_t, *slots);
        from = 0;
    }
    for (uint32_t i = from; i < n; i++) {
        uint64_t at = hash(s, i);
        while ((*slot)[at & (*slots - 1)] != 0)
            at++;
        (*slot)[at & (*slots - 1)] = i + 1;
    }
}

static uint64_t group_hash(enum table_field field, struct slice key)
{
    return hash_slice(key, (uint64_t)field);
}

static uint64_t hash_of_group(const struct subject *s, uint32_t i)
{
    return group_hash(s->group.at[i].field, s->group.at[i].key);
}

static uint32_t group_of(struct subject *s, enum table_field field, struct slice key)
{
    for (uint64_t at = group_hash(field, key); s->group_slots > 0; at++) {
        const uint32_t entry = s->group_slot[at & (s->group_slots - 1)];
        if (entry == 0)
            break;
        const struct subject_group *g = &s->group.at[entry - 1];
        if (g->field == field && slice_eq(g->key, key))
            return entry - 1;
    }
    VEC_ADD(&s->group, (struct subject_group){field, key});
    add_slot(&s->group_slot, &s->group_slots, s->group.n, hash_of_group, s);
    return s->group.n - 1;
}

static uint64_t hash_of_atom(const struct subject *s, uint32_t i)
{
    return hash_of(s->atom.at[i].table, s->atom.at[i].atom);
}

static uint32_t atom_of(struct subject *s, const struct table *t, const struct table_atom *a)
{
    for (uint64_t at = hash_of(t, a); s->slots > 0; at++) {
        const uint32_t entry = s->slot[at & (s->slots - 1)];
        if (entry == 0)
            break;
        const struct subject_atom *other = &s->atom.at[entry - 1];
        if (same_atom(t, a, other->table, other->atom))
            return entry - 1;
    }
    const uint32_t group = group_of(s, a->field, a->key);
    VEC_ADD(&s->atom, (struct subject_atom){t, a, group});
    add_slot(&s->slot, &s->slots, s->atom.n, hash_of_atom, s);
    return s->atom.n - 1;
}

/* The first node does not tell: where a route is nothing but `otherwise { goto R }`, both begin
 * with the same. */
static uint32_t leads_to(const struct side *side, const struct table_clause *from)
{
    ASSERT(side->program); /* conditions without one lead nowhere */
    const struct clause *c = &program_route(side->program, from->route)->clause[from->number - 1];
    const struct action *last = &c->action[c->n_actions - 1];
    ASSERT(last->kind == ACTION_GOTO);
    return last->route;
}

static void read_clause(struct side *side, uint32_t index, uint32_t *n_effects)
{
    const struct table *t = side->table;
    const struct table_clause *from = &t->clause[index];
    struct subject_clause *c = &side->clause[index];
    c->first = *n_effects;
    uint32_t at = from->then;
    while (at != from->next && t->node[at].kind == NODE_EFFECT && t->node[at].clause == index) {
        side->effect[(*n_effects)++] = t->node[at].what;
        at = t->node[at].yes;
    }
    c->n = *n_effects - c->first;
    if (at == from->next) {
        c->does = CLAUSE_GOES_ON;
    } else if (t->node[at].kind == NODE_END && t->node[at].clause == index) {
        c->does = CLAUSE_DECIDES;
        c->end = t->node[at].what;
        return;
    } else {
        c->does = CLAUSE_LEADS;
        c->route = leads_to(side, from);
        side->leads = true;
    }
    if (c->n > 0)
        VEC_ADD(&side->changes, index);
}

uint32_t subject_add(struct subject *s, const struct table *t, const struct program *p)
{
    ASSERT(s->n_sides < SIDES_MAX);
    struct side *side = &s->side[s->n_sides];
    *side = (struct side){.table = t, .program = p};
    side->atom = ARENA_ARRAY(&s->arena, uint32_t, t->n_atoms);
    side->clause = ARENA_ARRAY(&s->arena, struct subject_clause, t->n_clauses);
    side->effect = ARENA_ARRAY(&s->arena, uint32_t, t->n_nodes);
    for (uint32_t i = 0; i < t->n_atoms; i++)
        side->atom[i] = atom_of(s, t, &t->atom[i]);
    for (uint32_t i = 0; i < t->n_effects; i++)
        if (table_effect_is_target(
                t->effect[i].kind)) /* they spare what has no path, whatever is asked */
            group_of(s, FIELD_PATH, SLICE(""));
    uint32_t n_effects = 0;
    for (uint32_t i = 0; i < t->n_clauses; i++)
        read_clause(side, i, &n_effects);
    return s->n_sides++;
}

uint32_t subject_listeners(const struct side *side, uint32_t route, struct slice *out,
                           uint32_t room)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < side->table->n_listeners && n < room; i++)
        if (side->table->listener[i].route == route)
            out[n++] = side->table->listener[i].name;
    return n;
}

bool subject_touches(const struct table_effect *e, const struct subject_group *g)
{
    return table_effect_changes(e, g->field, g->key);
}

bool subject_same_template(const struct table_template *a, const struct table_template *b)
{
    if (a->n != b->n)
        return false;
    for (uint32_t i = 0; i < a->n; i++) {
        const struct table_part *p = &a->part[i], *r = &b->part[i];
        if (!slice_eq(p->literal, r->literal) || (p->literal.at == NULL) != (r->literal.at == NULL))
            return false;
        if (!p->literal.at &&
            (p->field != r->field || !slice_eq(p->key, r->key) || p->group != r->group))
            return false;
    }
    return true;
}

static bool same_regex(const struct table *t, uint32_t a, const struct table *u, uint32_t b)
{
    return slice_eq(t->regex[a].pattern, u->regex[b].pattern) &&
           slice_eq(t->regex[a].flags, u->regex[b].flags);
}

bool subject_same_effect(const struct table *t, const struct table_effect *e, const struct table *u,
                         const struct table_effect *f)
{
    /* Those have a name, which says all, and a place by that. */
    const bool numbered = e->kind != EFFECT_LIMIT && e->kind != EFFECT_CORS &&
                          e->kind != EFFECT_REQUIRE_AUTH && !table_effect_is_require(e->kind);
    if (e->kind != f->kind || !slice_eq(e->name, f->name) || (numbered && e->number != f->number) ||
        !subject_same_template(&e->value, &f->value))
        return false;
    if (e->kind == EFFECT_REPLACE_PATH)
        return same_regex(t, e->regex, u, f->regex);
    return e->kind != EFFECT_MIRROR ||
           slice_eq(t->cluster[e->cluster].name, u->cluster[f->cluster].name);
}

static bool is_root(const struct side *side, uint32_t route)
{
    for (uint32_t i = 0; i < side->table->n_listeners; i++)
        if (side->table->listener[i].route == route)
            return true;
    for (uint32_t i = 0; side->leads && i < side->table->n_clauses; i++)
        if (side->clause[i].does == CLAUSE_LEADS && side->clause[i].route == route)
            return false;
    return true;
}

struct walks {
    const struct side *side;
    struct walk *out;
    uint32_t n;
    bool all;
};

/* Backward from the route: `walk` has what is taken behind it, last first. Routes form no cycles,
 * and nodes point forward only, so this ends. */
static void lead_to(struct walks *w, uint32_t route, struct walk *behind)
{
    if (is_root(w->side, route)) {
        if (w->n == WALKS_MAX) {
            w->all = false;
            return;
        }
        struct walk *to = &w->out[w->n++];
        *to = (struct walk){.root = route, .n = behind->n};
        for (uint32_t i = 0; i < behind->n; i++)
            to->taken[i] = behind->taken[behind->n - 1 - i];
    }
    for (uint32_t i = 0; w->side->leads && i < w->side->table->n_clauses && w->all; i++) {
        const struct subject_clause *c = &w->side->clause[i];
        if (c->does != CLAUSE_LEADS || c->route != route)
            continue;
        if (behind->n == WALK_ROUTES_MAX) {
            w->all = false;
            return;
        }
        behind->taken[behind->n++] = i;
        lead_to(w, w->side->table->clause[i].route, behind);
        behind->n--;
    }
}

uint32_t subject_walks(const struct subject *s, uint32_t side, uint32_t route, struct walk *out,
                       bool *all)
{
    struct walks w = {.side = &s->side[side], .out = out, .all = true};
    struct walk behind = {0};
    lead_to(&w, route, &behind);
    *all = w.all;
    return w.n;
}

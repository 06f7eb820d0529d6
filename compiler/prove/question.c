#include "compiler/prove/question_priv.h"

#include "compiler/table/cookie.h"
#include "compiler/table/items.h"
#include "compiler/table/match.h"
#include "compiler/table/template.h"

/* Variable 0 is true: constants are literals like any other. */
#define TRUE  0u
#define FALSE 1u

/* So many tests of one question are put as tests of the path before a change, and so many changes
 * back; beyond that any path may come out of a change. */
#define PULLS_MAX      1000u
#define PULL_DEPTH_MAX 16u

/* Every field's. */
static const struct table_atom EXISTS = {.op = OP_EXISTS};

void question_init(struct question *q, const struct subject *s)
{
    *q = (struct question){.subject = s};
    sat_init(&q->sat, (struct sat_theory){theory_fits, q});
    q->group_of = MUST_ARRAY(uint32_t, s->group.n);
    q->path = UINT32_MAX;
    for (uint32_t i = 0; i < s->group.n; i++)
        if (s->group.at[i].field == FIELD_PATH)
            q->path = i;
    question_clear(q);
}

void question_done(struct question *q)
{
    sat_done(&q->sat);
    arena_free(&q->arena);
    free(q->group_of);
    for (uint32_t i = 0; i < q->group.n; i++)
        VEC_DONE(&q->group.at[i].variable);
    VEC_DONE(&q->variable);
    VEC_DONE(&q->group);
    VEC_DONE(&q->grouped);
    VEC_DONE(&q->made);
    VEC_DONE(&q->condition);
    VEC_DONE(&q->demand);
    VEC_DONE(&q->demanded);
    VEC_DONE(&q->dirty);
    VEC_DONE(&q->guessed);
    pulls_done(&q->pulls);
}

static sat_literal fresh(struct question *q)
{
    VEC_ADD(&q->variable, (struct question_variable){0});
    return sat_of(sat_add_variable(&q->sat), true);
}

void question_clear(struct question *q)
{
    for (uint32_t i = 0; i < q->grouped.n; i++)
        q->group_of[q->grouped.at[i]] = 0;
    sat_clear(&q->sat);
    arena_free(&q->arena);
    q->n_contexts = q->n_groups = 0;
    q->variable.n = q->made.n = q->condition.n = q->dirty.n = q->grouped.n = 0;
    q->guessed.n = q->pulled = 0;
    q->listeners = (struct value_names){0};
    sat_add1(&q->sat, fresh(q));
}

uint32_t question_context(struct question *q, uint32_t side, const struct walk *walk)
{
    ASSERT(q->n_contexts < CONTEXTS_MAX);
    q->context[q->n_contexts] = (struct context){side, walk};
    return q->n_contexts++;
}

static uint32_t add_group(struct question *q, uint32_t of, bool made)
{
    if (q->n_groups == q->group.n)
        VEC_ADD(&q->group, (struct question_group){0});
    struct question_group *g = &q->group.at[q->n_groups];
    g->field = q->subject->group.at[of].field;
    g->key = q->subject->group.at[of].key;
    g->made = made;
    g->dirty = false;
    g->exists = 0;
    g->variable.n = 0;
    return q->n_groups++;
}

/* The request's own values of what the group of the subject is about. */
static uint32_t own_group(struct question *q, uint32_t of)
{
    if (q->group_of[of] == 0) {
        q->group_of[of] = 1 + add_group(q, of, false);
        VEC_ADD(&q->grouped, of);
    }
    return q->group_of[of] - 1;
}

static sat_literal in_group(struct question *q, uint32_t group, const struct table *t,
                            const struct table_atom *atom, bool negated)
{
    struct question_group *g = &q->group.at[group];
    for (uint32_t i = 0; i < g->variable.n; i++) {
        const struct question_variable *v = &q->variable.at[g->variable.at[i]];
        if (v->atom == atom && v->negated == negated)
            return sat_of(g->variable.at[i], true);
    }
    const sat_literal l = fresh(q);
    q->variable.at[sat_variable(l)] = (struct question_variable){t, atom, group, negated};
    VEC_ADD(&g->variable, sat_variable(l));
    return l;
}

/* Is there a value? */
static sat_literal exists(struct question *q, uint32_t group)
{
    struct question_group *g = &q->group.at[group];
    if (!g->made && !value_may_be_absent(g->field))
        return TRUE;
    if (g->exists == 0) {
        const sat_literal l = in_group(q, group, NULL, &EXISTS, false);
        q->group.at[group].exists = l;
        return l;
    }
    return g->exists;
}

sat_literal question_and(struct question *q, sat_literal a, sat_literal b)
{
    if (a == FALSE || b == FALSE || a == sat_not(b))
        return FALSE;
    if (a == TRUE || a == b)
        return b;
    if (b == TRUE)
        return a;
    const sat_literal both = fresh(q);
    sat_add2(&q->sat, sat_not(both), a);
    sat_add2(&q->sat, sat_not(both), b);
    sat_add3(&q->sat, both, sat_not(a), sat_not(b));
    return both;
}

sat_literal question_or(struct question *q, sat_literal a, sat_literal b)
{
    return sat_not(question_and(q, sat_not(a), sat_not(b)));
}

static sat_literal choice(struct question *q, sat_literal when, sat_literal yes, sat_literal no)
{
    if (when == TRUE || yes == no)
        return yes;
    if (when == FALSE)
        return no;
    if (yes == TRUE || yes == when)
        return question_or(q, when, no);
    if (yes == FALSE || yes == sat_not(when))
        return question_and(q, sat_not(when), no);
    if (no == TRUE || no == sat_not(when))
        return question_or(q, sat_not(when), yes);
    if (no == FALSE || no == when)
        return question_and(q, when, yes);
    const sat_literal c = fresh(q);
    sat_add3(&q->sat, sat_not(when), sat_not(yes), c);
    sat_add3(&q->sat, sat_not(when), yes, sat_not(c));
    sat_add3(&q->sat, when, sat_not(no), c);
    sat_add3(&q->sat, when, no, sat_not(c));
    return c;
}

/* What is asked of the values of one group: does one pass (or fail) the atom's test, is there one?
 */
struct probe {
    uint32_t of; /* the group of the subject */
    const struct table *table;
    const struct table_atom *atom;
    bool negated;
};

static sat_literal plain(struct question *q, const struct probe *p)
{
    const uint32_t group = own_group(q, p->of);
    return p->atom->op == OP_EXISTS ? exists(q, group)
                                    : in_group(q, group, p->table, p->atom, p->negated);
}

sat_literal question_own(struct question *q, uint32_t of, const struct question_variable *v)
{
    const struct probe p = {of, v->table, v->atom, v->negated};
    return plain(q, &p);
}

/* Does the change give all requests that come to it the same value on both sides? It must read what
 * no other change has touched. */
static bool reads_unchanged(const struct question *q, uint32_t side, uint32_t effect,
                            enum table_field field)
{
    const struct side *s = &q->subject->side[side];
    const struct table_effect *e = &s->table->effect[effect];
    for (uint32_t i = 0; i < s->changes.n; i++) {
        const struct subject_clause *c = &s->clause[s->changes.at[i]];
        for (uint32_t k = c->first; k < c->first + c->n; k++) {
            const struct table_effect *other = &s->table->effect[s->effect[k]];
            if (s->effect[k] == effect)
                continue;
            if (table_effect_is_target(e->kind) && table_effect_changes(other, field, SLICE("")))
                return false;
            for (uint32_t p = 0; p < e->value.n; p++)
                if (!e->value.part[p].literal.at && e->value.part[p].field != FIELD_COUNT &&
                    table_effect_changes(other, e->value.part[p].field, e->value.part[p].key))
                    return false;
        }
    }
    return true;
}

/* Do two changes give the same value, whichever that is? */
static bool gives_the_same(const struct question *q, uint32_t side, uint32_t effect, uint32_t other,
                           uint32_t other_effect, enum table_field field)
{
    if (side == other)
        return effect == other_effect;
    const struct table *t = q->subject->side[side].table, *u = q->subject->side[other].table;
    return subject_same_effect(t, &t->effect[effect], u, &u->effect[other_effect]) &&
           reads_unchanged(q, side, effect, field) &&
           reads_unchanged(q, other, other_effect, field);
}

/* On the value that a change gives and nobody knows. */
static sat_literal on_made(struct question *q, uint32_t side, uint32_t effect,
                           const struct probe *p)
{
    for (uint32_t i = 0; i < q->made.n; i++) {
        const struct question_made *m = &q->made.at[i];
        if (m->of == p->of &&
            gives_the_same(q, side, effect, m->side, m->effect, q->subject->group.at[p->of].field))
            return in_group(q, m->group, p->table, p->atom, p->negated);
    }
    const uint32_t group = add_group(q, p->of, true);
    if (!table_effect_is_header(q->subject->side[side].table->effect[effect].kind, false))
        q->group.at[group].field = FIELD_HEADER; /* any text: no matter what makes a path */
    VEC_ADD(&q->made, (struct question_made){side, effect, group, p->of});
    return in_group(q, group, p->table, p->atom, p->negated);
}

/* A change on the way to a clause, which is made where `taken` holds. */
struct step {
    uint32_t side, effect;
    sat_literal taken;
};

typedef VEC(struct step) steps;

static bool literal_passes(const struct table *t, const struct table_atom *a, struct slice value)
{
    return a->op == OP_EXISTS || match_value(t, a, value);
}

/* One of the cookies or items in the header's new value. */
static bool part_passes(const struct probe *p, enum table_field field, struct slice key,
                        struct slice header)
{
    struct slice name, value;
    if (field == FIELD_HEADER)
        return literal_passes(p->table, p->atom, header) != p->negated;
    if (field == FIELD_HEADER_ITEM) {
        while (items_next(&header, &value))
            if (literal_passes(p->table, p->atom, value) != p->negated)
                return true;
        return false;
    }
    while (cookie_next(&header, &name, &value))
        if (slice_eq(name, key) && literal_passes(p->table, p->atom, value) != p->negated)
            return true;
    return false;
}

/* Any value may come out of the change, where it is made. */
static sat_literal guess(struct question *q, const struct step *step, const struct probe *p)
{
    const enum table_field field = q->subject->group.at[p->of].field;
    const struct table_effect *e = &q->subject->side[step->side].table->effect[step->effect];
    VEC_ADD(&q->guessed, step->taken);
    const bool one = field == FIELD_HEADER || field == FIELD_PATH || field == FIELD_URI ||
                     (field == FIELD_QUERY_KEY && e->kind == EFFECT_SET_QUERY);
    if (!one)
        return fresh(q); /* of parts of it there may be any number */
    return p->atom->op == OP_EXISTS ? TRUE : on_made(q, step->side, step->effect, p);
}

/* Does the value that the change gives have what is asked? */
static sat_literal change_passes(struct question *q, const struct step *step, const struct probe *p)
{
    const struct subject_group *g = &q->subject->group.at[p->of];
    const struct table *t = q->subject->side[step->side].table;
    struct slice literal;
    if (!template_is_literal(&t->effect[step->effect].value, &literal))
        return guess(q, step, p);
    const enum table_field field = g->field == FIELD_QUERY_KEY ? FIELD_HEADER : g->field;
    return part_passes(p, field, g->key, literal) ? TRUE : FALSE;
}

/* What is so behind one change that is not pulled, where it was `now` before it. */
static sat_literal behind(struct question *q, const struct step *step, const struct probe *p,
                          sat_literal now)
{
    const struct table_effect *e = &q->subject->side[step->side].table->effect[step->effect];
    const bool key = q->subject->group.at[p->of].field == FIELD_QUERY_KEY;
    if (e->kind == EFFECT_SET_HEADER || (e->kind == EFFECT_SET_QUERY && key))
        return choice(q, step->taken, change_passes(q, step, p), now);
    if (e->kind == EFFECT_ADD_HEADER)
        return question_or(q, now, question_and(q, step->taken, change_passes(q, step, p)));
    if (e->kind == EFFECT_REMOVE_HEADER || (e->kind == EFFECT_REMOVE_QUERY && key))
        return question_and(q, now, sat_not(step->taken));
    return choice(q, step->taken, guess(q, step, p), now);
}

/* The changes of what is asked, in order, up to where it is asked. */
struct changes {
    const struct step *at;
    uint32_t n;
    uint32_t depth; /* so many of those behind these were pulled */
};

static sat_literal behind_all(struct question *q, struct changes changes, const struct probe *p);

static sat_literal asked_before(struct question *q, struct changes changes, const struct probe *p,
                                const struct table_atom *atom)
{
    const struct probe before = {p->of, q->subject->side[0].table, atom, false};
    return behind_all(q, changes, &before);
}

static sat_literal pulled(struct question *q, struct changes before, const struct probe *p,
                          const struct pulled *to)
{
    sat_literal moved = to->always ? TRUE : FALSE;
    if (!to->always && to->rest) {
        moved = asked_before(q, before, p, to->rest);
        for (uint32_t i = 0; i < to->n_none; i++)
            moved = question_and(q, moved, sat_not(asked_before(q, before, p, to->none[i])));
    }
    for (uint32_t i = 0; i < to->n_any && !to->always; i++)
        moved = question_or(q, moved, asked_before(q, before, p, to->any[i]));
    sat_literal now = behind_all(q, before, p);
    now =
        choice(q, asked_before(q, before, p, to->begins), p->negated ? sat_not(moved) : moved, now);
    if (to->same)
        now = choice(q, asked_before(q, before, p, to->same),
                     to->same_passes != p->negated ? TRUE : FALSE, now);
    return now;
}

/* From the last change whose path is a known function of the one before: that is asked instead. */
static sat_literal behind_all(struct question *q, struct changes changes, const struct probe *p)
{
    struct pulled to;
    uint32_t from = changes.n;
    sat_literal now = 0;
    bool found = false;
    while (from > 0 && !found) {
        const struct step *step = &changes.at[--from];
        const struct table *t = q->subject->side[step->side].table;
        found = p->of == q->path && changes.depth < PULL_DEPTH_MAX && q->pulled < PULLS_MAX &&
                pull_back(&q->pulls, &t->effect[step->effect], p->table, p->atom, &to);
    }
    if (found) {
        q->pulled++;
        const struct changes before = {changes.at, from, changes.depth + 1};
        now = choice(q, changes.at[from].taken, pulled(q, before, p, &to),
                     behind_all(q, (struct changes){changes.at, from, changes.depth}, p));
        from++;
    } else {
        now = plain(q, p);
    }
    for (uint32_t i = from; i < changes.n; i++)
        now = behind(q, &changes.at[i], p, now);
    return now;
}

/* `OPTIONS *` has no path that could change, for ever, and no query. */
static sat_literal has_path(struct question *q, uint32_t of)
{
    const struct probe path = {q->path, q->subject->side[0].table, pull_root(&q->pulls), false};
    const sat_literal has = plain(q, &path);
    const enum table_field field = q->subject->group.at[of].field;
    if (field == FIELD_QUERY || field == FIELD_QUERY_KEY)
        sat_add2(&q->sat, has, sat_not(exists(q, own_group(q, of))));
    return has;
}

static void add_steps(struct question *q, uint32_t side, uint32_t clause, sat_literal taken,
                      uint32_t of, steps *out)
{
    const struct side *s = &q->subject->side[side];
    const struct subject_clause *c = &s->clause[clause];
    for (uint32_t i = c->first; i < c->first + c->n; i++) {
        const struct table_effect *e = &s->table->effect[s->effect[i]];
        if (!subject_touches(e, &q->subject->group.at[of]))
            continue;
        const sat_literal made =
            table_effect_is_target(e->kind) ? question_and(q, taken, has_path(q, of)) : taken;
        VEC_ADD(out, ((struct step){side, s->effect[i], made}));
    }
}

static bool touched(const struct question *q, uint32_t side, uint32_t clause, uint32_t of)
{
    const struct side *s = &q->subject->side[side];
    const struct subject_clause *c = &s->clause[clause];
    for (uint32_t i = c->first; i < c->first + c->n; i++)
        if (subject_touches(&s->table->effect[s->effect[i]], &q->subject->group.at[of]))
            return true;
    return false;
}

/* Of those clauses of one route that go on, before the clause `before`. */
static void add_steps_of_route(struct question *q, uint32_t context, uint32_t route,
                               uint32_t before, uint32_t of, steps *out)
{
    const uint32_t side = q->context[context].side;
    const struct side *s = &q->subject->side[side];
    for (uint32_t i = 0; i < s->changes.n; i++) {
        const uint32_t clause = s->changes.at[i];
        if (s->table->clause[clause].route != route || clause >= before ||
            s->clause[clause].does != CLAUSE_GOES_ON || !touched(q, side, clause, of))
            continue;
        add_steps(q, side, clause, question_condition(q, context, clause), of, out);
    }
}

/* Who the client is, nobody says before some `require` on the way has been met. */
static bool asks_who(const struct question *q, uint32_t side, uint32_t clause,
                     const struct probe *p)
{
    const enum table_field field = q->subject->group.at[p->of].field;
    const struct table *t = q->subject->side[side].table;
    return (field == FIELD_USER || field == FIELD_CLAIM) &&
           t->route[t->clause[clause].route].phase == PHASE_REQUEST;
}

static sat_literal who_behind(struct question *q, const steps *all, const struct probe *p)
{
    sat_literal required = FALSE;
    for (uint32_t i = 0; i < all->n; i++)
        required = question_or(q, required, all->at[i].taken);
    return question_and(q, required, plain(q, p));
}

/* As the clause sees it. */
static sat_literal probe_at(struct question *q, uint32_t context, uint32_t clause,
                            const struct probe *p)
{
    const struct context c = q->context[context];
    const struct side *s = &q->subject->side[c.side];
    const bool who = c.walk && asks_who(q, c.side, clause, p);
    if ((s->changes.n == 0 || !c.walk) && !who)
        return plain(q, p);
    steps all = {0};
    uint32_t route = c.walk->root;
    for (uint32_t i = 0; i < c.walk->n && route != s->table->clause[clause].route; i++) {
        const uint32_t taken = c.walk->taken[i];
        add_steps_of_route(q, context, route, taken, p->of, &all);
        add_steps(q, c.side, taken, TRUE, p->of, &all);
        route = s->clause[taken].route;
    }
    add_steps_of_route(q, context, route, clause, p->of, &all);
    const sat_literal now =
        who ? who_behind(q, &all, p) : behind_all(q, (struct changes){all.at, all.n, 0}, p);
    VEC_DONE(&all);
    return now;
}

/* "All" is: there is one, and none fails. */
static sat_literal atom_at(struct question *q, uint32_t context, uint32_t clause, uint32_t atom)
{
    const struct subject_atom *a = &q->subject->atom.at[atom];
    struct probe p = {.of = a->group, .table = a->table, .atom = a->atom};
    if (!a->atom->all || a->atom->op == OP_EXISTS)
        return probe_at(q, context, clause, &p);
    p.negated = true;
    const sat_literal fails = probe_at(q, context, clause, &p);
    p.negated = false;
    p.atom = &EXISTS;
    return question_and(q, probe_at(q, context, clause, &p), sat_not(fails));
}

/* The tests of a condition stand together, each before those it leads to: from the last to the
 * first, what a test leads to is known. */
static sat_literal read_condition(struct question *q, uint32_t context, uint32_t clause)
{
    const struct side *s = &q->subject->side[q->context[context].side];
    const struct table *t = s->table;
    const struct table_clause *c = &t->clause[clause];
    if (c->entry == c->then)
        return TRUE;
    uint32_t end = c->entry;
    while (end < t->n_nodes && t->node[end].kind == NODE_TEST && t->node[end].clause == clause)
        end++;
    sat_literal *holds = ARENA_ARRAY(&q->arena, sat_literal, end - c->entry);
    for (uint32_t i = end; i-- > c->entry;) {
        const uint32_t to[2] = {t->node[i].no, t->node[i].yes};
        sat_literal way[2];
        for (unsigned k = 0; k < 2; k++) {
            ASSERT(to[k] == c->then || to[k] == c->next || to[k] < end);
            way[k] = to[k] == c->then ? TRUE : to[k] == c->next ? FALSE : holds[to[k] - c->entry];
        }
        const sat_literal atom = atom_at(q, context, clause, s->atom[t->node[i].what]);
        holds[i - c->entry] = choice(q, atom, way[1], way[0]);
    }
    return holds[0];
}

sat_literal question_condition(struct question *q, uint32_t context, uint32_t clause)
{
    for (uint32_t i = 0; i < q->condition.n; i++)
        if (q->condition.at[i].context == context && q->condition.at[i].clause == clause)
            return q->condition.at[i].holds;
    const sat_literal holds = read_condition(q, context, clause);
    VEC_ADD(&q->condition, (struct question_condition){context, clause, holds});
    return holds;
}

void question_require(struct question *q, sat_literal l)
{
    sat_add1(&q->sat, l);
}

enum sat_answer question_ask(struct question *q, uint32_t *budget)
{
    return sat_solve(&q->sat, budget);
}

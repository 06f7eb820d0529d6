#include "compiler/prove/search.h"

#include "compiler/table/eval.h"
#include "runtime/base/text.h"
#include "runtime/base/uri.h"

#define QUESTIONS_MAX 3000u  /* per target */
#define CONFLICTS_MAX 20000u /* per question */
#define MISSES_MAX    8u     /* requests that did not behave as expected, per target */
#define SPARE_MAX     64u    /* more clauses than this are not tried one by one */

struct search *search_new(struct subject *subject)
{
    struct search *s = MUST_NEW(struct search);
    s->subject = subject;
    s->budget = CONFLICTS_MAX;
    question_init(&s->question, subject);
    for (uint32_t i = 0; i < subject->n_sides; i++) {
        s->stamp[i] = MUST_ARRAY(uint32_t, subject->side[i].table->n_nodes);
        s->held[i] = MUST_ARRAY(bool, subject->side[i].table->n_nodes);
    }
    return s;
}

void search_free(struct search *s)
{
    if (!s)
        return;
    question_done(&s->question);
    arena_free(&s->arena);
    VEC_DONE(&s->swallowing);
    VEC_DONE(&s->other);
    VEC_DONE(&s->taken);
    VEC_DONE(&s->asked);
    search_avoid_none(s);
    VEC_DONE(&s->told);
    VEC_DONE(&s->last);
    for (uint32_t i = 0; i < SIDES_MAX; i++) {
        free(s->stamp[i]);
        free(s->held[i]);
    }
    free(s);
}

struct tracing {
    struct search *search;
    uint32_t side;
};

static void seen(void *to, struct eval_step step)
{
    const struct tracing *t = to;
    t->search->stamp[t->side][step.node] = t->search->now;
    t->search->held[t->side][step.node] = step.held;
}

/* Did the request meet the condition? Its tests were seen, for the walk came by. */
static bool met(const struct search *s, uint32_t side, uint32_t clause)
{
    const struct table *t = s->subject->side[side].table;
    const struct table_clause *c = &t->clause[clause];
    uint32_t at = c->entry;
    while (at != c->then && at != c->next) {
        ASSERT(t->node[at].kind == NODE_TEST && s->stamp[side][at] == s->now);
        at = s->held[side][at] ? t->node[at].yes : t->node[at].no;
    }
    return at == c->then;
}

void search_follow(struct search *s, uint32_t side, uint32_t root, const struct facts *f)
{
    const struct side *of = &s->subject->side[side];
    const struct table *t = of->table;
    struct tracing tracing = {s, side};
    s->now++;
    s->count.requests++;
    eval(t, root, f, &s->verdict, &(struct eval_trace){seen, &tracing});
    s->taken.n = 0;
    uint32_t clause = t->route[root].first_clause;
    uint32_t behind = clause + t->route[root].n_clauses;
    while (clause < behind) {
        if (!met(s, side, clause)) {
            clause++;
            continue;
        }
        VEC_ADD(&s->taken, clause);
        switch (of->clause[clause].does) {
        case CLAUSE_DECIDES: return;
        case CLAUSE_GOES_ON: clause++; break;
        case CLAUSE_LEADS: {
            const struct table_route *r = &t->route[of->clause[clause].route];
            clause = r->first_clause;
            behind = clause + r->n_clauses;
            break;
        }
        }
    }
    VEC_ADD(&s->taken, FALL_OUT);
}

enum arrival { ARRIVED, TAKEN_BEFORE };

/* Can the clause be in the way, `led` steps along the walk? What comes behind the clause that
 * should have acted is not: that one should have. */
static bool comes_before(const struct side *side, uint32_t clause, const struct target *t,
                         uint32_t led)
{
    const uint32_t expected = led < t->walk.n ? t->walk.taken[led] : t->clause;
    const uint32_t route = led < t->walk.n ? side->table->clause[expected].route : t->route;
    return clause != FALL_OUT && side->table->clause[clause].route == route &&
           (expected == FALL_OUT || clause < expected);
}

/* Of a request that was followed: does it come to the target, or which clause keeps it from that?
 */
static enum arrival arrival_of(const struct search *s, const struct target *t, uint32_t *by)
{
    const struct side *side = &s->subject->side[t->side];
    uint32_t led = 0;
    for (uint32_t i = 0; i < s->taken.n; i++) {
        const uint32_t clause = s->taken.at[i];
        if (clause == t->clause && led == t->walk.n)
            return ARRIVED;
        if (led < t->walk.n && clause == t->walk.taken[led]) {
            led++;
        } else if (clause == FALL_OUT || side->clause[clause].does != CLAUSE_GOES_ON) {
            *by = comes_before(side, clause, t, led) ? clause : FALL_OUT;
            return TAKEN_BEFORE;
        }
    }
    *by = FALL_OUT;
    return TAKEN_BEFORE;
}

/* The same by the fast way where that says enough. */
static enum arrival try_request(struct search *s, const struct target *t, const struct facts *f,
                                uint32_t *by)
{
    const struct side *side = &s->subject->side[t->side];
    const struct table *table = side->table;
    if (!side->leads) {
        s->count.requests++;
        eval(table, t->walk.root, f, &s->verdict, NULL);
        const uint32_t clause = s->verdict.clause;
        const struct table_route *r = &table->route[t->route];
        const uint32_t out = table->clause[r->first_clause + r->n_clauses - 1].next;
        const bool fell = out != TABLE_NO_NODE && s->verdict.end == table->node[out].what;
        *by = fell ? FALL_OUT : clause;
        if (*by == t->clause)
            return ARRIVED;
        *by = comes_before(side, *by, t, 0) ? *by : FALL_OUT;
        /* A clause that goes on is none that the verdict names. */
        if (*by != FALL_OUT &&
            (t->clause == FALL_OUT || side->clause[t->clause].does == CLAUSE_DECIDES ||
             (!fell && clause < t->clause)))
            return TAKEN_BEFORE;
    }
    search_follow(s, t->side, t->walk.root, f);
    return arrival_of(s, t, by);
}

/* What is asked of the walk, the clause and what is given, in a context of its own. */
static uint32_t pose_one(struct search *s, const struct target *t, sat_literals *asked)
{
    struct question *q = &s->question;
    const uint32_t context = question_context(q, t->side, &t->walk);
    for (uint32_t i = 0; i < t->walk.n; i++)
        VEC_ADD(asked, question_condition(q, context, t->walk.taken[i]));
    if (t->clause != FALL_OUT)
        VEC_ADD(asked, question_condition(q, context, t->clause));
    if (t->given_clause != UINT32_MAX) {
        const uint32_t given = question_context(q, t->given_side, t->given_walk);
        const sat_literal l = question_condition(q, given, t->given_clause);
        VEC_ADD(asked, t->given_holds ? l : sat_not(l));
    }
    if (t->also)
        pose_one(s, t->also, asked);
    return context;
}

static void pose_listeners(struct search *s, const struct target *t)
{
    struct question *q = &s->question;
    const struct side *side = &s->subject->side[t->side];
    struct slice *name = ARENA_ARRAY(&q->arena, struct slice, side->table->n_listeners + 1);
    uint32_t n = 1;
    if (t->listener.at)
        name[0] = t->listener;
    else
        n = subject_listeners(side, t->walk.root, name, side->table->n_listeners);
    q->listeners = (struct value_names){name, n};
}

static void begin(struct search *s, const struct target *t)
{
    question_clear(&s->question);
    s->asked.n = 0;
    s->count.questions++;
    pose_listeners(s, t);
}

static uint32_t group_of(const struct subject *s, const struct search_truth *t)
{
    for (uint32_t i = 0; i < s->group.n; i++)
        if (s->group.at[i].field == t->field && slice_eq(s->group.at[i].key, t->key))
            return i;
    ASSERT(!"it is of a group of the subject");
    return 0;
}

/* Of each description that was told, something does not hold. */
static void avoid_told(struct search *s)
{
    sat_literals any = {0};
    for (uint32_t i = 0; i < s->told.n; i++) {
        any.n = 0;
        for (uint32_t k = 0; k < s->told.at[i].n; k++) {
            const struct search_truth *t = &s->told.at[i].at[k];
            const sat_literal l = question_own(&s->question, group_of(s->subject, t), &t->about);
            VEC_ADD(&any, t->holds ? sat_not(l) : l);
        }
        sat_add(&s->question.sat, any.at, any.n);
    }
    VEC_DONE(&any);
}

bool search_avoid(struct search *s)
{
    search_truths needed = {0};
    for (uint32_t i = 0; i < s->last.n; i++)
        if (s->last.at[i].needed)
            VEC_ADD(&needed, s->last.at[i]);
    if (needed.n > 0)
        VEC_ADD(&s->told, needed);
    return needed.n > 0;
}

void search_avoid_none(struct search *s)
{
    for (uint32_t i = 0; i < s->told.n; i++)
        VEC_DONE(&s->told.at[i]);
    s->told.n = 0;
}

static void require_asked(struct search *s)
{
    for (uint32_t i = 0; i < s->asked.n; i++)
        question_require(&s->question, s->asked.at[i]);
}

static uint32_t pose(struct search *s, const struct target *t)
{
    begin(s, t);
    const uint32_t context = pose_one(s, t, &s->asked);
    require_asked(s);
    return context;
}

static enum sat_answer ask(struct search *s)
{
    uint32_t budget = s->budget;
    return question_ask(&s->question, &budget);
}

/* Another request than this one, please: one for which something about it is different. */
static void ask_for_another(struct search *s)
{
    struct question *q = &s->question;
    sat_literals differs = {0};
    for (uint32_t i = 0; i < q->variable.n; i++)
        if (q->variable.at[i].atom)
            VEC_ADD(&differs, sat_of(i, q->sat.value.at[i] < 0));
    sat_add(&q->sat, differs.at, differs.n);
    VEC_DONE(&differs);
}

static bool contains(const struct search *s, uint32_t target, uint32_t clause)
{
    const uint32_t n = target == 0 ? s->swallowing.n : s->other.n;
    const uint32_t *at = target == 0 ? s->swallowing.at : s->other.at;
    for (uint32_t i = 0; i < n; i++)
        if (at[i] == clause)
            return true;
    return false;
}

/* Would it be asked on the way to the target? One behind it takes a request that was thought to
 * come to the target, where nothing is known of what a change makes of it. */
bool search_stands_before(const struct search *s, const struct target *t, uint32_t clause)
{
    const struct table *table = s->subject->side[t->side].table;
    for (uint32_t i = 0; i < t->walk.n; i++)
        if (table->clause[t->walk.taken[i]].route == table->clause[clause].route)
            return clause < t->walk.taken[i];
    return clause < t->clause; /* FALL_OUT lies behind all */
}

/* Could it come by its listener so? Of a path that some listeners keep, others may make another. */
static bool is_received(struct search *s, const struct target *t)
{
    const struct table *table = s->subject->side[t->side].table;
    struct facts *f = &s->witness.facts;
    for (uint32_t i = 0; i < table->n_listeners; i++)
        if (slice_eq(table->listener[i].name, f->listener))
            f->path_rules = table->listener[i].path_rules;
    if (table->path_rules == f->path_rules || slice_eq(f->path, SLICE("*")))
        return true;
    char *normal = ARENA_ARRAY(&s->arena, char, f->path.len);
    size_t len;
    return uri_normalise_path(f->path, f->path_rules, normal, &len) == URI_OK &&
           slice_eq((struct slice){normal, len}, f->path);
}

enum outcome { ALL_ARRIVED, ONE_IN_THE_WAY, NOT_AS_EXPECTED };

/* Sends the request to all targets; what is in the way of one is kept out of the next request. */
static enum outcome send(struct search *s, const struct target *t, uint32_t n,
                         const uint32_t *context)
{
    for (uint32_t i = 0; i < n; i++) {
        uint32_t by = FALL_OUT;
        if (try_request(s, &t[i], &s->witness.facts, &by) == ARRIVED)
            continue;
        if (by == FALL_OUT || !search_stands_before(s, &t[i], by) || contains(s, i, by))
            return NOT_AS_EXPECTED;
        if (i == 0)
            VEC_ADD(&s->swallowing, by);
        else
            VEC_ADD(&s->other, by);
        question_require(&s->question, sat_not(question_condition(&s->question, context[i], by)));
        return ONE_IN_THE_WAY;
    }
    return ALL_ARRIVED;
}

static void pose_all(struct search *s, const struct target *t, uint32_t n);

/* No request is left but those that were not decided as expected: are even they none? */
static enum proof look_again(struct search *s, const struct target *t, uint32_t n)
{
    pose_all(s, t, n);
    require_asked(s);
    avoid_told(s);
    return ask(s) == SAT_NO ? PROOF_NEVER : PROOF_UNKNOWN;
}

/* From now on: no change is made whose value nobody knows. */
static void require_known(struct search *s, uint32_t *from)
{
    for (; *from < s->question.guessed.n; (*from)++)
        question_require(&s->question, sat_not(s->question.guessed.at[*from]));
}

static void pose_targets(struct search *s, const struct target *t, uint32_t n, uint32_t *context)
{
    s->swallowing.n = s->other.n = 0;
    begin(s, t);
    for (uint32_t i = 0; i < n; i++)
        context[i] = pose_one(s, &t[i], &s->asked);
    require_asked(s);
    avoid_told(s);
}

/* Among the requests whose values are all known: what is found there arrives. */
static bool look_at_known(struct search *s, const struct target *t, uint32_t n)
{
    uint32_t context[2], required = 0;
    pose_targets(s, t, n, context);
    for (uint32_t i = 0; i < QUESTIONS_MAX; i++) {
        require_known(s, &required);
        if (ask(s) != SAT_YES)
            return false;
        arena_free(&s->arena);
        if (!question_witness(&s->question, &s->arena, &s->witness))
            return false;
        const enum outcome outcome = send(s, t, n, context);
        if (outcome != ONE_IN_THE_WAY)
            return outcome == ALL_ARRIVED;
    }
    return false;
}

static enum proof look(struct search *s, const struct target *t, uint32_t n)
{
    uint32_t context[2];
    pose_targets(s, t, n, context);
    uint32_t misses = 0;
    for (uint32_t i = 0; i < QUESTIONS_MAX && misses < MISSES_MAX; i++) {
        const enum sat_answer answer = ask(s);
        if (answer == SAT_UNKNOWN)
            return PROOF_UNKNOWN;
        if (answer == SAT_NO)
            return misses == 0 ? PROOF_NEVER : look_again(s, t, n);
        arena_free(&s->arena);
        enum outcome outcome = NOT_AS_EXPECTED;
        if (question_witness(&s->question, &s->arena, &s->witness) && is_received(s, t))
            outcome = send(s, t, n, context);
        if (outcome == ALL_ARRIVED)
            return PROOF_FOUND;
        if (outcome == ONE_IN_THE_WAY)
            continue;
        misses++;
        s->count.unconfirmed++;
        ask_for_another(s);
    }
    return s->question.guessed.n > 0 && look_at_known(s, t, n) ? PROOF_FOUND : PROOF_UNKNOWN;
}

/* Do these clauses alone take everything? */
static bool swallow(struct search *s, const struct target *t, const uint32_t *clause, uint32_t n)
{
    const uint32_t context = pose(s, t);
    for (uint32_t i = 0; i < n; i++)
        question_require(&s->question,
                         sat_not(question_condition(&s->question, context, clause[i])));
    return ask(s) == SAT_NO;
}

static int by_number(const void *a, const void *b)
{
    const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

/* One clause where one is enough; otherwise none that can be spared. */
static void spare(struct search *s, const struct target *t)
{
    uint32_t *at = s->swallowing.at;
    const uint32_t n = s->swallowing.n;
    if (n > 1)
        qsort(at, n, sizeof(*at), by_number);
    for (uint32_t i = 0; i < n && n > 1 && n <= SPARE_MAX; i++) {
        if (swallow(s, t, &at[i], 1)) {
            at[0] = at[i];
            s->swallowing.n = 1;
            return;
        }
    }
    for (uint32_t i = s->swallowing.n; i-- > 0 && s->swallowing.n <= SPARE_MAX;) {
        const uint32_t one = at[i];
        memmove(at + i, at + i + 1, (s->swallowing.n - i - 1) * sizeof(*at));
        if (swallow(s, t, at, s->swallowing.n - 1)) {
            s->swallowing.n--;
        } else {
            memmove(at + i + 1, at + i, (s->swallowing.n - i - 1) * sizeof(*at));
            at[i] = one;
        }
    }
}

enum proof search_for(struct search *s, const struct target *t)
{
    const enum proof proof = look(s, t, 1);
    if (proof == PROOF_NEVER)
        spare(s, t);
    return proof;
}

enum proof search_for_both(struct search *s, const struct target *a, const struct target *b)
{
    const struct target both[2] = {*a, *b};
    return look(s, both, 2);
}

/* Is it true of the witness? That some value fails is: there are some, and not all pass. */
static bool is_so(const struct search *s, const struct question_variable *v,
                  const struct question_group *g)
{
    const struct table *t = v->table ? v->table : s->subject->side[0].table;
    const struct facts *f = &s->witness.facts;
    struct table_atom atom = *v->atom;
    atom.field = g->field;
    atom.key = g->key;
    if (!v->negated)
        return eval_atom(t, &atom, f);
    atom.all = true;
    const struct table_atom some = {.field = g->field, .op = OP_EXISTS, .key = g->key};
    return (!value_may_be_absent(g->field) || eval_atom(t, &some, f)) && !eval_atom(t, &atom, f);
}

static void read_truths(const struct search *s, search_truths *out)
{
    const struct question *q = &s->question;
    /* Those that fail first: they are the first to be spared. */
    for (unsigned holds = 0; holds < 2; holds++)
        for (uint32_t i = 0; i < q->variable.n; i++) {
            const struct question_variable *v = &q->variable.at[i];
            const struct question_group *g = &q->group.at[v->group];
            if (v->atom && !g->made && is_so(s, v, g) == (holds != 0))
                VEC_ADD(out, (struct search_truth){*v, g->field, g->key, holds != 0, true});
        }
}

/* What is so of a value that a change gives and nobody knows, as it was found. */
struct made_truth {
    struct question_made by;
    struct question_variable about;
    bool holds;
};

typedef VEC(struct made_truth) made_truths;

static void read_made(const struct question *q, made_truths *out)
{
    for (uint32_t i = 0; i < q->made.n; i++) {
        const struct question_group *g = &q->group.at[q->made.at[i].group];
        for (uint32_t k = 0; k < g->variable.n; k++) {
            const uint32_t v = g->variable.at[k];
            if (q->sat.value.at[v] != 0)
                VEC_ADD(out, (struct made_truth){q->made.at[i], q->variable.at[v],
                                                 q->sat.value.at[v] > 0});
        }
    }
}

/* The same in the question that is asked now. */
static void require_made(struct question *q, const struct made_truth *t)
{
    for (uint32_t i = 0; i < q->made.n; i++) {
        const struct question_made *m = &q->made.at[i];
        if (m->side != t->by.side || m->effect != t->by.effect || m->of != t->by.of)
            continue;
        const struct question_group *g = &q->group.at[m->group];
        for (uint32_t k = 0; k < g->variable.n; k++) {
            const struct question_variable *v = &q->variable.at[g->variable.at[k]];
            if (v->atom == t->about.atom && v->negated == t->about.negated)
                question_require(q, sat_of(g->variable.at[k], t->holds));
        }
    }
}

static bool is_about(const struct question *q, uint32_t variable, const struct search_truth *t)
{
    const struct question_variable *v = &q->variable.at[variable];
    if (v->atom != t->about.atom || v->negated != t->about.negated || v->table != t->about.table)
        return false;
    const struct question_group *g = &q->group.at[v->group];
    return v->atom && !g->made && g->field == t->field && slice_eq(g->key, t->key);
}

/* What must be so of a request that arrives, as far as it is known what is in the way. */
static void pose_all(struct search *s, const struct target *t, uint32_t n)
{
    struct question *q = &s->question;
    begin(s, t);
    for (uint32_t i = 0; i < n; i++) {
        const uint32_t context = pose_one(s, &t[i], &s->asked);
        const uint32_t in_the_way = i == 0 ? s->swallowing.n : s->other.n;
        const uint32_t *at = i == 0 ? s->swallowing.at : s->other.at;
        for (uint32_t k = 0; k < in_the_way; k++)
            VEC_ADD(&s->asked, sat_not(question_condition(q, context, at[k])));
    }
}

void search_leave_out(struct search *s, uint32_t target, uint32_t clause)
{
    if (contains(s, target, clause))
        return;
    if (target == 0)
        VEC_ADD(&s->swallowing, clause);
    else
        VEC_ADD(&s->other, clause);
}

void search_let_in(struct search *s, uint32_t target, uint32_t clause)
{
    uint32_t *at = target == 0 ? s->swallowing.at : s->other.at;
    uint32_t *n = target == 0 ? &s->swallowing.n : &s->other.n;
    for (uint32_t i = *n; i-- > 0;)
        if (at[i] == clause)
            at[i] = at[--*n];
}

/* Is a request with the truths that are needed always one of those asked for? As far as the clauses
 * go that were in the way. */
static bool truths_suffice(struct search *s, const struct target *t, uint32_t n,
                           const search_truths *all, const made_truths *made)
{
    struct question *q = &s->question;
    pose_all(s, t, n);
    for (uint32_t i = 0; i < s->asked.n; i++)
        s->asked.at[i] = sat_not(s->asked.at[i]);
    sat_add(&q->sat, s->asked.at, s->asked.n);
    for (uint32_t i = 0; i < made->n; i++)
        require_made(q, &made->at[i]);
    for (uint32_t i = 0; i < all->n; i++) {
        const struct search_truth *truth = &all->at[i];
        if (!truth->needed)
            continue;
        for (uint32_t v = 0; v < q->variable.n; v++) {
            if (is_about(q, v, truth))
                question_require(q, sat_of(v, truth->holds));
        }
    }
    return ask(s) == SAT_NO;
}

static bool has_value(const struct search *s, const struct search_truth *t)
{
    const struct table_atom some = {.field = t->field, .op = OP_EXISTS, .key = t->key};
    return !value_may_be_absent(t->field) ||
           eval_atom(s->subject->side[0].table, &some, &s->witness.facts);
}

/* What is being told. */
struct telling {
    struct search *search;
    struct arena *arena;
    search_words *out;
};

static void add_word(struct telling *to, bool holds, const struct table *t,
                     const struct table_atom *atom)
{
    struct text one = {0};
    text_adds(&one, holds ? "" : "not ");
    if (t) {
        table_atom_write(t, atom, &one);
    } else {
        table_field_write(atom->field, atom->key, '"', &one);
        if (!table_field_is_boolean(atom->field))
            text_adds(&one, " exists");
    }
    bool known = false;
    for (uint32_t i = 0; i < to->out->n; i++)
        known |= slice_eq(to->out->at[i], text_slice(&one));
    if (!known)
        VEC_ADD(to->out, arena_copy(to->arena, text_slice(&one)));
    text_done(&one);
}

/* That some value fails is: there is one, and not all pass. That none does: there is none, or all
 * pass; whichever is so of the witness. */
static void tell_truth(struct telling *to, const struct search_truth *t)
{
    const struct table_atom some = {.field = t->field, .op = OP_EXISTS, .key = t->key};
    if (!t->about.table) {
        add_word(to, t->holds, NULL, &some);
        return;
    }
    struct table_atom atom = *t->about.atom;
    atom.all = t->about.negated;
    const bool exists = has_value(to->search, t);
    if (t->about.negated && value_may_be_absent(t->field) && (t->holds || !exists))
        add_word(to, exists, NULL, &some);
    if (!t->about.negated || t->holds || exists)
        add_word(to, t->holds != t->about.negated, t->about.table, &atom);
}

bool search_describe(struct search *s, const struct target *target, uint32_t n, struct arena *arena,
                     search_words *out)
{
    search_truths all = {0};
    made_truths found = {0}, made = {0};
    read_made(&s->question, &found);
    pose_all(s, target, n);
    read_truths(s, &all);
    const bool exact = truths_suffice(s, target, n, &all, &made);
    if (!exact)
        made = found;
    const bool known = exact || truths_suffice(s, target, n, &all, &made);
    for (uint32_t i = 0; i < all.n && known; i++) {
        all.at[i].needed = false;
        all.at[i].needed = !truths_suffice(s, target, n, &all, &made);
    }
    struct telling to = {s, arena, out};
    /* What holds comes first. */
    for (unsigned holds = 2; holds-- > 0;)
        for (uint32_t i = 0; i < all.n; i++)
            if (all.at[i].needed && all.at[i].holds == (holds != 0))
                tell_truth(&to, &all.at[i]);
    VEC_DONE(&found);
    VEC_DONE(&s->last);
    s->last.at = all.at;
    s->last.n = all.n;
    s->last.room = all.room;
    return exact;
}

/* `goto`: routes that lead to routes. */
#include "compiler/sema/sema_priv.h"

enum state { UNSEEN, OPEN, DONE };

struct walk {
    struct sema *s;
    const struct program *p;
    uint8_t *state;           /* of each route: enum state */
    uint32_t *worst;          /* of each that is DONE: the most changes from its beginning on */
    const struct action **by; /* of each that is OPEN: the goto that it was left by */
    bool ok;
};

/* The ring that ends with `last`, which leads to an open route: all of it, one goto after the
 * other. */
static void say_ring(struct walk *w, uint32_t from, const struct action *last)
{
    diag(w->s->diags, DIAG_GOTO_RING, last->span, SLICE_ARG(w->p->route[last->route].name));
    diag_label(w->s->diags, "and here it begins again");
    uint32_t at = last->route;
    if (at == from)
        diag_note(w->s->diags, "to go on with the next clause of the same route, write `continue`");
    while (at != from) {
        const struct action *a = w->by[at];
        diag_also(w->s->diags, a->span, "`" SLICE_FMT "` goes to `" SLICE_FMT "`",
                  SLICE_ARG(w->p->route[at].name), SLICE_ARG(w->p->route[a->route].name));
        at = a->route;
    }
    w->ok = false;
}

static const struct action *last_action(const struct clause *c)
{
    return &c->action[c->n_actions - 1];
}

static uint32_t changes_of(const struct clause *c)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < c->n_actions; i++)
        n += action_changes(c->action[i].kind);
    return n;
}

static void visit(struct walk *w, uint32_t route);

/* What lies behind a goto, in changes. */
static uint32_t behind(struct walk *w, uint32_t route, const struct action *a)
{
    w->by[route] = a;
    if (w->state[a->route] == OPEN) {
        say_ring(w, route, a);
        return 0;
    }
    visit(w, a->route);
    return w->worst[a->route];
}

/* Recurses as deep as gotos lead; there are at most GOTO_DEPTH_MAX in a row. */
static void visit(struct walk *w, uint32_t route)
{
    if (w->state[route] == DONE)
        return;
    w->state[route] = OPEN;
    const struct route *r = &w->p->route[route];
    uint32_t before = 0;
    for (uint32_t i = 0; i < r->n_clauses && w->ok; i++) {
        const struct clause *c = &r->clause[i];
        const struct action *last = last_action(c);
        const uint32_t own = changes_of(c);
        uint32_t all = before + own;
        if (last->kind == ACTION_GOTO)
            all += behind(w, route, last);
        if (last->kind == ACTION_GOTO && all > TABLE_EFFECTS_MAX && w->ok) {
            diag(w->s->diags, DIAG_TOO_MANY_CHANGES, last->span, TABLE_EFFECTS_MAX);
            w->ok = false;
        }
        if (last->kind == ACTION_CONTINUE)
            before += own;
        if (all > w->worst[route])
            w->worst[route] = all;
    }
    w->state[route] = DONE;
}

/* How many routes a chain of gotos has at most, counted without recursion: a ring comes out too
 * long, and a chain longer than that is refused before it is walked. */
static bool is_too_deep(struct walk *w)
{
    const struct program *p = w->p;
    for (uint32_t round = 0; round < GOTO_DEPTH_MAX; round++) {
        bool changed = false;
        for (uint32_t i = 0; i < p->n_routes; i++)
            for (uint32_t k = 0; k < p->route[i].n_clauses; k++) {
                const struct action *a = last_action(&p->route[i].clause[k]);
                if (a->kind == ACTION_GOTO && w->worst[i] <= w->worst[a->route]) {
                    w->worst[i] = w->worst[a->route] + 1;
                    changed = true;
                }
            }
        if (!changed)
            return false;
    }
    return p->n_routes > GOTO_DEPTH_MAX;
}

bool gotos_check(struct sema *s, const struct program *p)
{
    struct walk w = {.s = s,
                     .p = p,
                     .state = MUST_ARRAY(uint8_t, p->n_routes + 1),
                     .worst = MUST_ARRAY(uint32_t, p->n_routes + 1),
                     .by = MUST_ARRAY(const struct action *, p->n_routes + 1),
                     .ok = true};
    if (is_too_deep(&w)) {
        diag(s->diags, DIAG_TOO_LARGE, p->route[0].span,
             "nested too deep: more than 100 routes go to one another in a row");
        w.ok = false;
    }
    memset(w.worst, 0, p->n_routes * sizeof(*w.worst));
    for (uint32_t i = 0; i < p->n_routes && w.ok; i++)
        visit(&w, i);
    free(w.state);
    free(w.worst);
    free(w.by);
    return w.ok;
}

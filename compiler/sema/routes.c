/* Routes: every clause decides or says `continue`, and the last takes what is left. */
#include "compiler/sema/same.h"
#include "compiler/sema/sema_priv.h"

/* The closing brace of a block: where something is put in at its end. */
static struct span closing(const struct ast *block)
{
    return (struct span){block->span.to - 1, block->span.to - 1};
}

static void say_undecided(struct sema *s, const struct ast *a)
{
    diag(s->diags, DIAG_UNDECIDED, a->span);
    diag_label(s->diags, "what happens then?");
    diag_fix(s->diags, closing(a), SLICE("; continue "),
             "to go on with the next clause, end it with `continue`");
}

/* Nothing may follow what decides or goes on; something that does so must be there. */
static bool ends_well(struct sema *s, const struct ast *a, const struct ast *actions,
                      const struct clause *c, bool complete)
{
    const struct ast *at = actions;
    for (uint32_t i = 0; i < c->n_actions; i++, at = at->next) {
        const enum action_kind kind = c->action[i].kind;
        if (!action_decides(kind) && kind != ACTION_CONTINUE)
            continue;
        if (!at->next)
            return true;
        diag(s->diags, DIAG_AFTER_DECISION, at->next->span);
        diag_label(s->diags, "never done");
        diag_also(s->diags, at->span, "the clause ends here");
        return false;
    }
    if (complete)
        say_undecided(s, a);
    return false;
}

static bool clause_read(struct sema *s, const struct ast *a, struct clause *out)
{
    struct cond *always = ARENA_NEW(s->arena, struct cond);
    always->kind = COND_TRUE;
    always->span = a->span;
    struct built when = {always, 1, 0, 0};
    const struct ast *first = a->first;
    *out = (struct clause){.span = a->span, .otherwise = a->kind == AST_OTHERWISE};
    bool ok = true;
    if (a->kind == AST_WHEN) {
        ok = condition(s, first, &when);
        first = first->next;
    }
    s->tests += when.size;
    out->when = when.cond;

    uint32_t n = 0;
    for (const struct ast *x = first; x; x = x->next)
        n++;
    struct action *action = ARENA_ARRAY(s->arena, struct action, n);
    out->action = action;
    bool complete = true;
    for (const struct ast *x = first; x; x = x->next) {
        /* One that is wrong still decides: its kind is known. */
        complete &= x->kind != AST_BAD;
        ok &= action_read(s, x, &action[out->n_actions++]) || x->kind == AST_BAD;
    }
    return ends_well(s, a, first, out, complete) && complete && ok;
}

static bool goes_on(const struct clause *c)
{
    return c->n_actions > 0 && c->action[c->n_actions - 1].kind == ACTION_CONTINUE;
}

static uint32_t changes(const struct clause *c)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < c->n_actions; i++)
        n += c->action[i].kind == ACTION_SET_HEADER || c->action[i].kind == ACTION_ADD_HEADER ||
             c->action[i].kind == ACTION_REMOVE_HEADER;
    return n;
}

static void say_no_otherwise(struct sema *s, const struct ast *a)
{
    diag(s->diags, DIAG_NO_OTHERWISE, a->name_span, SLICE_ARG(a->name));
    diag_fix(s->diags, closing(a), SLICE("  otherwise { deny 404 }\n"),
             "end it with `otherwise { ... }`, such as `otherwise { deny 404 }`");
}

/* That `otherwise` is there, once, last, and decides. */
static bool is_total(struct sema *s, const struct ast *a)
{
    const struct ast *last = NULL;
    bool complete = true;
    for (const struct ast *c = a->first; c; c = c->next) {
        if (last && last->kind == AST_OTHERWISE) {
            diag(s->diags, DIAG_AFTER_OTHERWISE, c->span);
            diag_also(s->diags, last->span, "everything ends here");
            return false;
        }
        complete &= c->kind != AST_BAD;
        last = c;
    }
    if (last && last->kind == AST_OTHERWISE)
        return true;
    if (complete)
        say_no_otherwise(s, a);
    return false;
}

/* What is said of a clause that is right in itself. */
static bool clause_fits(struct sema *s, const struct clause *c, uint32_t *changed)
{
    const uint32_t n = changes(c);
    if (c->otherwise && goes_on(c)) {
        diag(s->diags, DIAG_OTHERWISE_GOES_ON, c->action[c->n_actions - 1].span);
        return false;
    }
    if (goes_on(c) && n == 0)
        diag(s->diags, DIAG_IDLE_CONTINUE, c->span);
    const bool fits = *changed + n <= TABLE_EFFECTS_MAX;
    if (!fits && *changed <= TABLE_EFFECTS_MAX)
        diag(s->diags, DIAG_TOO_MANY_CHANGES, c->span, TABLE_EFFECTS_MAX);
    if (goes_on(c) || !fits)
        *changed += n;
    return fits;
}

bool route_read(struct sema *s, const struct definition *d, struct route *out)
{
    uint32_t n = 0;
    for (const struct ast *c = d->node->first; c; c = c->next)
        n += c->kind != AST_BAD;
    struct clause *clause = ARENA_ARRAY(s->arena, struct clause, n);
    *out = (struct route){.name = d->name, .span = d->span, .clause = clause, .n_clauses = n};
    bool ok = is_total(s, d->node);
    uint32_t i = 0, changed = 0;
    bool all = true;
    for (const struct ast *c = d->node->first; c; c = c->next) {
        if (c->kind == AST_BAD) {
            ok = false;
            continue;
        }
        const bool good = clause_read(s, c, &clause[i]);
        all &= good;
        ok &= good && clause_fits(s, &clause[i], &changed);
        i++;
    }
    return (!all || same_conditions(s, out)) && all && ok;
}

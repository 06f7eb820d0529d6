/* Routes: every clause decides or says `continue`, and the last takes what is left. */
#include "compiler/sema/settings_read.h"
#include "grammar/suggest.h"

/* The closing brace of a block: where something is put in at its end. */
static struct span closing(const struct ast *block)
{
    return (struct span){block->span.to - 1, block->span.to - 1};
}

static struct span behind(const struct ast *a)
{
    return (struct span){a->span.to, a->span.to};
}

/* `continue` behind the last action, as the block is laid out: where, and *text to put there. */
static struct span continue_at(struct sema *s, struct span close, const struct ast *last,
                               struct slice *text)
{
    struct span origin = close, use;
    const struct place brace = sources_place(s->in->sources, close.from);
    if (!last) {
        const uint32_t at = close.from - brace.line_from;
        const bool blank = at > 0 && at <= brace.line_text.len && brace.line_text.at[at - 1] == ' ';
        *text = blank ? SLICE("continue ") : SLICE(" continue ");
        return close;
    }
    *text = SLICE("; continue");
    const struct place end = sources_place(s->in->sources, last->span.to);
    if (sources_origin(s->in->sources, &origin, &use) || end.line == brace.line)
        return behind(last);
    size_t indent = 0;
    while (indent < end.line_text.len && memchr(" \t", end.line_text.at[indent], 2))
        indent++;
    *text = arena_format(s->arena, "\n%.*scontinue", (int)indent, end.line_text.at);
    const uint32_t at = end.line_from + (uint32_t)end.line_text.len;
    return (struct span){at, at};
}

static void say_undecided(struct sema *s, const struct ast *a, const struct ast *last)
{
    struct slice text;
    const struct span where = continue_at(s, closing(a), last, &text);
    diag(s->diags, DIAG_UNDECIDED, a->span);
    diag_label(s->diags, "what happens then?");
    diag_fix(s->diags, where, text, "to go on with the next clause, end it with `continue`");
}

/* Nothing may follow what decides or goes on; something that does so must be there. */
static bool ends_well(struct sema *s, const struct ast *a, const struct ast *actions,
                      const struct clause *c, bool complete)
{
    const struct ast *at = actions, *last = actions;
    while (last && last->next)
        last = last->next;
    for (uint32_t i = 0; i < c->n_actions; i++, at = at->next) {
        while (at->kind == AST_ALLOW)
            at = at->next;
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
        say_undecided(s, a, last);
    return false;
}

/* `allow shadowed`: not an action, but what the clause says of itself. */
static bool allow_read(struct sema *s, const struct ast *a, struct clause *out)
{
    out->allow_shadowed = slice_eq(a->name, SLICE("shadowed"));
    if (out->allow_shadowed)
        return true;
    diag(s->diags, DIAG_UNKNOWN_WORD, a->name_span, "way to allow", SLICE_ARG(a->name));
    static const struct slice words[] = {SLICE_INIT("shadowed")};
    suggest_fix(s, a->name_span, suggest_nearest(a->name, words, 1));
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
        n += x->kind == AST_REQUIRE ? 1 + TABLE_AUTH_NAMES_MAX : 1;
    struct action *action = ARENA_ARRAY(s->arena, struct action, n);
    out->action = action;
    bool complete = true;
    for (const struct ast *x = first; x; x = x->next) {
        if (x->kind == AST_ALLOW) {
            ok &= allow_read(s, x, out);
            continue;
        }
        /* One that is wrong still decides: its kind is known. */
        complete &= x->kind != AST_BAD;
        ok &= action_read(s, x, &action[out->n_actions++]) || x->kind == AST_BAD;
    }
    if (!ends_well(s, a, first, out, complete) || !complete || !ok)
        return false;
    auth_put_removals(action, &out->n_actions);
    return true;
}

static bool goes_on(const struct clause *c)
{
    return c->n_actions > 0 && c->action[c->n_actions - 1].kind == ACTION_CONTINUE;
}

static uint32_t changes(const struct clause *c)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < c->n_actions; i++)
        n += action_changes(c->action[i].kind);
    return n;
}

static void say_no_otherwise(struct sema *s, const struct ast *a)
{
    diag(s->diags, DIAG_NO_OTHERWISE, a->name_span, SLICE_ARG(a->name));
    diag_fix(s->diags, closing(a), SLICE("  otherwise { deny 404 }\n"),
             "end it with `otherwise { ... }`, such as `otherwise { deny 404 }`");
}

/* That `otherwise` is last where it is there. That nothing is left without it is a matter of proof,
 * except where there is no clause at all. */
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
    if (last)
        return complete;
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

bool on_read(struct sema *s, const struct ast *a, struct slice name, struct route *out)
{
    static const struct slice phases[] = {SLICE_INIT("connect"), SLICE_INIT("response")};
    if (!slice_eq(a->name, phases[0]) && !slice_eq(a->name, phases[1])) {
        diag(s->diags, DIAG_UNKNOWN_WORD, a->name_span, "phase", SLICE_ARG(a->name));
        const struct slice near = suggest_nearest(a->name, phases, COUNT_OF(phases));
        suggest_fix(s, a->name_span, near);
        if (!near.at)
            diag_note(s->diags, "there are `on connect` and `on response`; what is done with "
                                "requests stands in a route");
        return false;
    }
    if (out->clause) {
        diag(s->diags, DIAG_SETTING_TWICE, a->name_span,
             slice_eq(a->name, phases[0]) ? "on connect" : "on response");
        diag_also(s->diags, out->span, "first given here");
        return false;
    }
    uint32_t n = 0;
    for (const struct ast *c = a->first; c; c = c->next)
        n += c->kind == AST_WHEN || c->kind == AST_OTHERWISE;
    struct clause *clause = ARENA_ARRAY(s->arena, struct clause, n + 1);
    const bool response = slice_eq(a->name, phases[1]);
    *out = (struct route){.name = name, .span = a->name_span, .clause = clause};
    out->phase = response ? PHASE_RESPONSE : PHASE_CONNECT;
    s->phase = out->phase;
    s->responding = response;
    bool ok = true;
    uint32_t changed = 0;
    for (const struct ast *c = a->first; c; c = c->next) {
        const bool readable = c->kind == AST_WHEN || c->kind == AST_OTHERWISE;
        const bool good = readable && clause_read(s, c, &clause[out->n_clauses++]);
        changed += good ? changes(&clause[out->n_clauses - 1]) : 0;
        ok &= good;
    }
    if (changed > TABLE_EFFECTS_MAX) {
        diag(s->diags, DIAG_TOO_MANY_CHANGES, a->name_span, TABLE_EFFECTS_MAX);
        ok = false;
    }
    s->phase = PHASE_REQUEST;
    s->responding = false;
    return ok;
}

bool route_read(struct sema *s, const struct definition *d, struct route *out)
{
    uint32_t n = 0;
    for (const struct ast *c = d->node->first; c; c = c->next)
        n += c->kind != AST_BAD;
    struct clause *clause = ARENA_ARRAY(s->arena, struct clause, n);
    *out = (struct route){.name = d->name,
                          .span = d->span,
                          .phase = PHASE_REQUEST,
                          .clause = clause,
                          .n_clauses = n,
                          .end = closing(d->node)};
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
    return all && ok;
}

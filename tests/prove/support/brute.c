#include "tests/prove/support/brute.h"

#include "compiler/compile.h"
#include "compiler/prove/diff.h"
#include "compiler/ref/ref.h"
#include "grammar/diag.h"
#include "grammar/source.h"
#include "tests/prove/support/requests.h"

#define CLAUSES_MAX 6u

/* A configuration as text, clause by clause, so that clauses can be changed. */
struct written {
    struct slice clause[CLAUSES_MAX];
    uint32_t n;
    struct slice second[CLAUSES_MAX]; /* of the route that `goto s` leads to */
    uint32_t n_second;                /* 0: there is none */
    bool otherwise;
};

struct maker {
    struct choice *choice;
    struct arena arena;
    enum kind kind[3];
    uint32_t n_kinds, kinds; /* and as bits */
    bool leads, rewrites;    /* may it go to route s, and change path and query? */
    bool templates;          /* a value that only the request knows was used */
    bool expressions;        /* and a regular expression, */
    bool rewritten;          /* and a change of path or query; one of these by an expression, too */
};

/* Where "unknown" is an answer: README.md says so. */
static bool may_be_unknown(const struct maker *m)
{
    return m->templates || m->expressions;
}

static void choose_kinds(struct maker *m)
{
    m->n_kinds = 1 + choose(m->choice, 3);
    for (uint32_t i = 0; i < m->n_kinds; i++) {
        m->kind[i] = (enum kind)choose(m->choice, KINDS_MAX);
        m->kinds |= 1u << m->kind[i];
    }
    /* All of these together would take too long. */
    const uint32_t large = (1u << KIND_X) | (1u << KIND_PATH);
    if ((m->kinds & large) == large)
        m->kinds &= large;
    for (uint32_t i = 0; i < m->n_kinds; i++)
        if ((m->kinds & 1u << m->kind[i]) == 0)
            m->kind[i] = KIND_PATH;
}

static struct slice condition(struct maker *m, uint32_t depth)
{
    const uint32_t shape = depth < 2 ? choose(m->choice, 6) : 0;
    if (shape < 3) {
        const struct tests t = tests_of_kind(m->kind[choose(m->choice, m->n_kinds)]);
        const char *test = t.test[choose(m->choice, t.n)];
        m->expressions |= strstr(test, " matches ") != NULL;
        return arena_format(&m->arena, "%s%s", rarely(m->choice, 4) ? "not " : "", test);
    }
    const struct slice left = condition(m, depth + 1), right = condition(m, depth + 1);
    return arena_format(&m->arena, "(" SLICE_FMT " %s " SLICE_FMT ")", SLICE_ARG(left),
                        shape == 5 ? "or" : "and", SLICE_ARG(right));
}

static const char *any_change(struct maker *m)
{
    static const char *const CHANGE[] = {"set header \"x\" \"a\"",  "set header \"x\" \"b\"",
                                         "add header \"x\" \"ab\"", "remove header \"x\"",
                                         "set header \"y\" \"a\"",  "set header \"z\" \"1\""};
    static const char *const REWRITE[] = {"rewrite path \"/a/b\"", "replace prefix \"/a\" \"/b\"",
                                          "strip prefix \"/a\"",   "replace path /a/ \"b\"",
                                          "strip prefix \"/a/b\"", "replace prefix \"/b\" \"/a/b\"",
                                          "set query \"k\" \"a\"", "remove query \"k\""};
    if (m->rewrites && rarely(m->choice, 12)) {
        m->templates = m->rewritten = true;
        return "rewrite path \"/a{header 'y'}\"";
    }
    if (m->rewrites && choose(m->choice, 2)) {
        const char *rewrite = REWRITE[choose(m->choice, COUNT_OF(REWRITE))];
        m->rewritten = true;
        m->expressions |= slice_starts(slice_of(rewrite), SLICE("replace path"));
        return rewrite;
    }
    if (rarely(m->choice, 12)) {
        m->templates = true;
        return "set header \"x\" \"{host}\"";
    }
    return CHANGE[choose(m->choice, COUNT_OF(CHANGE))];
}

static struct slice actions(struct maker *m)
{
    static const char *const END[] = {"forward c", "forward d", "deny 403", "deny 404"};
    const char *end =
        m->leads && rarely(m->choice, 2) ? "goto s" : END[choose(m->choice, COUNT_OF(END))];
    if (!rarely(m->choice, 3))
        return slice_of(end);
    const char *what = any_change(m);
    return arena_format(&m->arena, "%s; %s", what, rarely(m->choice, 3) ? end : "continue");
}

static struct slice clause(struct maker *m)
{
    const struct slice when = condition(m, 0), then = actions(m);
    return arena_format(&m->arena, "when " SLICE_FMT " { " SLICE_FMT " }", SLICE_ARG(when),
                        SLICE_ARG(then));
}

static uint32_t clauses(struct maker *m, struct slice *out)
{
    const uint32_t n = 1 + choose(m->choice, CLAUSES_MAX - 1);
    for (uint32_t i = 0; i < n; i++)
        out[i] = clause(m);
    return n;
}

static void make(struct maker *m, struct written *w)
{
    choose_kinds(m);
    m->leads = rarely(m->choice, 2);
    m->rewrites = rarely(m->choice, 2);
    w->n = clauses(m, w->clause);
    w->otherwise = true;
    m->leads = false; /* no rings */
    bool led = false; /* a route that nobody goes to is asked by itself */
    for (uint32_t i = 0; i < w->n; i++)
        led |= slice_ends(w->clause[i], SLICE("goto s }"));
    w->n_second = led ? clauses(m, w->second) : 0;
}

/* ---- compiled ---- */

struct made {
    struct text text;
    struct sources *sources;
    struct diags *diags;
    struct arena arena;
    struct table *table;
    const struct program *program;
};

#define OBJECTS                                                                                    \
    "lbconf 1\ncluster c { server a 127.0.0.1:1 }\ncluster d { server a 127.0.0.1:2 }\n"           \
    "listener l { bind 127.0.0.1:3\n route r }\n"

/* What stands in out->text. */
static bool compile_text(struct made *out)
{
    out->sources = sources_new();
    const int added = sources_add(out->sources, SLICE("made"), text_slice(&out->text));
    ASSERT(added == 0);
    out->diags = diags_new(out->sources, 0);
    const struct compile_options options = {.without_proofs = true};
    out->table = compile(out->sources, &options, &out->arena, out->diags, &out->program);
    if (!out->table && getenv("LBC_REFUSED")) { /* to see what should not have been written */
        struct text report = {0};
        diag_render(out->diags, DIAG_HUMAN, &report);
        fputs(report.at, stderr);
        text_done(&report);
    }
    return out->table != NULL;
}

static bool compile_written(const struct written *w, struct made *out)
{
    *out = (struct made){0};
    text_adds(&out->text, OBJECTS "route r {\n");
    for (uint32_t i = 0; i < w->n; i++)
        text_addf(&out->text, "  " SLICE_FMT "\n", SLICE_ARG(w->clause[i]));
    text_addf(&out->text, "%s}\n", w->otherwise ? "  otherwise { deny 410 }\n" : "");
    for (uint32_t i = 0; i < w->n_second; i++)
        text_addf(&out->text, "%s  " SLICE_FMT "\n", i ? "" : "route s {\n",
                  SLICE_ARG(w->second[i]));
    text_adds(&out->text, w->n_second > 0 ? "  otherwise { deny 411 }\n}\n" : "");
    return compile_text(out);
}

static void made_done(struct made *m)
{
    table_free(m->table);
    diags_free(m->diags);
    sources_free(m->sources);
    arena_free(&m->arena);
    text_done(&m->text);
}

static bool is_of(const struct action *a, const struct clause *c)
{
    return a >= c->action && a < c->action + c->n_actions;
}

static bool acts(const struct ref_verdict *r, const struct clause *c)
{
    bool any = r->end && is_of(r->end, c);
    for (uint32_t k = 0; k < r->n_effects; k++)
        any |= is_of(r->effect[k], c);
    for (uint32_t k = 0; k < r->n_led; k++)
        any |= is_of(r->led[k], c);
    return any;
}

/* Which clauses of both routes act on any request at all, numbered as the table's. */
static void try_all(const struct program *p, uint32_t kinds, bool *reached,
                    struct brute_count *count)
{
    struct witness *w = MUST_NEW(struct witness);
    uint64_t cursor = 0;
    struct arena arena = {0};
    while (next_request(kinds, &cursor, &arena, w)) {
        struct ref_verdict r;
        count->requests++;
        ref_eval(p, 0, &w->facts, &arena, &r);
        bool *to = reached;
        for (uint32_t k = 0; k < p->n_routes; k++)
            for (uint32_t i = 0; i < p->route[k].n_clauses; i++)
                *to++ |= acts(&r, &p->route[k].clause[i]);
        arena_free(&arena);
    }
    free(w);
}

/* Does anything go on without a change? Then nobody could tell that it was reached. */
static bool is_idle(const struct clause *c)
{
    return c->n_actions == 1 && c->action[0].kind == ACTION_CONTINUE;
}

/* What was found was confirmed by the reference; where paths are rewritten, there are more kinds of
 * requests than those that are tried. */
static bool agrees(const struct maker *m, enum proof proof, bool reached)
{
    switch (proof) {
    case PROOF_NEVER: return !reached;
    case PROOF_FOUND: return reached || m->rewritten;
    case PROOF_UNKNOWN: return may_be_unknown(m);
    }
    return false;
}

static bool proofs_agree(const struct made *m, const struct maker *maker, const bool *reached,
                         struct brute_count *count, struct text *why)
{
    static const char *const SAYS[] = {
        [PROOF_NEVER] = "never", [PROOF_FOUND] = "it is", [PROOF_UNKNOWN] = "unknown"};
    struct prover *p = prover_new(m->table, m->program);
    bool agree = true, unknown = false;
    for (uint32_t i = 0; i < m->table->n_clauses && agree; i++) {
        const struct table_clause *c = &m->table->clause[i];
        if (is_idle(&m->program->route[c->route].clause[c->number - 1]))
            continue;
        const enum proof proof = prover_clause(p, i, NULL, NULL);
        count->clauses++;
        count->never += proof == PROOF_NEVER;
        unknown |= proof == PROOF_UNKNOWN;
        agree = agrees(maker, proof, reached[i]);
        if (!agree)
            text_addf(why, "clause %u is %sreached, and the proof says %s\n", i + 1,
                      reached[i] ? "" : "not ", SAYS[proof]);
    }
    count->unknown += unknown;
    prover_free(p);
    return agree;
}

/* The same of the route's end, by what compile() says; a request that falls out was found. */
static bool total_agrees(struct written *w, const struct maker *maker, const bool *reached,
                         struct brute_count *count, struct text *why)
{
    w->otherwise = false;
    struct made m;
    const bool compiled = compile_written(w, &m);
    bool agree = true;
    if (compiled) {
        struct diags *d = diags_new(m.sources, 0);
        prove(m.table, m.program, d, NULL);
        bool open = false;
        for (uint32_t i = 0; i < diags_count(d); i++)
            open |= diags_code(d, i) == DIAG_NO_OTHERWISE;
        agree = open == reached[w->n] || (open && (may_be_unknown(maker) || maker->rewritten));
        count->total += !open;
        count->open += open;
        if (!agree)
            text_addf(why, "the route is %s, and the proof says it is not\n",
                      open ? "total" : "not total");
        diags_free(d);
    }
    made_done(&m);
    return agree;
}

bool brute_proofs(struct choice *c, struct brute_count *count, struct text *why)
{
    struct maker maker = {.choice = c};
    struct written w = {0};
    struct made m;
    make(&maker, &w);
    bool agree = true;
    if (compile_written(&w, &m)) {
        bool reached[2 * (CLAUSES_MAX + 1)] = {0};
        count->programs++;
        count->leading += m.program->n_routes > 1;
        count->rewriting += maker.rewritten;
        count->matching += maker.expressions;
        try_all(m.program, maker.kinds, reached, count);
        agree = proofs_agree(&m, &maker, reached, count, why) &&
                total_agrees(&w, &maker, reached, count, why);
    }
    if (!agree)
        text_add(why, text_slice(&m.text));
    made_done(&m);
    arena_free(&maker.arena);
    return agree;
}

/* ---- diff ---- */

static void write_change(const struct action *a, struct slice value, struct text *out)
{
    static const char *const WORD[] = {
        [ACTION_SET_HEADER] = "set header",         [ACTION_ADD_HEADER] = "add header",
        [ACTION_REMOVE_HEADER] = "remove header",   [ACTION_REWRITE_PATH] = "rewrite path",
        [ACTION_REPLACE_PREFIX] = "replace prefix", [ACTION_REPLACE_PATH] = "replace path",
        [ACTION_SET_QUERY] = "set query",           [ACTION_REMOVE_QUERY] = "remove query"};
    text_adds(out, WORD[a->kind]);
    if (a->kind == ACTION_REPLACE_PATH)
        text_addf(out, " /" SLICE_FMT "/", SLICE_ARG(a->pattern));
    else if (a->kind != ACTION_REWRITE_PATH)
        text_addf(out, " \"" SLICE_FMT "\"", SLICE_ARG(a->name));
    if (a->kind != ACTION_REMOVE_HEADER && a->kind != ACTION_REMOVE_QUERY)
        text_addf(out, " \"" SLICE_FMT "\"", SLICE_ARG(value));
}

static void write_action(const struct program *p, const struct action *a, struct text *out)
{
    struct text value = {0};
    for (uint32_t i = 0; i < a->value.n; i++) { /* the templates that any_change() writes */
        const struct table_part *part = &a->value.part[i];
        text_add(&value, part->literal.at            ? part->literal
                         : part->field == FIELD_HOST ? SLICE("{host}")
                                                     : SLICE("{header \"y\"}"));
    }
    text_adds(out, out->len ? "; " : "");
    if (a->kind == ACTION_FORWARD)
        text_addf(out, "forward " SLICE_FMT, SLICE_ARG(p->cluster[a->cluster].name));
    else if (a->kind == ACTION_DENY)
        text_addf(out, "deny %u", a->status);
    else
        write_change(a, text_slice(&value), out);
    text_done(&value);
}

/* Changes of one header stay in their order, and those of path and query; nobody sees in which
 * order different things were changed. */
static char thing_of(const struct action *a)
{
    const bool header = a->kind == ACTION_SET_HEADER || a->kind == ACTION_ADD_HEADER ||
                        a->kind == ACTION_REMOVE_HEADER;
    return header ? a->name.at[0] : '/';
}

static void sort_by_thing(struct ref_verdict *r)
{
    for (uint32_t i = 1; i < r->n_effects; i++)
        for (uint32_t k = i; k > 0 && thing_of(r->effect[k]) < thing_of(r->effect[k - 1]); k--) {
            const struct action *effect = r->effect[k];
            r->effect[k] = r->effect[k - 1];
            r->effect[k - 1] = effect;
        }
}

static struct slice outcome(const struct program *p, const struct facts *f, bool sorted,
                            struct arena *arena)
{
    struct ref_verdict r;
    struct text out = {0};
    ref_eval(p, 0, f, arena, &r);
    if (sorted)
        sort_by_thing(&r);
    /* Nobody sees what was changed of a request that we refuse. */
    const uint32_t seen = r.end->kind == ACTION_FORWARD ? r.n_effects : 0;
    for (uint32_t i = 0; i < seen; i++)
        write_action(p, r.effect[i], &out);
    write_action(p, r.end, &out);
    const struct slice copy = arena_copy(arena, text_slice(&out));
    text_done(&out);
    return copy;
}

/* The decision, without the changes before it. */
static struct slice decision(struct slice does)
{
    for (size_t i = does.len; i-- > 1;)
        if (does.at[i - 1] == ';')
            return slice_from(does, i + 1);
    return does;
}

/* Is there a region of requests that were decided so and are decided so now? Which changes are made
 * on the way may differ from one of its requests to the other; but where only these differ, a
 * region says so. */
static bool is_in(const struct diff *d, struct slice before, struct slice after)
{
    const bool alike = slice_eq(decision(before), decision(after));
    for (uint32_t i = 0; i < d->region.n; i++) {
        const struct diff_region *r = &d->region.at[i];
        if ((alike && r->changes) || (slice_eq(decision(r->before.does), decision(before)) &&
                                      slice_eq(decision(r->after.does), decision(after))))
            return true;
    }
    return false;
}

/* A diff that is held against brute force. */
struct comparing {
    const struct made *made[2];
    struct diff diff;
    struct made told; /* the descriptions, as the conditions of assertions, in order */
    struct arena arena;
    struct text *why;
};

static bool read_descriptions(struct comparing *x)
{
    text_adds(&x->told.text, OBJECTS "route r { otherwise { deny 410 } }\n");
    for (uint32_t i = 0; i < x->diff.region.n; i++) {
        struct text when = {0};
        diff_write_when(&x->diff, &x->diff.region.at[i], false, &when);
        text_addf(&x->told.text, "assert never forward c when %s\n",
                  when.len ? when.at : "method == GET or not method == GET");
        text_done(&when);
    }
    if (compile_text(&x->told))
        return true;
    text_addf(x->why, "a description is no condition:\n%s", x->told.text.at);
    return false;
}

static bool is_told(struct comparing *x, uint32_t region, const struct facts *f)
{
    return ref_holds(x->told.program->assertion[region].when, f, &x->arena);
}

static bool object(struct comparing *x, const char *what, uint32_t region)
{
    struct text when = {0};
    diff_write_when(&x->diff, &x->diff.region.at[region], false, &when);
    text_addf(x->why, "%s: %s\n", what, when.len ? when.at : "every request");
    text_done(&when);
    return false;
}

/* A witness is of its region, and both references decide it as the region says. */
static bool witness_agrees(struct comparing *x, uint32_t region)
{
    const struct diff_region *r = &x->diff.region.at[region];
    const struct diff_fate *fate[2] = {&r->before, &r->after};
    struct slice sorted[2];
    for (unsigned side = 0; side < 2; side++) {
        const struct program *p = x->made[side]->program;
        const struct slice is = outcome(p, &r->witness->facts, false, &x->arena);
        sorted[side] = outcome(p, &r->witness->facts, true, &x->arena);
        if (!slice_eq(is, fate[side]->does))
            return object(x, "the reference decides the witness otherwise", region);
    }
    if (slice_eq(sorted[0], sorted[1]))
        return object(x, "the witness is treated alike", region);
    return is_told(x, region, &r->witness->facts) || object(x, "not true of its witness", region);
}

/* The clause that says this. */
static uint32_t clause_of(const struct route *r, const struct action *said)
{
    for (uint32_t i = 0; i < r->n_clauses; i++)
        for (uint32_t k = 0; k < r->clause[i].n_actions; k++)
            if (&r->clause[i].action[k] == said)
                return i;
    ASSERT(!"some clause of the route says it");
    return 0;
}

/* Does the clause act on the request, or is it decided by one before? Where several clauses go to
 * the second route, it may be decided there by one behind: it was led there before. */
static bool comes_to(const struct made *m, uint32_t clause, const struct facts *f,
                     struct arena *arena)
{
    struct ref_verdict r;
    const struct table_clause *at = &m->table->clause[clause];
    const struct route *route = &m->program->route[at->route];
    uint32_t leading = 0;
    for (uint32_t i = 0; i < m->program->route[0].n_clauses; i++) {
        const struct clause *c = &m->program->route[0].clause[i];
        leading += c->action[c->n_actions - 1].kind == ACTION_GOTO;
    }
    ref_eval(m->program, 0, f, arena, &r);
    if (acts(&r, &route->clause[at->number - 1]))
        return true;
    if (at->route == r.route)
        return r.clause + 1 < at->number || (at->route == 1 && leading > 1);
    return at->route == 1 || clause_of(route, r.led[0]) + 1 < at->number;
}

/* What a description promises. */
static bool description_agrees(struct comparing *x, uint32_t region, const struct facts *f)
{
    const struct diff_region *r = &x->diff.region.at[region];
    if (!r->exact || !is_told(x, region, f))
        return true;
    for (unsigned side = 0; side < 2; side++)
        if (r->meets[side] != UINT32_MAX && !comes_to(x->made[side], r->meets[side], f, &x->arena))
            return object(x, "true of one that does not come to its clause", region);
    return true;
}

static bool request_agrees(struct comparing *x, const struct facts *f, bool *differs)
{
    const struct slice before = outcome(x->made[0]->program, f, true, &x->arena);
    const struct slice after = outcome(x->made[1]->program, f, true, &x->arena);
    *differs = !slice_eq(before, after);
    for (uint32_t i = 0; i < x->diff.region.n; i++)
        if (!description_agrees(x, i, f))
            return false;
    if (!*differs || x->diff.unknown > 0 || is_in(&x->diff, before, after))
        return true;
    text_addf(x->why, "in no region:\n- " SLICE_FMT "\n+ " SLICE_FMT "\n", SLICE_ARG(before),
              SLICE_ARG(after));
    return false;
}

static bool requests_agree(struct comparing *x, uint32_t kinds, struct brute_count *count)
{
    struct witness *w = MUST_NEW(struct witness);
    struct arena arena = {0};
    uint64_t cursor = 0;
    bool agree = true, any = false;
    while (agree && next_request(kinds, &cursor, &arena, w)) {
        bool differs;
        agree = request_agrees(x, &w->facts, &differs);
        any |= differs;
        count->requests++;
        if (!agree) {
            witness_write(w, x->why);
            text_addc(x->why, '\n');
        }
        arena_free(&x->arena);
        arena_free(&arena);
    }
    free(w);
    return agree && (any || x->diff.region.n == 0 || object(x, "nothing differs", 0));
}

static bool diff_agrees(const struct made *a, const struct made *b, uint32_t kinds,
                        struct brute_count *count, struct text *why)
{
    struct comparing x = {.made = {a, b}, .why = why};
    diff_make(&(struct diff_side){a->table, a->program}, &(struct diff_side){b->table, b->program},
              &x.diff);
    count->pairs++;
    count->equal += x.diff.region.n + x.diff.unknown == 0;
    count->regions += x.diff.region.n;
    count->undecided += x.diff.unknown > 0;
    bool agree = read_descriptions(&x);
    for (uint32_t i = 0; agree && i < x.diff.region.n; i++) {
        count->exact += x.diff.region.at[i].exact;
        agree = witness_agrees(&x, i);
    }
    agree = agree && requests_agree(&x, kinds, count);
    made_done(&x.told);
    diff_done(&x.diff);
    arena_free(&x.arena);
    return agree;
}

/* One clause anew, gone, or in another place. */
static void change_route(struct maker *m, struct slice *clause_at, uint32_t *n)
{
    const uint32_t i = choose(m->choice, *n), k = choose(m->choice, *n);
    const struct slice moved = clause_at[i];
    switch (choose(m->choice, 4)) {
    case 0: clause_at[i] = clause(m); break;
    case 1:
        clause_at[i] = clause_at[k];
        clause_at[k] = moved;
        break;
    case 2:
        if (*n > 1)
            clause_at[i] = clause_at[--*n];
        break;
    default:
        memmove(clause_at + i, clause_at + i + 1, (*n - i - 1) * sizeof(moved));
        memmove(clause_at + k + 1, clause_at + k, (*n - k - 1) * sizeof(moved));
        clause_at[k] = moved;
        break;
    }
}

static void change(struct maker *m, struct written *w)
{
    if (w->n_second > 0 && rarely(m->choice, 3)) {
        change_route(m, w->second, &w->n_second);
        return;
    }
    m->leads = w->n_second > 0;
    change_route(m, w->clause, &w->n);
    m->leads = false;
}

bool brute_diff(struct choice *c, struct brute_count *count, struct text *why)
{
    struct maker maker = {.choice = c};
    struct written w = {0};
    struct made a, b;
    make(&maker, &w);
    const bool first = compile_written(&w, &a);
    for (uint32_t n = 1 + choose(c, 2); n > 0; n--)
        change(&maker, &w);
    count->leading += w.n_second > 0;
    count->rewriting += maker.rewritten;
    const bool second = compile_written(&w, &b);
    bool agree = true;
    if (first && second)
        agree = diff_agrees(&a, &b, maker.kinds, count, why);
    if (!agree) {
        text_add(why, text_slice(&a.text));
        text_add(why, text_slice(&b.text));
    }
    made_done(&a);
    made_done(&b);
    arena_free(&maker.arena);
    return agree;
}

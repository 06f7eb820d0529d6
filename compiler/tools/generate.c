#include "compiler/tools/generate.h"

#include "compiler/prove/prove.h"
#include "compiler/prove/witness.h"
#include "compiler/table/eval.h"
#include "compiler/tools/after.h"
#include "compiler/tools/explain_priv.h"
#include "compiler/tools/request.h"
#include "compiler/tools/unparse_priv.h"
#include "runtime/base/text.h"

struct generating {
    const struct program *program;
    const struct table *table;
    struct text *out;
    struct arena arena;
    uint32_t clause; /* the one that is to act */
    bool acted;
    struct request request;
    struct verdict verdict;
    struct after after;
};

static void seen(void *to, struct eval_step step)
{
    struct generating *g = to;
    g->acted = g->acted || step.node == g->table->clause[g->clause].then;
}

/* Who comes with a token is its subject. */
static bool read_claims(struct generating *g, const struct witness *w)
{
    const char *problem = NULL;
    for (uint32_t i = 0; i < w->n_live && !problem; i++)
        if (w->live[i].field == FIELD_CLAIM)
            problem = request_add_claim(&g->request, w->live[i].key, w->live[i].text, &g->arena);
    if (!problem && w->facts.user.at && g->table->requires_jwt)
        problem = request_add_claim(&g->request, SLICE("sub"), w->facts.user, &g->arena);
    return problem == NULL;
}

/* The witness as a request of a test. False when a test cannot ask it. */
static bool read_request(struct generating *g, const struct witness *w)
{
    const struct facts *f = &w->facts;
    const bool host = f->host.len > 0;
    const struct slice line =
        arena_format(&g->arena, SLICE_FMT " " SLICE_FMT "%s" SLICE_FMT SLICE_FMT,
                     SLICE_ARG(f->method), SLICE_ARG(host ? f->scheme : SLICE("")),
                     host ? "://" : "", SLICE_ARG(f->host), SLICE_ARG(f->uri));
    if (request_parse(&g->request, line, f->path_rules, &g->arena))
        return false;
    for (uint32_t i = 0; i < w->n_headers; i++) {
        const struct slice header =
            arena_format(&g->arena, SLICE_FMT ": " SLICE_FMT, SLICE_ARG(w->header[i].name),
                         SLICE_ARG(w->header[i].value));
        if (request_add_header(&g->request, header, &g->arena))
            return false;
    }
    if (!read_claims(g, w))
        return false;
    struct slice *exceeded = ARENA_ARRAY(&g->arena, struct slice, w->n_live);
    g->request.exceeded = exceeded;
    g->request.n_exceeded = 0;
    for (uint32_t i = 0; i < w->n_live; i++)
        if (w->live[i].field == FIELD_LIMIT_EXCEEDED)
            exceeded[g->request.n_exceeded++] = w->live[i].key;
    request_assume(&g->request, g->table);
    g->request.facts.src = f->src;
    g->request.facts.listener = f->listener;
    return request_served(&g->request) == NULL;
}

static bool decides_alike(struct generating *g, uint32_t route)
{
    const struct eval_trace trace = {.seen = seen, .to = g};
    g->acted = false;
    eval(g->table, route, &g->request.facts, &g->verdict, &trace);
    return g->acted && !g->verdict.overflow && !g->verdict.bad_target;
}

static void write_request(struct generating *g, const struct witness *w)
{
    const struct facts *f = &w->facts;
    struct slice url = f->uri;
    char from[ADDRESS_TEXT_MAX];
    address_format(&f->src, from);
    if (f->host.len > 0)
        url = arena_format(&g->arena, SLICE_FMT "://" SLICE_FMT SLICE_FMT, SLICE_ARG(f->scheme),
                           SLICE_ARG(f->host), SLICE_ARG(f->uri));
    text_addf(g->out, "  request " SLICE_FMT " ", SLICE_ARG(f->method));
    unparse_string(g->out, url);
    text_addf(g->out, " from %s", from);
    for (uint32_t i = 0; i < w->n_headers; i++) {
        text_adds(g->out, " header ");
        unparse_string(g->out, w->header[i].name);
        text_addc(g->out, ' ');
        unparse_string(g->out, w->header[i].value);
    }
    for (uint32_t i = 0; i < g->request.n_claims; i++) {
        text_adds(g->out, " claim ");
        unparse_string(g->out, g->request.claim[i].name);
        text_addc(g->out, ' ');
        unparse_string(g->out, g->request.claim[i].value);
    }
    if (g->table->n_listeners > 1)
        text_addf(g->out, " listener " SLICE_FMT, SLICE_ARG(f->listener));
    for (uint32_t i = 0; i < g->request.n_exceeded; i++)
        text_addf(g->out, "%s" SLICE_FMT, i > 0 ? ", " : " exceeds ",
                  SLICE_ARG(g->request.exceeded[i]));
    text_addc(g->out, '\n');
}

static void write_outcome(struct generating *g)
{
    enum { ROOM = 4096 };
    char location[ROOM];
    const struct table_end *e = &g->table->end[g->verdict.end];
    if (explain_is_forwarded(e->kind))
        text_addf(g->out, "  expect forward " SLICE_FMT,
                  SLICE_ARG(g->table->cluster[g->verdict.cluster].name));
    else
        text_addf(g->out, "  expect %s", table_end_name(e->kind));
    if (explain_is_answered(e->kind))
        text_addf(g->out, " %u", e->status);
    if (e->kind == END_REDIRECT) {
        const size_t len =
            eval_template(g->table, &e->location, &g->request.facts, &g->verdict, location, ROOM);
        text_addc(g->out, ' ');
        if (len <= ROOM)
            unparse_string(g->out, (struct slice){location, len});
    }
    text_addc(g->out, '\n');
}

/* What the request's path and its changed headers are in the end. */
static void write_changes(struct generating *g)
{
    after_init(&g->after, g->table, &g->request.facts, &g->verdict);
    if (!slice_eq(g->after.facts.path, g->request.facts.path)) {
        text_adds(g->out, "  expect request path == ");
        unparse_string(g->out, g->after.facts.path);
        text_addc(g->out, '\n');
    }
    for (uint32_t i = 0; i < g->verdict.n_effects; i++) {
        const struct table_effect *e = &g->table->effect[g->verdict.effect[i]];
        const struct slice name = e->name;
        bool again = !table_effect_is_header(e->kind, false);
        for (uint32_t k = 0; k < i && !again; k++)
            again = slice_eq(g->table->effect[g->verdict.effect[k]].name, name);
        if (again)
            continue;
        uint32_t cursor = 0;
        struct slice value;
        const struct facts *f = &g->after.facts;
        while (f->header(f->request, name, &cursor, &value)) {
            text_adds(g->out, "  expect request header ");
            unparse_string(g->out, name);
            text_adds(g->out, " == ");
            unparse_string(g->out, value);
            text_addc(g->out, '\n');
        }
        if (cursor > 0)
            continue;
        text_adds(g->out, "  expect request not header ");
        unparse_string(g->out, name);
        text_adds(g->out, " exists\n");
    }
}

static void write_test(struct generating *g, const struct witness *w, const char *name)
{
    text_addf(g->out, "\ntest \"%s\" {\n", name);
    write_request(g, w);
    write_outcome(g);
    write_changes(g);
    text_adds(g->out, "}\n");
}

static void generate(struct generating *g, struct prover *prover)
{
    const struct table_clause *c = &g->table->clause[g->clause];
    const struct slice name = arena_format(&g->arena, SLICE_FMT ": clause %u",
                                           SLICE_ARG(g->table->route[c->route].name), c->number);
    const struct witness *w = NULL;
    uint32_t root = 0;
    switch (prover_clause(prover, g->clause, &w, &root)) {
    case PROOF_NEVER: text_addf(g->out, "\n# %s: no request gets there\n", name.at); return;
    case PROOF_UNKNOWN: text_addf(g->out, "\n# %s: no request was found\n", name.at); return;
    case PROOF_FOUND: break;
    }
    if (read_request(g, w) && decides_alike(g, root)) {
        write_test(g, w, name.at);
        return;
    }
    struct text told = {0};
    witness_write(w, &told);
    text_addf(g->out, "\n# %s: goes by what a test cannot say: %s\n", name.at, told.at);
    text_done(&told);
}

void generate_tests(const struct program *p, const struct table *t, struct text *out)
{
    struct generating *g = MUST_NEW(struct generating);
    struct prover *prover = prover_new(t, p);
    g->program = p;
    g->table = t;
    g->out = out;
    for (g->clause = 0; g->clause < t->n_clauses; g->clause++) {
        generate(g, prover);
        arena_free(&g->arena);
    }
    prover_free(prover);
    free(g);
}

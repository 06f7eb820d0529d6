#include "compiler/tools/testcase.h"

#include "compiler/ref/ref.h"
#include "compiler/tools/after.h"
#include "compiler/tools/explain_priv.h"
#include "compiler/tools/request.h"
#include "grammar/diag.h"
#include "runtime/base/text.h"

/* Of a condition that does not hold, so many fields are shown with their values. */
#define FIELDS_SHOWN 6u

struct running {
    const struct program *program;
    const struct table *table;
    const struct program_test *test;
    const struct testcase_watch *watch;
    struct diags *diags;
    struct arena arena;
    struct request request;
    struct verdict verdict;
    struct after after;
};

static const char *outcome_word(enum program_outcome_kind kind)
{
    switch (kind) {
    case OUTCOME_FORWARD: return "forward";
    case OUTCOME_DENY: return "deny";
    case OUTCOME_RESPOND: return "respond";
    case OUTCOME_REDIRECT: return "redirect";
    case OUTCOME_TARPIT: return "tarpit";
    case OUTCOME_DROP: return "drop";
    }
    ASSERT(!"every case above returns");
    return "";
}

void testcase_outcome(const struct program *p, const struct program_outcome *o, struct text *out)
{
    text_adds(out, outcome_word(o->kind));
    if (o->cluster != OUTCOME_ANY)
        text_addf(out, " " SLICE_FMT, SLICE_ARG(p->cluster[o->cluster].name));
    if (o->status != OUTCOME_ANY)
        text_addf(out, " %u", o->status);
    if (!o->text.at)
        return;
    text_adds(out, o->kind == OUTCOME_DENY ? " with " : " ");
    text_add_json(out, o->text);
}

static bool is_location(const struct running *r, const struct table_end *e, struct slice wanted)
{
    enum { ROOM = 16 * 1024 };
    char *location = arena_take(&((struct running *)(uintptr_t)r)->arena, ROOM, 1);
    const size_t len =
        eval_template(r->table, &e->location, &r->request.facts, &r->verdict, location, ROOM);
    return len <= ROOM && slice_eq((struct slice){location, len}, wanted);
}

static bool is_refused(const struct verdict *v)
{
    return v->overflow || v->bad_target;
}

/* Where chance decides, it may come to any of several clusters. */
static bool may_come_to(const struct running *r, const struct table_end *e, struct slice cluster)
{
    const struct table *t = r->table;
    if (slice_eq(t->cluster[r->verdict.cluster].name, cluster))
        return true;
    uint32_t below = 0;
    for (uint32_t i = 0; e->kind == END_SPLIT && e->field == FIELD_COUNT && i < e->n_choices; i++) {
        if (e->choice[i].below > below && slice_eq(t->cluster[e->choice[i].cluster].name, cluster))
            return true;
        below = e->choice[i].below;
    }
    return false;
}

/* Is it what comes of the request, or, where chance decides, what may come of it? */
static bool outcome_comes(const struct running *r, const struct program_outcome *o)
{
    const struct table_end *e = &r->table->end[r->verdict.end];
    const char *word =
        explain_is_forwarded(e->kind) ? table_end_name(END_FORWARD) : table_end_name(e->kind);
    if (is_refused(&r->verdict) || strcmp(word, outcome_word(o->kind)) != 0)
        return false;
    if (o->kind == OUTCOME_FORWARD)
        return o->cluster == OUTCOME_ANY || may_come_to(r, e, r->program->cluster[o->cluster].name);
    if (o->status != OUTCOME_ANY && o->status != e->status)
        return false;
    if (!o->text.at)
        return true;
    return o->kind == OUTCOME_REDIRECT ? is_location(r, e, o->text) : slice_eq(e->body, o->text);
}

/* The fields of a condition, each once, with what they are. */
static void note_fields(struct running *r, const struct explain *x, const struct cond *c,
                        uint32_t *left)
{
    for (; c && *left > 0; c = c->right) {
        if (c->kind != COND_ATOM) {
            note_fields(r, x, c->left, left);
            continue;
        }
        struct text note = {0};
        table_field_write(c->field, c->key, '"', &note);
        text_adds(&note, " is ");
        explain_values(x, NULL, c->field, c->key, &note);
        diag_note(r->diags, "%s", note.at);
        text_done(&note);
        --*left;
        return;
    }
}

static void note_decision(struct running *r, const struct explain *x)
{
    if (is_refused(&r->verdict))
        return;
    const struct table_clause *c = &r->table->clause[r->verdict.clause];
    diag_also(r->diags, explain_span(x, r->verdict.clause),
              "clause %u of route `" SLICE_FMT "` decides", c->number,
              SLICE_ARG(r->table->route[c->route].name));
}

static void say_outcome(struct running *r, const struct explain *x,
                        const struct program_expect *expect)
{
    struct text wanted = {0}, got = {0};
    testcase_outcome(r->program, expect->outcome, &wanted);
    if (is_refused(&r->verdict))
        text_adds(&got, r->verdict.overflow ? "refused with 431" : "refused with 400");
    else
        explain_decision(x, &r->verdict, &got);
    const struct slice body = r->table->end[r->verdict.end].body;
    if (expect->outcome->text.at && !is_refused(&r->verdict) && body.len > 0) {
        text_adds(&got, " with ");
        text_add_json(&got, body);
    }
    diag(r->diags, DIAG_TEST_FAILED, expect->span, SLICE_ARG(r->test->name));
    diag_label(r->diags, "%s was expected, and it is: %s", wanted.at, got.at);
    note_decision(r, x);
    text_done(&wanted);
    text_done(&got);
}

static void say_request(struct running *r, const struct explain *x,
                        const struct program_expect *expect)
{
    struct explain after = *x;
    uint32_t left = FIELDS_SHOWN;
    after.facts = &r->after.facts;
    diag(r->diags, DIAG_TEST_FAILED, expect->span, SLICE_ARG(r->test->name));
    diag_label(r->diags, "this does not hold for the request as the server gets it");
    note_fields(r, &after, expect->request, &left);
    note_decision(r, x);
}

static uint32_t judge(struct running *r, const struct explain *x, const struct program_request *q)
{
    uint32_t failed = 0;
    after_init(&r->after, r->table, &r->request.facts, &r->verdict);
    for (uint32_t i = 0; i < q->n_expects; i++) {
        const struct program_expect *e = &q->expect[i];
        if (e->outcome && !outcome_comes(r, e->outcome)) {
            say_outcome(r, x, e);
            failed++;
        } else if (e->request && !ref_holds(e->request, &r->after.facts, &r->arena)) {
            say_request(r, x, e);
            failed++;
        }
    }
    return failed;
}

static const char *read_request(struct running *r, const struct program_request *q)
{
    const struct table_listener *l = &r->table->listener[q->listener];
    const struct slice line =
        arena_format(&r->arena, SLICE_FMT " " SLICE_FMT, SLICE_ARG(q->method), SLICE_ARG(q->url));
    const char *problem = request_parse(&r->request, line, l->path_rules, &r->arena);
    for (uint32_t i = 0; i < q->n_headers && !problem; i++)
        problem = request_add_header(&r->request,
                                     arena_format(&r->arena, SLICE_FMT ": " SLICE_FMT,
                                                  SLICE_ARG(q->header[i].name),
                                                  SLICE_ARG(q->header[i].value)),
                                     &r->arena);
    for (uint32_t i = 0; i < q->n_claims && !problem; i++)
        problem = request_add_claim(&r->request, q->claim[i].name, q->claim[i].value, &r->arena);
    r->request.facts.src = q->src;
    if (!problem)
        problem = request_served(&r->request);
    return problem ? problem : request_fits(&r->request, l);
}

static uint32_t ask(struct running *r, const struct program_request *q)
{
    const char *problem = read_request(r, q);
    if (problem) {
        diag(r->diags, DIAG_TEST_REQUEST, q->url_span, problem);
        return 1;
    }
    const struct table_listener *listener = &r->table->listener[q->listener];
    r->request.facts.listener = listener->name;
    r->request.exceeded = q->exceeded;
    r->request.n_exceeded = q->n_exceeded;
    request_assume(&r->request, r->table);
    const struct explain x = {r->table, r->program, listener->route, &r->request.facts,
                              .says_claims = r->request.n_claims > 0};
    eval(r->table, x.route, x.facts, &r->verdict, r->watch ? r->watch->trace : NULL);
    const uint32_t failed = judge(r, &x, q);
    if (r->watch && r->watch->step)
        r->watch->step(r->watch->to, &(struct testcase_step){.test = r->test,
                                                             .request = q,
                                                             .decided = &x,
                                                             .verdict = &r->verdict,
                                                             .failed = failed});
    return failed;
}

uint32_t testcase_run(const struct program *p, const struct table *t,
                      const struct program_test *test, const struct testcase_watch *watch,
                      struct diags *d)
{
    struct running *r = MUST_NEW(struct running);
    uint32_t failed = 0;
    r->program = p;
    r->table = t;
    r->test = test;
    r->watch = watch;
    r->diags = d;
    for (uint32_t i = 0; i < test->n_requests; i++) {
        failed += ask(r, &test->request[i]);
        arena_free(&r->arena);
    }
    free(r);
    return failed;
}

uint32_t testcase_run_all(const struct program *p, const struct table *t, struct diags *d)
{
    uint32_t failed = 0;
    for (uint32_t i = 0; i < p->n_tests; i++)
        failed += testcase_run(p, t, &p->test[i], NULL, d) > 0;
    return failed;
}

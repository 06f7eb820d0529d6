#include "compiler/tools/edited.h"

#include "compiler/sema/program.h"
#include "compiler/tools/testcase.h"
#include "grammar/report.h"
#include "runtime/base/arena.h"

/* One of the two texts, compiled. */
struct version {
    struct sources *sources;
    struct arena arena;
    struct diags *diags;
    struct table *table;
};

static void version_init(struct version *v, struct slice name, struct slice text,
                         const struct compile_options *options)
{
    *v = (struct version){.sources = sources_new()};
    v->diags = diags_new(v->sources, 0);
    const int index = sources_add(v->sources, name, text);
    if (index < 0) {
        diag(v->diags, DIAG_TOO_LONG, (struct span){0, 0}, SOURCE_BYTES_MAX >> 20);
        return;
    }
    const struct program *program;
    v->table = compile(v->sources, options, &v->arena, v->diags, &program);
    if (v->table)
        (void)testcase_run_all(program, v->table, v->diags);
}

static void version_done(struct version *v)
{
    table_free(v->table);
    diags_free(v->diags);
    sources_free(v->sources);
    arena_free(&v->arena);
}

/* An error of the text before; taken: it is one of the text after, too. */
struct known {
    const struct report *report;
    bool taken;
};

struct comparison {
    VEC(struct known) known;
    VEC(const struct report *) old; /* of the text after: they were there */
    uint32_t same, changed_to;      /* what is before, and from where the text after is as it was */
    int64_t longer;
};

static void note(void *to, const struct report *r)
{
    struct comparison *c = to;
    if (diag_text(r->code)->severity == SEVERITY_ERROR)
        VEC_ADD(&c->known, ((struct known){.report = r}));
}

static bool is_noted_old(const struct comparison *c, const struct report *r)
{
    for (uint32_t i = 0; i < c->old.n; i++)
        if (c->old.at[i] == r)
            return true;
    return false;
}

static bool take(struct comparison *c, const struct report *r, bool in_its_place)
{
    const uint32_t at = r->primary.span.from;
    const int64_t before = at < c->same ? at : at - c->longer;
    const bool untouched = at < c->same || at >= c->changed_to;
    if (in_its_place && !untouched)
        return false;
    for (uint32_t i = 0; i < c->known.n; i++) {
        struct known *k = &c->known.at[i];
        if (k->taken || k->report->code != r->code || !slice_eq(k->report->message, r->message) ||
            (in_its_place && k->report->primary.span.from != before))
            continue;
        k->taken = true;
        VEC_ADD(&c->old, r);
        return true;
    }
    return false;
}

static void take_in_place(void *to, const struct report *r)
{
    (void)take(to, r, true);
}

static bool is_new(void *to, const struct report *r)
{
    struct comparison *c = to;
    return diag_text(r->code)->severity == SEVERITY_ERROR && !is_noted_old(c, r) &&
           !take(c, r, false);
}

/* Errors of both texts are matched by their places first, so that of two that read the same the new
 * one is told. */
static void keep_new(const struct version *before, struct version *after, struct slice old,
                     struct slice new)
{
    struct comparison c = {0};
    while (c.same < old.len && c.same < new.len &&old.at[c.same] == new.at[c.same])
        c.same++;
    size_t tail = 0;
    while (tail < old.len - c.same &&
           tail < new.len - c.same &&old.at[old.len - 1 - tail] == new.at[new.len - 1 - tail])
        tail++;
    c.changed_to = (uint32_t)(new.len - tail);
    c.longer = (int64_t) new.len - (int64_t)old.len;
    diags_each(before->diags, note, &c);
    diags_each(after->diags, take_in_place, &c);
    diags_keep(after->diags, is_new, &c);
    VEC_DONE(&c.known);
    VEC_DONE(&c.old);
}

unsigned edited_errors(struct slice name, struct slice before, struct slice after,
                       const struct compile_options *options, enum diag_format format,
                       struct text *said)
{
    struct version new, old;
    version_init(&new, name, after, options);
    if (diag_errors(new.diags) > 0) {
        struct compile_options as_far = *options;
        as_far.only_program = true;
        version_init(&old, name, before, &as_far);
        if (diag_errors(old.diags) == 0) {
            version_done(&old);
            version_init(&old, name, before, options);
        } else {
            version_done(&new);
            version_init(&new, name, after, &as_far);
        }
        keep_new(&old, &new, before, after);
        version_done(&old);
    }
    const unsigned errors = diag_errors(new.diags);
    if (errors > 0)
        diag_render(new.diags, format, said);
    version_done(&new);
    return errors;
}

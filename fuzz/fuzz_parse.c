/* Any bytes: the tokens are the text, every report renders and lies in it, and what compiles
 * unparses to something that compiles to the same text again. */
#include "compiler/compile.h"
#include "compiler/tools/unparse.h"
#include "grammar/diag.h"
#include "grammar/parse.h"
#include "runtime/base/arena.h"
#include "runtime/base/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct run {
    struct sources *sources;
    struct diags *diags;
    struct arena arena;
    struct table *table;
    const struct program *program;
};

static const char *variable(void *from, const char *name)
{
    (void)from;
    return name[0] == 'P' ? "8080" : NULL;
}

static void run(struct run *r, struct slice text)
{
    const struct compile_options options = {.env = variable};
    *r = (struct run){.sources = sources_new()};
    const int index = sources_add(r->sources, SLICE("fuzz.lbconf"), text);
    ASSERT(index == 0);
    r->diags = diags_new(r->sources, 0);
    r->table = compile(r->sources, &options, &r->arena, r->diags, &r->program);
    ASSERT((r->table == NULL) == (diag_errors(r->diags) > 0));
}

static void done(struct run *r)
{
    table_free(r->table);
    diags_free(r->diags);
    sources_free(r->sources);
    arena_free(&r->arena);
}

/* The tokens with what stands before them, one after the other, are the text. */
static void tokens_are_the_text(struct slice text)
{
    struct sources *sources = sources_new();
    const int index = sources_add(sources, SLICE("fuzz.lbconf"), text);
    struct diags *diags = diags_new(sources, 0);
    struct arena arena = {0};
    const struct tree tree = parse(sources, index, &arena, diags);
    uint32_t at = 0;
    for (uint32_t i = 0; i < tree.tokens.n; i++) {
        const struct token *t = &tree.tokens.at[i];
        ASSERT(t->lead == at && t->span.from >= at && t->span.to >= t->span.from);
        ASSERT(t->text.len == t->span.to - t->span.from);
        ASSERT(t->text.len == 0 || memcmp(t->text.at, text.at + t->span.from, t->text.len) == 0);
        at = t->span.to;
    }
    ASSERT(tree.tokens.n == 0 || at == text.len); /* none: not text, or too long */
    arena_free(&arena);
    diags_free(diags);
    sources_free(sources);
}

static void reports_render(const struct run *r, size_t size)
{
    for (uint32_t i = 0; i < diags_count(r->diags) && i < 50; i++) {
        const struct span s = diags_span(r->diags, i);
        ASSERT(s.from <= s.to && s.to <= size);
    }
    struct text out = {0};
    diag_render(r->diags, DIAG_HUMAN, &out);
    diag_render(r->diags, DIAG_HUMAN_COLOR, &out);
    diag_render(r->diags, DIAG_JSON, &out);
    text_done(&out);
}

static void unparses_to_itself(const struct run *r)
{
    struct text first = {0}, second = {0};
    unparse(r->program, &first);
    struct run again;
    run(&again, text_slice(&first));
    ASSERT(again.table != NULL);
    unparse(again.program, &second);
    ASSERT(slice_eq(text_slice(&first), text_slice(&second)));
    text_done(&first);
    text_done(&second);
    done(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct slice text = {(const char *)data, size};
    tokens_are_the_text(text);
    struct run r;
    run(&r, text);
    reports_render(&r, size);
    if (r.table)
        unparses_to_itself(&r);
    done(&r);
    return 0;
}

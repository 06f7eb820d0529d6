/* Any bytes that parse: their canonical text has the same tokens and comments (format() itself
 * asserts that), is canonical, and compiles to the same program. */
#include "compiler/compile.h"
#include "compiler/tools/unparse.h"
#include "grammar/diag.h"
#include "grammar/format/format.h"
#include "runtime/base/arena.h"
#include "runtime/base/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *variable(void *from, const char *name)
{
    (void)from;
    return name[0] == 'P' ? "8080" : NULL;
}

static bool formatted(struct slice text, struct text *out)
{
    struct sources *sources = sources_new();
    const int index = sources_add(sources, SLICE("fuzz.lbconf"), text);
    ASSERT(index == 0);
    struct diags *d = diags_new(sources, 0);
    struct arena arena = {0};
    const bool done = format(sources, index, &arena, d, out);
    ASSERT(done == (diag_errors(d) == 0));
    arena_free(&arena);
    diags_free(d);
    sources_free(sources);
    return done;
}

/* What the text comes to; nothing when it has mistakes. */
static void meaning(struct slice text, struct text *out)
{
    const struct compile_options options = {.env = variable};
    struct sources *sources = sources_new();
    const int index = sources_add(sources, SLICE("fuzz.lbconf"), text);
    ASSERT(index == 0);
    struct diags *d = diags_new(sources, 0);
    struct arena arena = {0};
    const struct program *program;
    struct table *table = compile(sources, &options, &arena, d, &program);
    if (table)
        unparse(program, out);
    table_free(table);
    arena_free(&arena);
    diags_free(d);
    sources_free(sources);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct slice text = {(const char *)data, size};
    struct text once = {0}, twice = {0}, before = {0}, after = {0};
    if (formatted(text, &once)) {
        const bool again = formatted(text_slice(&once), &twice);
        ASSERT(again && slice_eq(text_slice(&once), text_slice(&twice)));
        meaning(text, &before);
        meaning(text_slice(&once), &after);
        ASSERT(slice_eq(text_slice(&before), text_slice(&after)));
    }
    text_done(&once);
    text_done(&twice);
    text_done(&before);
    text_done(&after);
    return 0;
}

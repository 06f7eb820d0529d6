#include "runtime/daemon/differs.h"

#include "compiler/cli/regions.h"
#include "compiler/tools/objects.h"
#include "runtime/base/clock.h"

static bool given(void *of, struct slice path, struct slice *text)
{
    return copies_text(of, path, text);
}

/* It was right when it was loaded: nothing is proven once more. */
static bool compile_served(const struct copies *served, const char *path, struct loaded *out)
{
    struct compile_options options = cli_compile;
    options.to_run = options.without_proofs = true;
    *out = (struct loaded){.sources = sources_new()};
    sources_ask(out->sources, given, (void *)(uintptr_t)served);
    const int index = sources_load(out->sources, path);
    out->diags = diags_new(out->sources, 0);
    if (index >= 0)
        out->table = compile(out->sources, &options, &out->arena, out->diags, &out->program);
    return out->table != NULL;
}

static uint64_t bytes_of(const struct copies *served)
{
    uint64_t n = 0;
    for (uint32_t i = 0; i < served->list.n; i++)
        n += served->list.at[i].text.len;
    return n;
}

static bool is_over(void *of)
{
    const int64_t *until_ns = of;
    return clock_now_ns() >= *until_ns;
}

static void compare(const struct loaded *before, const struct loaded *now,
                    const struct table *table, struct text *out)
{
    int64_t until_ns = clock_now_ns() + DIFFERS_NS_MAX;
    const struct diff_patience patience = {is_over, &until_ns};
    struct diff regions;
    struct objects_diff objects;
    struct arena arena = {0};
    diff_make_patiently(&(struct diff_side){before->table, before->program},
                        &(struct diff_side){table, now->program}, &patience, &regions);
    objects_diff(before->program, now->program, &arena, &objects);
    regions_summarise(&regions, before->table, table, &objects, out);
    diff_done(&regions);
    objects_diff_done(&objects);
    arena_free(&arena);
}

void differs_write(const struct copies *served, const char *path, const struct loaded *now,
                   const struct table *table, struct text *out)
{
    struct loaded before = {0};
    bool small = bytes_of(served) <= DIFFERS_BYTES_MAX && table->n_clauses <= DIFFERS_CLAUSES_MAX;
    const bool compiled = small && compile_served(served, path, &before);
    if (compiled)
        small = before.table->n_clauses <= DIFFERS_CLAUSES_MAX;
    if (!small)
        text_adds(out, "it is too large to say at once what is treated otherwise: \"lbc diff\" "
                       "does\n");
    else if (!compiled)
        text_adds(out, "what is treated otherwise could not be told\n");
    else
        compare(&before, now, table, out);
    loaded_done(&before);
}

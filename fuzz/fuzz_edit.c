/* A sentence on the first line, a configuration below: what the patch leaves is left, comments too,
 * the result parses (edit() itself insists), and the contrary sentence gives the old text back. */
#include "grammar/diag.h"
#include "grammar/edit/edit.h"
#include "grammar/outline.h"
#include "grammar/parse.h"
#include "runtime/base/arena.h"
#include "runtime/base/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool edited(struct slice text, struct slice request, struct text *out)
{
    struct sources *sources = sources_new();
    const int file = sources_add(sources, SLICE("fuzz.lbconf"), text);
    const int sentence = sources_add(sources, SLICE("request"), request);
    ASSERT(file == 0 && sentence == 1);
    struct diags *d = diags_new(sources, 0);
    struct arena arena = {0};
    struct edit_patch patch;
    const bool done = edit(sources, file, sentence, &arena, d, &patch);
    ASSERT(done == (diag_errors(d) == 0));
    if (done) {
        ASSERT(patch.from <= patch.to && patch.to <= text.len);
        text_add(out, edit_apply(text, &patch, &arena));
    }
    struct text said = {0};
    diag_render(d, DIAG_HUMAN, &said);
    text_done(&said);
    arena_free(&arena);
    diags_free(d);
    sources_free(sources);
    return done;
}

static uint32_t comments(struct slice text)
{
    struct sources *sources = sources_new();
    const int index = sources_add(sources, SLICE("fuzz.lbconf"), text);
    ASSERT(index == 0);
    struct diags *d = diags_new(sources, 0);
    struct arena arena = {0};
    const struct tree tree = parse(sources, index, &arena, d);
    ASSERT(diag_errors(d) == 0);
    uint32_t first, n = 0;
    const struct slice own = sources_text(sources, index, &first);
    const struct outline o = outline(&tree, own, &arena);
    for (uint32_t i = 0; i <= o.n; i++) {
        struct slice gap = o.piece[i].gap;
        struct gap_comment c;
        uint32_t newlines;
        while (gap_next(&gap, &c, &newlines))
            n++;
    }
    arena_free(&arena);
    diags_free(d);
    sources_free(sources);
    return n;
}

/* `add PLACE X` against `remove PLACE X`. */
static void takes_back(struct slice text, struct slice request, struct slice after)
{
    struct text contrary = {0}, back = {0};
    text_adds(&contrary, "remove ");
    text_add(&contrary, slice_from(request, 4));
    const bool there_before = edited(text, text_slice(&contrary), &back);
    text_clear(&back);
    if (!there_before && edited(after, text_slice(&contrary), &back))
        ASSERT(slice_eq(text_slice(&back), text));
    text_done(&contrary);
    text_done(&back);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice text = {(const char *)data, size}, request;
    if (!slice_split(&text, '\n', &request))
        return 0;
    if (!text.at)
        text = SLICE("");
    struct text after = {0};
    if (edited(text, request, &after)) {
        const bool removes = slice_starts(slice_trim(request), SLICE("remove"));
        ASSERT(removes || comments(text) == comments(text_slice(&after)));
        if (slice_starts(request, SLICE("add ")))
            takes_back(text, request, text_slice(&after));
    }
    text_done(&after);
    return 0;
}

/* The canonical text, as the edit that makes it. */
#include "grammar/format/format.h"

#include "compiler/lsp/server.h"

/* How far two texts are the same, in whole lines. */
static uint32_t same_begin(struct slice a, struct slice b)
{
    uint32_t line = 0;
    for (uint32_t i = 0; i < a.len && i < b.len && a.at[i] == b.at[i]; i++)
        if (a.at[i] == '\n')
            line = i + 1;
    return line;
}

static uint32_t same_end(struct slice a, struct slice b)
{
    uint32_t line = 0;
    for (uint32_t i = 0; i < a.len && i < b.len; i++) {
        const char x = a.at[a.len - 1 - i];
        if (x != b.at[b.len - 1 - i])
            break;
        if (x == '\n')
            line = i; /* the line end itself belongs to what is before it */
    }
    return line;
}

/* One edit for all between the first and the last line that differ. */
static void add_edit(const struct ask *a, struct slice before, struct slice after, struct text *out)
{
    const uint32_t begin = same_begin(before, after);
    const struct slice x = slice_from(before, begin), y = slice_from(after, begin);
    const uint32_t end = same_end(x, y);
    const uint32_t first = a->p->file[a->file].first;
    const struct span span = {first + begin, first + (uint32_t)before.len - end};
    text_adds(out, "{\"range\":");
    project_add_range(a->p, a->s->encoding, span, out);
    text_adds(out, ",\"newText\":");
    text_add_json(out, (struct slice){y.at, y.len - end});
    text_addc(out, '}');
}

/* Nothing, where the text does not parse: diagnostics say why. */
bool format_document(struct ask *a, struct text *out)
{
    struct arena arena = {0};
    struct diags *unheard = diags_new(a->p->sources, 1);
    struct text after = {0};
    if (format(a->p->sources, a->p->file[a->file].index, &arena, unheard, &after)) {
        const struct slice before = a->p->file[a->file].lines.text;
        text_addc(out, '[');
        if (!slice_eq(before, text_slice(&after)))
            add_edit(a, before, text_slice(&after), out);
        text_addc(out, ']');
    }
    text_done(&after);
    diags_free(unheard);
    arena_free(&arena);
    return true;
}

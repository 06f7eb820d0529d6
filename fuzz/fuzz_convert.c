/* Any bytes that are a configuration: as YAML and as JSON they have the same tokens, comments (in
 * YAML) and meaning. Any bytes that are a YAML configuration have the tokens of what they convert
 * to. */
#include "compiler/compile.h"
#include "compiler/tools/unparse.h"
#include "grammar/convert/convert.h"
#include "grammar/diag.h"
#include "grammar/outline.h"
#include "grammar/parser.h"
#include "runtime/base/arena.h"
#include "runtime/base/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct slice name[] = {[CONVERT_LBCONF] = SLICE_INIT("fuzz.lbconf"),
                                    [CONVERT_YAML] = SLICE_INIT("fuzz.yaml"),
                                    [CONVERT_JSON] = SLICE_INIT("fuzz.json")};

struct read {
    struct sources *sources;
    struct diags *diags;
    struct arena arena;
};

static void begin(struct read *r, struct slice text, enum convert_form form)
{
    *r = (struct read){.sources = sources_new()};
    const int index = sources_add(r->sources, name[form], text);
    ASSERT(index == 0);
    r->diags = diags_new(r->sources, 0);
}

static void done(struct read *r)
{
    arena_free(&r->arena);
    diags_free(r->diags);
    sources_free(r->sources);
}

static bool converted(struct slice text, enum convert_form from, enum convert_form to,
                      struct text *out)
{
    struct read r;
    begin(&r, text, from);
    const bool right = convert(r.sources, 0, to, &r.arena, r.diags, out);
    ASSERT(right == (diag_errors(r.diags) == 0));
    struct text said = {0};
    diag_render(r.diags, DIAG_HUMAN, &said);
    text_done(&said);
    done(&r);
    return right;
}

/* The tokens, separators aside, each in its kind. */
static void tokens(struct slice text, enum convert_form form, struct text *out)
{
    struct read r;
    begin(&r, text, form);
    const struct tree tree = convert_parse(r.sources, 0, &r.arena, r.diags);
    ASSERT(diag_errors(r.diags) == 0);
    for (uint32_t i = 0; i < tree.tokens.n; i++) {
        const struct token *t = &tree.tokens.at[i];
        ASSERT(t->span.from <= t->span.to && t->span.to <= text.len);
        if (t->kind != TK_SEP)
            text_addf(out, "%d " SLICE_FMT "\n", t->kind, SLICE_ARG(t->text));
    }
    done(&r);
}

static uint32_t comments(struct slice text)
{
    struct read r;
    begin(&r, text, CONVERT_LBCONF);
    const struct tree tree = parse(r.sources, 0, &r.arena, r.diags);
    const struct outline o = outline(&tree, text, &r.arena);
    uint32_t n = 0;
    for (uint32_t i = 0; i <= o.n; i++) {
        struct slice gap = o.piece[i].gap;
        struct gap_comment c;
        uint32_t newlines;
        while (gap_next(&gap, &c, &newlines))
            n++;
    }
    done(&r);
    return n;
}

static const char *variable(void *from, const char *wanted)
{
    (void)from;
    return wanted[0] == 'P' ? "8080" : NULL;
}

static void meaning(struct slice text, enum convert_form form, struct text *out)
{
    const struct compile_options options = {.env = variable};
    struct read r;
    begin(&r, text, form);
    const struct program *program;
    struct table *table = compile(r.sources, &options, &r.arena, r.diags, &program);
    if (table)
        unparse(program, out);
    table_free(table);
    done(&r);
}

static void same(struct slice a, enum convert_form form_a, struct slice b, enum convert_form form_b)
{
    struct text x = {0}, y = {0};
    tokens(a, form_a, &x);
    tokens(b, form_b, &y);
    ASSERT(slice_eq(text_slice(&x), text_slice(&y)));
    text_clear(&x);
    text_clear(&y);
    meaning(a, form_a, &x);
    meaning(b, form_b, &y);
    ASSERT(slice_eq(text_slice(&x), text_slice(&y)));
    text_done(&x);
    text_done(&y);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct slice text = {(const char *)data, size};
    struct text yaml = {0}, json = {0}, back = {0};
    if (converted(text, CONVERT_LBCONF, CONVERT_YAML, &yaml)) {
        same(text, CONVERT_LBCONF, text_slice(&yaml), CONVERT_YAML);
        const bool again = converted(text_slice(&yaml), CONVERT_YAML, CONVERT_LBCONF, &back);
        ASSERT(again && comments(text) == comments(text_slice(&back)));
        const bool too = converted(text, CONVERT_LBCONF, CONVERT_JSON, &json);
        ASSERT(too);
        same(text, CONVERT_LBCONF, text_slice(&json), CONVERT_JSON);
    }
    text_clear(&back);
    if (converted(text, CONVERT_YAML, CONVERT_LBCONF, &back))
        same(text, CONVERT_YAML, text_slice(&back), CONVERT_LBCONF);
    text_done(&yaml);
    text_done(&json);
    text_done(&back);
    return 0;
}

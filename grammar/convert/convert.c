#include "grammar/convert/convert.h"

#include "grammar/convert/document.h"
#include "grammar/convert/script.h"
#include "grammar/diag.h"
#include "grammar/format/format.h"
#include "grammar/layout.h"
#include "runtime/base/arena.h"

/* The pieces of a script, with the places they have in the document. */
static struct tokens tokens_of(const struct script *s, uint32_t first, struct arena *arena,
                               struct diags *d)
{
    const struct slice text = arena_copy(arena, text_slice(&s->text));
    struct lexer lx = {text.at, text.at, text.at + text.len, 0};
    struct script_reader reader = {0};
    VEC(struct token) piece = {0};
    do {
        struct token t = lex(&lx);
        t.span = script_place(s, &reader, t.span.from, t.span.to);
        t.lead = t.span.from;
        VEC_ADD(&piece, t);
    } while (piece.at[piece.n - 1].kind != 0);
    const struct tokens tokens = layout_pieces(piece.at, piece.n, first, arena, d);
    VEC_DONE(&piece);
    return tokens;
}

/* Reads a document. False when it is none, or not that of a configuration: what would be said about
 * the rest of it would be about what is missing. */
static bool read_script(const struct sources *sources, int index, struct script *out,
                        struct arena *arena, struct diags *d)
{
    uint32_t first;
    const struct slice text = sources_text(sources, index, &first);
    if (!parse_readable(text, first, d))
        return false;
    const struct node *root = node_read(sources, index, arena, d);
    if (!root)
        return false;
    const unsigned before = diag_errors(d);
    script_write(out, root, sources, index, d);
    return diag_errors(d) == before;
}

struct tree convert_parse(const struct sources *sources, int index, struct arena *arena,
                          struct diags *d)
{
    uint32_t first;
    const struct slice text = sources_text(sources, index, &first);
    const struct span whole = {first, first + (uint32_t)text.len};
    if (convert_form_of(sources_place(sources, first).file) == CONVERT_LBCONF)
        return parse(sources, index, arena, d);
    struct script script = {0};
    struct tree tree;
    if (read_script(sources, index, &script, arena, d)) {
        const struct tokens tokens = tokens_of(&script, first, arena, d);
        tree = parse_tokens(&tokens, whole, arena, d);
    } else {
        tree = parse_tokens(NULL, whole, arena, d);
    }
    script_done(&script);
    return tree;
}

/* The text of a configuration in another form. */
static void write_form(struct slice text, enum convert_form to, struct arena *arena,
                       struct text *out)
{
    struct sources *sources = sources_new();
    const int index = sources_add(sources, SLICE("converted.lbconf"), text);
    ASSERT(index >= 0);
    struct diags *d = diags_new(sources, 0);
    if (to == CONVERT_LBCONF) {
        const bool done = format(sources, index, arena, d, out);
        ASSERT(done);
    } else {
        const struct tree tree = parse(sources, index, arena, d);
        ASSERT(diag_errors(d) == 0);
        const struct outline o = outline(&tree, text, arena);
        const struct entry *document = document_of(&o, arena);
        if (to == CONVERT_YAML)
            document_write_yaml(document, out);
        else
            document_write_json(document, out);
    }
    diags_free(d);
    sources_free(sources);
}

bool convert(const struct sources *sources, int index, enum convert_form to, struct arena *arena,
             struct diags *d, struct text *out)
{
    const unsigned before = diag_errors(d);
    uint32_t first;
    const struct slice text = sources_text(sources, index, &first);
    (void)convert_parse(sources, index, arena, d);
    if (diag_errors(d) > before)
        return false;
    if (convert_form_of(sources_place(sources, first).file) == CONVERT_LBCONF) {
        write_form(text, to, arena, out);
        return true;
    }
    struct script script = {0};
    const bool read = read_script(sources, index, &script, arena, d);
    ASSERT(read);
    write_form(text_slice(&script.text), to, arena, out);
    script_done(&script);
    return true;
}

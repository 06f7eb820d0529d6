/* A sentence, taken apart. */
#include "grammar/diag.h"
#include "grammar/edit/edit_priv.h"
#include "grammar/layout.h"
#include "runtime/base/arena.h"
#include "runtime/base/nearest.h"
#include "runtime/base/number.h"

static const struct slice verb_name[] = {
    [EDIT_SET] = SLICE_INIT("set"),         [EDIT_ADD] = SLICE_INIT("add"),
    [EDIT_REMOVE] = SLICE_INIT("remove"),   [EDIT_MOVE] = SLICE_INIT("move"),
    [EDIT_REPLACE] = SLICE_INIT("replace"),
};

/* What is left of a sentence. */
struct rest {
    struct slice text;
    uint32_t at; /* the place of its first byte */
};

static struct slice next_word(struct rest *r, struct span *span)
{
    size_t from = 0;
    while (from < r->text.len && memchr(" \t\r\n", r->text.at[from], 4))
        from++;
    size_t to = from;
    while (to < r->text.len && !memchr(" \t\r\n", r->text.at[to], 4))
        to++;
    const struct slice word = {r->text.at + from, to - from};
    *span = (struct span){r->at + (uint32_t)from, r->at + (uint32_t)to};
    r->text = slice_from(r->text, to);
    r->at += (uint32_t)to;
    return word;
}

static bool fails(struct diags *d, struct span where, const char *why)
{
    diag(d, DIAG_BAD_EDIT, where, why);
    return false;
}

static bool read_verb(struct rest *r, struct diags *d, struct request *out)
{
    struct span span;
    const struct slice word = next_word(r, &span);
    struct nearest near = {.wanted = word};
    for (size_t i = 0; i < COUNT_OF(verb_name); i++) {
        nearest_offer(&near, verb_name[i]);
        if (!slice_eq(word, verb_name[i]))
            continue;
        out->verb = (enum edit_verb)i;
        return true;
    }
    (void)fails(d, span, "it begins with set, add, remove, move or replace");
    if (near.best.at)
        diag_fix(d, span, near.best, "did you mean `" SLICE_FMT "`?", SLICE_ARG(near.best));
    return false;
}

/* `before 2`, `after 2`; what else stands there is left. */
static bool read_where(struct rest *r, struct diags *d, struct request *out)
{
    struct rest ahead = *r;
    struct span span;
    const struct slice word = next_word(&ahead, &span);
    if (slice_eq(word, SLICE("before")))
        out->where = EDIT_BEFORE;
    else if (slice_eq(word, SLICE("after")))
        out->where = EDIT_AFTER;
    else
        return out->verb != EDIT_MOVE || fails(d, span, "where to? `before` or `after` a number");
    const struct slice digits = next_word(&ahead, &span);
    uint64_t number;
    if (!number_parse(digits, UINT32_MAX, &number) || number == 0)
        return fails(d, span, "a number from 1 is wanted here");
    out->number = (uint32_t)number;
    *r = ahead;
    return true;
}

bool request_read(struct slice text, uint32_t first, struct arena *arena, struct diags *d,
                  struct request *out)
{
    *out = (struct request){.span = {first, first + (uint32_t)text.len}};
    struct rest r = {text, first};
    if (!read_verb(&r, d, out))
        return false;
    out->place = next_word(&r, &out->place_span);
    if (out->place.len == 0)
        return fails(d, out->place_span, "the place is missing: a name, or names as in api/a");
    if ((out->verb == EDIT_ADD || out->verb == EDIT_MOVE) && !read_where(&r, d, out))
        return false;
    const unsigned before = diag_errors(d);
    struct ast root = {.kind = AST_FILE, .span = {r.at, r.at + (uint32_t)r.text.len}};
    const struct slice rest = arena_copy(arena, r.text); /* the lexer wants a NUL behind it */
    const struct tree tree = {layout(rest, r.at, arena, d), &root};
    if (diag_errors(d) > before)
        return false;
    out->words = outline(&tree, rest, arena);
    const bool wants = out->verb == EDIT_SET || out->verb == EDIT_ADD || out->verb == EDIT_REPLACE;
    if (wants && out->words.n == 0)
        return fails(d, (struct span){r.at, r.at}, "what is to stand there is missing");
    if (out->verb == EDIT_MOVE && out->words.n > 0)
        return fails(d, out->words.piece[0].span, "nothing is wanted behind the number");
    if (out->words.first && out->words.first->next)
        return fails(d, out->words.piece[out->words.first->next->from].span,
                     "one statement at a time");
    for (uint32_t i = 0; i <= out->words.n; i++)
        if (gap_has_comment(out->words.piece[i].gap))
            return fails(d, out->span, "a comment cannot stand in it");
    return true;
}

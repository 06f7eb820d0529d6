#include "grammar/edit/edit.h"

#include "grammar/diag.h"
#include "grammar/edit/edit_priv.h"
#include "grammar/parser.h"
#include "runtime/base/arena.h"

/* Is this piece a word, and neither an address nor the name of a const, which is written in
 * capitals? */
static bool is_option(const struct piece *p)
{
    return p->kind != TK_LITERAL && p->text.len > 0 && p->text.at[0] >= 'a' && p->text.at[0] <= 'z';
}

/* The pieces [from, to) of an option on the line of statement s. */
static bool find_option(const struct editor *e, const struct statement *s, uint32_t *from,
                        uint32_t *to)
{
    const struct slice key = e->request->words.piece[0].text;
    for (uint32_t i = s->from + 2; i < s->to; i++) {
        if (!slice_eq(e->o.piece[i].text, key))
            continue;
        *from = i++;
        while (i < s->to && !is_option(&e->o.piece[i]))
            i++;
        *to = i;
        return true;
    }
    return false;
}

/* The sign behind which a definition has its value, or 0. */
static uint32_t find_assign(const struct editor *e, const struct statement *s)
{
    for (uint32_t i = s->from + 1; i < s->to && i < s->from + 8; i++)
        if (e->o.piece[i].kind == TK_ASSIGN)
            return i;
    return 0;
}

/* The piece of a server or bind that is its address: behind it, its settings stand on its line. 0
 * for other statements. */
static uint32_t find_address(const struct editor *e, const struct statement *s)
{
    const struct slice word = e->o.piece[s->from].text;
    const uint32_t at = slice_eq(word, SLICE("server")) ? s->from + 2
                        : slice_eq(word, SLICE("bind")) ? s->from + 1
                                                        : 0;
    return at < s->to ? at : 0;
}

static bool append(struct editor *e, const struct statement *s, const char *open, const char *close)
{
    const uint32_t at = piece_to(e, s->to - 1);
    const struct slice words = words_flat(e, 0, e->request->words.n);
    return patch_bytes(e, at, at,
                       arena_format(e->arena, "%s" SLICE_FMT "%s", open, SLICE_ARG(words), close));
}

static const struct statement *last_of(const struct statement *s)
{
    while (s && s->next)
        s = s->next;
    return s;
}

/* The statement that a new one is put next to: the last of its like, else the last. */
static const struct statement *neighbour(const struct editor *e, const struct statement *first,
                                         bool *before)
{
    const struct slice word = e->request->words.piece[0].text;
    const struct statement *like = NULL, *last = last_of(first);
    *before = false;
    for (const struct statement *s = first; s; s = s->next)
        if (slice_eq(e->o.piece[s->from].text, word))
            like = s;
    if (slice_eq(word, SLICE("when")) && last &&
        slice_eq(e->o.piece[last->from].text, SLICE("otherwise"))) {
        *before = true;
        return last;
    }
    return like ? like : last;
}

static bool insert(struct editor *e, const struct statement *parent)
{
    bool before;
    const struct statement *first = parent ? parent->first : e->o.first;
    const struct statement *next_to = parent ? neighbour(e, first, &before) : last_of(first);
    return patch_insert(e, parent, next_to, parent && before);
}

/* `set hosts "b.test" -> shop`, where hosts is a map. */
static bool is_entry_of_map(const struct editor *e, const struct statement *s)
{
    const struct outline *w = &e->request->words;
    return slice_eq(e->o.piece[s->from].text, SLICE("map")) && w->n > 1 &&
           w->piece[1].kind == TK_ARROW;
}

static bool set(struct editor *e, const struct statement *s)
{
    if (statement_has_block(s)) {
        const struct statement *child = place_child(e, s->first, false);
        if (!child)
            return insert(e, s);
        const bool block = e->request->words.first->open != 0;
        return patch_pieces(e, child->from, block ? statement_last(child) + 1 : child->to, 0);
    }
    if (is_entry_of_map(e, s))
        return patch_map_set(e, s);
    const uint32_t assign = find_assign(e, s);
    if (assign)
        return patch_pieces(e, assign + 1, s->to, 0);
    uint32_t from, to;
    const uint32_t address = find_address(e, s);
    if (!address)
        return append(e, s, " { ", " }");
    if (!is_option(&e->request->words.piece[0]))
        return patch_pieces(e, address, address + 1, 0);
    if (find_option(e, s, &from, &to))
        return patch_pieces(e, from, to, 0);
    return append(e, s, " ", "");
}

static const struct statement *number_of(struct editor *e, const struct statement *first)
{
    const struct statement *s = first;
    for (uint32_t i = 1; s && i < e->request->number; i++)
        s = s->next;
    if (!s)
        (void)edit_fails(e, e->request->span, "there are not so many statements in this block");
    return s;
}

static bool add(struct editor *e, const struct statement *s)
{
    const struct request *r = e->request;
    if (s && !statement_has_block(s))
        return patch_set_add(e, s);
    const struct statement *first = s ? s->first : e->o.first;
    if (r->where != EDIT_ANYWHERE) {
        const struct statement *next_to = number_of(e, first);
        return next_to && patch_insert(e, s, next_to, r->where == EDIT_BEFORE);
    }
    const struct statement *there = place_child(e, first, false);
    const bool named = slice_eq(r->words.piece[0].text, SLICE("server"));
    if (named && there)
        return edit_fails(e, r->words.piece[1].span, "there is one of that name already");
    return insert(e, s);
}

static bool remove_from(struct editor *e, const struct statement *s)
{
    if (e->request->words.n == 0)
        return patch_remove(e, s);
    if (statement_has_block(s)) {
        const struct statement *child = place_child(e, s->first, true);
        return child ? patch_remove(e, child)
                     : edit_fails(e, e->request->words.piece[0].span,
                                  "there is nothing like this in it");
    }
    uint32_t from, to;
    if (!find_address(e, s))
        return patch_set_remove(e, s);
    if (!find_option(e, s, &from, &to))
        return edit_fails(e, e->request->words.piece[0].span,
                          "there is nothing like this on its line");
    return patch_bytes(e, piece_to(e, from - 1), piece_to(e, to - 1), SLICE(""));
}

static bool move(struct editor *e, const struct statement *s)
{
    const struct statement *next_to = number_of(e, s->parent ? s->parent->first : e->o.first);
    if (!next_to)
        return false;
    if (next_to == s)
        return edit_fails(e, e->request->span, "it cannot be moved next to itself");
    return patch_move(e, s, next_to, e->request->where == EDIT_BEFORE);
}

static bool change(struct editor *e)
{
    bool whole;
    const struct statement *s = place_find(e, &whole);
    if (!s && !whole)
        return false;
    if (whole && e->request->verb != EDIT_ADD)
        return edit_fails(e, e->request->place_span,
                          "to the whole file, statements can be added only");
    switch (e->request->verb) {
    case EDIT_SET: return set(e, s);
    case EDIT_ADD: return add(e, s);
    case EDIT_REMOVE: return remove_from(e, s);
    case EDIT_MOVE: return move(e, s);
    case EDIT_REPLACE: return patch_pieces(e, s->from, statement_last(s) + 1, 0);
    }
    return false;
}

struct slice edit_apply(struct slice text, const struct edit_patch *patch, struct arena *arena)
{
    ASSERT(patch->from <= patch->to && patch->to <= text.len);
    const size_t tail = text.len - patch->to;
    char *at = arena_take(arena, 1, patch->from + patch->replacement.len + tail + 1);
    memcpy(at, text.at, patch->from);
    if (patch->replacement.len > 0)
        memcpy(at + patch->from, patch->replacement.at, patch->replacement.len);
    memcpy(at + patch->from + patch->replacement.len, text.at + patch->to, tail);
    return (struct slice){at, patch->from + patch->replacement.len + tail};
}

/* Parses a text. False, and its first mistake in *why, when it has some. */
static bool parses(struct slice text, struct arena *arena, struct slice *why)
{
    struct sources *sources = sources_new();
    const int index = sources_add(sources, SLICE("edited"), text);
    struct diags *d = diags_new(sources, 0);
    if (index >= 0)
        (void)parse(sources, index, arena, d);
    const bool right = index >= 0 && diag_errors(d) == 0;
    if (!right && index >= 0) {
        struct text said = {0};
        diag_render(d, DIAG_HUMAN, &said);
        struct slice rest = text_slice(&said), line = SLICE("");
        (void)slice_split(&rest, '\n', &line);
        *why = arena_copy(arena, line);
        text_done(&said);
    }
    diags_free(d);
    sources_free(sources);
    return right;
}

#define NOT_THE_FILE UINT32_MAX

/* One sentence on one text. `first` is the place of the text in the sources, for reports, or
 * NOT_THE_FILE. */
static bool edit_text(struct slice text, uint32_t first, const struct request *r,
                      struct arena *arena, struct diags *d, struct edit_patch *out)
{
    struct sources *sources = sources_new();
    const int index = sources_add(sources, SLICE("edited"), text);
    ASSERT(index == 0);
    struct diags *quiet = diags_new(sources, 1);
    const struct tree tree = parse(sources, index, arena, quiet);
    ASSERT(diag_errors(quiet) == 0);
    uint32_t place;
    const struct slice own = sources_text(sources, index, &place);
    struct editor e = {.text = own,
                       .request = r,
                       .arena = arena,
                       .diags = d,
                       .patch = out,
                       .changed = first == NOT_THE_FILE};
    e.o = outline(&tree, own, arena);
    for (uint32_t i = 0; !e.changed && i <= e.o.n; i++) {
        e.o.piece[i].span.from += first;
        e.o.piece[i].span.to += first;
    }
    bool done = change(&e);
    struct slice why = SLICE("");
    if (done && !parses(edit_apply(own, out, arena), arena, &why)) {
        diag(d, DIAG_EDIT_BREAKS, r->span, SLICE_ARG(why));
        done = false;
    }
    diags_free(quiet);
    sources_free(sources);
    return done;
}

static bool begin(const struct sources *sources, int file, struct arena *arena, struct diags *d)
{
    const unsigned before = diag_errors(d);
    (void)parse(sources, file, arena, d);
    return diag_errors(d) == before;
}

bool edit(const struct sources *sources, int file, int request, struct arena *arena,
          struct diags *d, struct edit_patch *out)
{
    uint32_t first, place;
    const struct slice text = sources_text(sources, file, &first);
    const struct slice sentence = sources_text(sources, request, &place);
    struct request r;
    return begin(sources, file, arena, d) && request_read(sentence, place, arena, d, &r) &&
           edit_text(text, first, &r, arena, d, out);
}

/* What two texts have in common at both ends stays. */
static void shrink(struct slice before, struct slice after, struct edit_patch *out)
{
    size_t from = 0, tail = 0;
    while (from < before.len && from < after.len && before.at[from] == after.at[from])
        from++;
    while (tail < before.len - from && tail < after.len - from &&
           before.at[before.len - 1 - tail] == after.at[after.len - 1 - tail])
        tail++;
    *out = (struct edit_patch){
        (uint32_t)from, (uint32_t)(before.len - tail), {after.at + from, after.len - from - tail}};
}

bool edit_all(const struct sources *sources, int file, int requests, struct arena *arena,
              struct diags *d, struct edit_patch *out)
{
    uint32_t first, place;
    const struct slice before = sources_text(sources, file, &first);
    struct slice text = before, rest = sources_text(sources, requests, &place), line;
    if (!begin(sources, file, arena, d))
        return false;
    const char *start = rest.at;
    while (slice_split(&rest, '\n', &line)) {
        if (slice_trim(line).len == 0)
            continue;
        struct request r;
        struct edit_patch patch;
        if (!request_read(line, place + (uint32_t)(line.at - start), arena, d, &r) ||
            !edit_text(text, first, &r, arena, d, &patch))
            return false;
        text = edit_apply(text, &patch, arena);
        first = NOT_THE_FILE;
    }
    shrink(before, text, out);
    return true;
}

/* The entries of a set or map that is written out. */
#include "grammar/diag.h"
#include "grammar/edit/edit_priv.h"
#include "grammar/format/format.h"
#include "grammar/parser.h"
#include "runtime/base/arena.h"

struct braces {
    uint32_t open, close;
};

static bool find_braces(struct editor *e, const struct statement *s, struct braces *out)
{
    for (uint32_t i = s->from; i < s->to; i++) {
        if (e->o.piece[i].kind == TK_LSET)
            out->open = i;
        if (e->o.piece[i].kind == TK_RSET) {
            out->close = i;
            return true;
        }
    }
    return edit_fails(
        e, e->request->place_span,
        "this has neither a block nor a set; the entries of a set in a file are edited there");
}

static uint32_t arrow_in(const struct outline *o, uint32_t from, uint32_t to)
{
    while (from < to && o->piece[from].kind != TK_ARROW)
        from++;
    return from;
}

/* Does the request mean the entry of these pieces? One of a map is known by its key; what is to go
 * may be named with what it leads to. */
static bool is_meant(const struct editor *e, uint32_t from, uint32_t to)
{
    const struct outline *w = &e->request->words;
    const uint32_t key = arrow_in(w, 0, w->n);
    const bool whole = e->request->verb == EDIT_REMOVE && key < w->n;
    const uint32_t n = whole ? w->n : key;
    bool same = (whole ? to : arrow_in(&e->o, from, to)) - from == n;
    for (uint32_t k = 0; same && k < n; k++)
        same = slice_eq(e->o.piece[from + k].text, w->piece[k].text);
    return same;
}

/* The first piece of the entry that is the request's; 0 when there is none. */
static uint32_t find_entry(const struct editor *e, const struct braces *b, uint32_t *end)
{
    for (uint32_t i = b->open + 1; i < b->close; i = *end + 1) {
        *end = i;
        while (*end < b->close && e->o.piece[*end].kind != TK_COMMA)
            ++*end;
        if (is_meant(e, i, *end))
            return i;
    }
    return 0;
}

static uint32_t end_of_line(const struct editor *e, uint32_t at)
{
    while (at < e->text.len && e->text.at[at] != '\n' && e->text.at[at] != '\r')
        at++;
    return at;
}

/* A line more behind the last entry, whose line goes up to `eol`. */
static bool add_line(struct editor *e, uint32_t last, bool comma, struct slice words)
{
    const uint32_t at = piece_to(e, last), eol = end_of_line(e, at);
    uint32_t begin = at;
    while (begin > 0 && e->text.at[begin - 1] != '\n')
        begin--;
    uint32_t indent = begin;
    while (e->text.at[indent] == ' ' || e->text.at[indent] == '\t')
        indent++;
    struct text t = {0};
    text_adds(&t, comma ? "" : ",");
    text_add(&t, (struct slice){e->text.at + at, eol - at});
    text_adds(&t, e->text.at[eol] == '\r' ? "\r\n" : "\n");
    text_add(&t, (struct slice){e->text.at + begin, indent - begin});
    text_add(&t, words);
    text_adds(&t, comma ? "," : "");
    const bool done = patch_bytes(e, at, eol, text_slice(&t));
    text_done(&t);
    return done;
}

bool patch_set_add(struct editor *e, const struct statement *s)
{
    struct braces b = {0};
    uint32_t end;
    if (!find_braces(e, s, &b))
        return false;
    if (find_entry(e, &b, &end))
        return edit_fails(e, e->request->words.piece[0].span, "this entry is there already");
    const struct slice words = words_flat(e, 0, e->request->words.n);
    const uint32_t last = b.close - 1;
    if (last == b.open) {
        const bool bare = !gap_has_comment(e->o.piece[b.close].gap);
        return patch_bytes(
            e, piece_to(e, b.open), bare ? piece_from(e, b.close) : piece_to(e, b.open),
            arena_format(e->arena, " " SLICE_FMT "%s", SLICE_ARG(words), bare ? " " : ""));
    }
    const bool comma = e->o.piece[last].kind == TK_COMMA;
    const uint32_t entry = comma ? last - 1 : last;
    const bool tall = gap_has_newline(e->o.piece[b.close].gap);
    const uint32_t at = piece_to(e, last);
    uint32_t column = 0;
    while (column < at && e->text.at[at - column - 1] != '\n')
        column++;
    const bool fits = column + words.len + 2 <= FORMAT_COLUMNS;
    if (tall && (gap_has_newline(e->o.piece[entry].gap) || !fits ||
                 gap_has_comment(e->o.piece[b.close].gap)))
        return add_line(e, last, comma, words);
    return patch_bytes(
        e, at, at,
        arena_format(e->arena, comma ? " " SLICE_FMT "," : ", " SLICE_FMT, SLICE_ARG(words)));
}

bool patch_map_set(struct editor *e, const struct statement *s)
{
    struct braces b = {0};
    uint32_t end;
    if (!find_braces(e, s, &b))
        return false;
    const uint32_t entry = find_entry(e, &b, &end);
    return entry ? patch_pieces(e, entry, end, 0) : patch_set_add(e, s);
}

static uint32_t line_of(const struct editor *e, uint32_t at)
{
    while (at > 0 && e->text.at[at - 1] != '\n')
        at--;
    return at;
}

static uint32_t line_after(const struct editor *e, uint32_t at)
{
    while (at < e->text.len && e->text.at[at] != '\n')
        at++;
    return at < e->text.len ? at + 1 : at;
}

bool patch_set_remove(struct editor *e, const struct statement *s)
{
    struct braces b = {0};
    uint32_t end;
    if (!find_braces(e, s, &b))
        return false;
    const uint32_t entry = find_entry(e, &b, &end);
    if (!entry)
        return edit_fails(e, e->request->span, "this set has no such entry");
    const bool comma = end < b.close;
    const uint32_t last = comma ? end : end - 1;
    const bool own_begin = gap_has_newline(e->o.piece[entry].gap);
    const bool own_end = gap_has_newline(e->o.piece[last + 1].gap);
    const uint32_t from = piece_from(e, entry), to = piece_to(e, last);
    if (!comma && entry - 1 > b.open) {
        /* The comma before it goes too, and what is between stays, but for its own line. */
        const uint32_t before = entry - 1;
        const bool line = own_begin && own_end;
        const bool bare = !gap_has_comment(e->o.piece[before].gap);
        const uint32_t keep_to = line ? line_of(e, from) : piece_to(e, before);
        const uint32_t cut = line ? line_after(e, to) : to;
        const struct slice keep = {e->text.at + piece_to(e, before), keep_to - piece_to(e, before)};
        return patch_bytes(e, bare ? piece_to(e, before - 1) : piece_from(e, before), cut, keep);
    }
    if (own_begin && own_end)
        return patch_bytes(e, line_of(e, from), line_after(e, to), SLICE(""));
    if (entry - 1 == b.open && last + 1 == b.close && !gap_has_comment(e->o.piece[entry].gap) &&
        !gap_has_comment(e->o.piece[b.close].gap))
        return patch_bytes(e, piece_to(e, b.open), piece_from(e, b.close), SLICE(""));
    if (own_end)
        return patch_bytes(e,
                           gap_has_comment(e->o.piece[entry].gap) ? from : piece_to(e, entry - 1),
                           to, SLICE(""));
    return patch_bytes(e, from, piece_from(e, last + 1), SLICE(""));
}

/* Changes of text around statements, as somebody would make them by hand. */
#include "grammar/diag.h"
#include "grammar/edit/edit_priv.h"
#include "grammar/format/format.h"
#include "grammar/parser.h"
#include "runtime/base/arena.h"

uint32_t piece_from(const struct editor *e, uint32_t i)
{
    return (uint32_t)(e->o.piece[i].text.at - e->text.at);
}

uint32_t piece_to(const struct editor *e, uint32_t i)
{
    return piece_from(e, i) + (uint32_t)e->o.piece[i].text.len;
}

bool edit_fails(struct editor *e, struct span where, const char *why)
{
    diag(e->diags, DIAG_BAD_EDIT, where, why);
    return false;
}

bool patch_bytes(struct editor *e, uint32_t from, uint32_t to, struct slice replacement)
{
    ASSERT(from <= to && to <= e->text.len);
    *e->patch = (struct edit_patch){from, to, arena_copy(e->arena, replacement)};
    return true;
}

/* Takes the text that was written for it. */
static bool patch_text(struct editor *e, uint32_t from, uint32_t to, struct text *replacement)
{
    const bool done = patch_bytes(e, from, to, text_slice(replacement));
    text_done(replacement);
    return done;
}

struct slice words_flat(const struct editor *e, uint32_t from, uint32_t to)
{
    struct text t = {0};
    format_flat(&e->request->words, from, to, &t);
    const struct slice s = arena_copy(e->arena, text_slice(&t));
    text_done(&t);
    return s;
}

/* Lines. */

static uint32_t line_begin(const struct editor *e, uint32_t at)
{
    while (at > 0 && e->text.at[at - 1] != '\n')
        at--;
    return at;
}

/* Where the line that byte `at` is on ends: its \n or \r\n, or the end of the text. */
static uint32_t line_end(const struct editor *e, uint32_t at)
{
    while (at < e->text.len && e->text.at[at] != '\n')
        at++;
    return at > 0 && at < e->text.len && e->text.at[at - 1] == '\r' ? at - 1 : at;
}

static uint32_t next_line(const struct editor *e, uint32_t at)
{
    while (at < e->text.len && e->text.at[at] != '\n')
        at++;
    return at < e->text.len ? at + 1 : at;
}

static struct slice indent_at(const struct editor *e, uint32_t at)
{
    const uint32_t begin = line_begin(e, at);
    uint32_t end = begin;
    while (end < e->text.len && (e->text.at[end] == ' ' || e->text.at[end] == '\t'))
        end++;
    return (struct slice){e->text.at + begin, end - begin};
}

/* As the file ends its lines. */
static const char *newline_of(const struct editor *e)
{
    const char *lf = memchr(e->text.at, '\n', e->text.len);
    return lf && lf > e->text.at && lf[-1] == '\r' ? "\r\n" : "\n";
}

static bool same_line(const struct editor *e, uint32_t a, uint32_t b)
{
    return a >= b || !memchr(e->text.at + a, '\n', b - a);
}

/* Does something stand before piece i on its line, or behind it? Comments do not count. */
static bool shares_begin(const struct editor *e, uint32_t i)
{
    return i > 0 && same_line(e, piece_to(e, i - 1), piece_from(e, i));
}

static bool shares_end(const struct editor *e, uint32_t i)
{
    return i + 1 < e->o.n && same_line(e, piece_to(e, i), piece_from(e, i + 1));
}

/* Pieces. */

static bool same_piece(const struct piece *a, const struct piece *b)
{
    return a->kind == b->kind && slice_eq(a->text, b->text);
}

/* The first piece of (from, to) that has a comment before it, or 0. */
static uint32_t comment_within(const struct editor *e, uint32_t from, uint32_t to)
{
    for (uint32_t i = from + 1; i < to; i++)
        if (gap_has_comment(e->o.piece[i].gap))
            return i;
    return 0;
}

/* The first comment before a piece. */
static struct span comment_span(const struct editor *e, uint32_t i)
{
    const struct piece *p = &e->o.piece[i];
    struct slice gap = p->gap;
    struct gap_comment c;
    uint32_t newlines;
    const bool found = gap_next(&gap, &c, &newlines);
    ASSERT(found);
    const uint32_t from = p->span.from - (uint32_t)(p->text.at - c.text.at);
    return (struct span){from, from + (uint32_t)c.text.len};
}

/* Nothing is there, and the words come behind piece `at - 1`, or before piece `at`. */
static bool put_in(struct editor *e, uint32_t from, uint32_t at, uint32_t first, uint32_t end)
{
    struct text t = {0};
    if (at == from) {
        format_flat(&e->request->words, first, end, &t);
        text_addc(&t, ' ');
        return patch_text(e, piece_from(e, at), piece_from(e, at), &t);
    }
    struct slice put = words_flat(e, first - 1, end);
    put = slice_from(put, e->request->words.piece[first - 1].text.len);
    return patch_bytes(e, piece_to(e, at - 1), piece_to(e, at - 1), put);
}

bool patch_pieces(struct editor *e, uint32_t from, uint32_t to, uint32_t first)
{
    const struct piece *old = e->o.piece, *new = e->request->words.piece;
    uint32_t end = e->request->words.n, a = from, b = to;
    while (a < b && first < end && same_piece(&old[a], &new[first])) {
        a++;
        first++;
    }
    while (b > a && end > first && same_piece(&old[b - 1], &new[end - 1])) {
        b--;
        end--;
    }
    if (a == b && first == end)
        return patch_bytes(e, piece_from(e, from), piece_from(e, from), SLICE(""));
    if (a == b)
        return put_in(e, from, a, first, end);
    if (comment_within(e, a > from && first == end ? a - 1 : a, b))
        return edit_fails(e, e->request->span, "a comment stands in what would be replaced");
    if (first == end)
        return patch_bytes(e, a > from ? piece_to(e, a - 1) : piece_from(e, a), piece_to(e, b - 1),
                           SLICE(""));
    return patch_bytes(e, piece_from(e, a), piece_to(e, b - 1), words_flat(e, first, end));
}

/* Insertion. */

/* How many columns stand before piece i on its statement's line, or UINT32_MAX: it is elsewhere. */
static uint32_t column_of(const struct editor *e, const struct statement *s, uint32_t i)
{
    const uint32_t begin = piece_from(e, s->from), at = piece_from(e, i);
    return same_line(e, begin, at) ? text_columns((struct slice){e->text.at + begin, at - begin})
                                   : UINT32_MAX;
}

/* Do two statements have the same shape, so that they share columns? */
static bool are_alike(const struct editor *e, const struct statement *a, const struct statement *b)
{
    return (statement_has_block(a) && statement_has_block(b)) ||
           slice_eq(e->o.piece[a->from].text, e->o.piece[b->from].text);
}

/* Piece number k of statement s (or its brace) begins a column when there is more than one blank
 * before it, or one of its like has it in the same place. */
static uint32_t wanted_column(const struct editor *e, const struct statement *s, uint32_t k,
                              bool brace)
{
    const uint32_t column = column_of(e, s, brace ? s->open : s->from + k);
    if (gap_is_wide(e->o.piece[brace ? s->open : s->from + k].gap))
        return column;
    const struct statement *other = s->parent ? s->parent->first : e->o.first;
    for (; other; other = other->next) {
        if (other == s || !are_alike(e, s, other) || (!brace && other->from + k >= other->to))
            continue;
        if (column_of(e, other, brace ? other->open : other->from + k) == column)
            return column;
    }
    return UINT32_MAX;
}

/* Where the writer had columns, the new statement stands in them: those of its neighbour `s`, at
 * each of its first words, or at its block's brace. */
static void write_aligned(const struct editor *e, const struct statement *s, struct text *out)
{
    const struct outline *w = &e->request->words;
    const bool brace = statement_has_block(w->first);
    const bool like =
        brace ? statement_has_block(s) : slice_eq(e->o.piece[s->from].text, w->piece[0].text);
    uint32_t done = 0;
    for (uint32_t i = 1; like && i < w->n; i++) {
        if (brace ? i != w->first->open : i > 3 || s->from + i >= s->to)
            continue;
        const uint32_t column = wanted_column(e, s, i, brace);
        if (column == UINT32_MAX)
            continue;
        text_add(out, words_flat(e, done, i));
        const uint32_t now = text_columns(text_slice(out));
        text_addf(out, "%*s", now < column ? (int)(column - now) : 1, "");
        done = i;
    }
    text_add(out, words_flat(e, done, w->n));
}

/* The request's statement on as many lines as it needs. */
static void write_statement(const struct editor *e, const struct statement *like,
                            struct slice indent, struct text *out)
{
    struct text line = {0};
    if (like)
        write_aligned(e, like, &line);
    else
        text_add(&line, words_flat(e, 0, e->request->words.n));
    if (text_columns(indent) + text_columns(text_slice(&line)) <= FORMAT_COLUMNS) {
        text_add(out, text_slice(&line));
        text_done(&line);
        return;
    }
    text_clear(&line);
    format_outline(&e->request->words, e->arena, &line);
    struct slice rest = text_slice(&line), part;
    for (bool first = true; slice_split(&rest, '\n', &part); first = false) {
        if (!first) {
            text_adds(out, newline_of(e));
            text_add(out, indent);
        }
        text_add(out, part);
    }
    text_done(&line);
}

/* What sets statements apart on the line of this one: as it is done there. */
static const char *separator(const struct editor *e, const struct statement *s)
{
    const struct piece *p = &e->o.piece[s->next ? s->next->from : s->from];
    const bool is_first = !s->next && e->o.piece[s->from - 1].kind == TK_LBRACE;
    return is_first || memchr(p->gap.at, ';', p->gap.len) ? "; " : "  ";
}

/* On the line of its neighbour. */
static bool insert_on_line(struct editor *e, const struct statement *next_to, bool before)
{
    const struct slice words = words_flat(e, 0, e->request->words.n);
    const uint32_t at =
        before ? piece_from(e, next_to->from) : piece_to(e, statement_last(next_to));
    const char *between = separator(e, next_to);
    struct text t = {0};
    text_addf(&t, "%s" SLICE_FMT "%s", before ? "" : between, SLICE_ARG(words),
              before ? between : "");
    return patch_text(e, at, at, &t);
}

/* Into an empty block, or an empty file. */
static bool insert_alone(struct editor *e, const struct statement *parent)
{
    struct text t = {0};
    if (!parent) {
        const uint32_t end = (uint32_t)e->text.len;
        if (end > 0 && e->text.at[end - 1] != '\n')
            text_adds(&t, newline_of(e));
        write_statement(e, NULL, SLICE(""), &t);
        text_adds(&t, newline_of(e));
        return patch_text(e, end, end, &t);
    }
    const uint32_t open = piece_to(e, parent->open), close = piece_from(e, parent->close);
    if (same_line(e, open, close)) {
        text_addf(&t, " " SLICE_FMT " ", SLICE_ARG(words_flat(e, 0, e->request->words.n)));
        return patch_text(e, open, close, &t);
    }
    const struct slice outer = indent_at(e, piece_from(e, parent->from));
    const struct slice indent = arena_format(e->arena, SLICE_FMT "  ", SLICE_ARG(outer));
    /* Behind the comments that stand there. */
    const uint32_t at = line_begin(e, close);
    text_add(&t, indent);
    write_statement(e, NULL, indent, &t);
    text_adds(&t, newline_of(e));
    return patch_text(e, at, at, &t);
}

/* Where the comments begin that stand right above the line at `begin`. */
static uint32_t comments_above(const struct editor *e, uint32_t begin, uint32_t least)
{
    while (begin > least) {
        const uint32_t above = line_begin(e, begin - 1);
        const struct slice indent = indent_at(e, above);
        if (above < least || above + indent.len >= e->text.len ||
            e->text.at[above + indent.len] != '#')
            break;
        begin = above;
    }
    return begin;
}

/* What stands before a statement that comes to a line of its own behind `s`. */
static struct slice indent_behind(const struct editor *e, const struct statement *s)
{
    uint32_t first = s->from;
    while (shares_begin(e, first))
        first--;
    const struct slice line = indent_at(e, piece_from(e, first));
    const bool opens = s->parent && first <= s->parent->open;
    return opens ? arena_format(e->arena, SLICE_FMT "  ", SLICE_ARG(line)) : line;
}

bool patch_insert(struct editor *e, const struct statement *parent, const struct statement *next_to,
                  bool before)
{
    if (!next_to)
        return insert_alone(e, parent);
    const uint32_t first = next_to->from, last = statement_last(next_to);
    if (before ? shares_begin(e, first) : shares_end(e, last))
        return insert_on_line(e, next_to, before);
    const struct slice indent = indent_behind(e, next_to);
    struct text t = {0};
    if (before) {
        const uint32_t least = first > 0 ? next_line(e, piece_to(e, first - 1)) : 0;
        const uint32_t at = comments_above(e, line_begin(e, piece_from(e, first)), least);
        text_add(&t, indent);
        write_statement(e, next_to, indent, &t);
        text_adds(&t, newline_of(e));
        return patch_text(e, at, at, &t);
    }
    const uint32_t at = line_end(e, piece_to(e, last));
    text_adds(&t, newline_of(e));
    if (!parent && statement_has_block(e->request->words.first))
        text_adds(&t, newline_of(e));
    text_add(&t, indent);
    write_statement(e, next_to, indent, &t);
    return patch_text(e, at, at, &t);
}

/* Removal. */

static bool is_blank_line(const struct editor *e, uint32_t begin)
{
    for (; begin < e->text.len && e->text.at[begin] != '\n'; begin++)
        if (!memchr(" \t\r", e->text.at[begin], 3))
            return false;
    return begin < e->text.len;
}

/* Lines [*from, *to) go: with them the comments above that nothing else is near to, and one of two
 * blank lines that would meet. */
static void take_paragraph(const struct editor *e, const struct statement *s, uint32_t *from,
                           uint32_t *to)
{
    const uint32_t least = s->from > 0 ? next_line(e, piece_to(e, s->from - 1)) : 0;
    const uint32_t last = statement_last(s);
    const uint32_t after = last + 1 < e->o.n ? piece_from(e, last + 1) : (uint32_t)e->text.len;
    const bool at_end = *to == e->text.len || (*to <= after && line_begin(e, after) == *to &&
                                               e->o.piece[last + 1].kind == TK_RBRACE);
    const bool free_below = at_end || is_blank_line(e, *to);
    const uint32_t comments = comments_above(e, *from, least);
    const bool at_begin = s->from == 0 || e->o.piece[s->from - 1].kind == TK_LBRACE;
    const bool free_above =
        comments <= least ? at_begin : is_blank_line(e, line_begin(e, comments - 1));
    if (free_below && free_above)
        *from = comments;
    if (!free_below)
        return;
    if (*from > least && is_blank_line(e, line_begin(e, *from - 1)))
        *from = line_begin(e, *from - 1);
    else if (*from <= least && at_begin && !at_end)
        *to = next_line(e, *to);
}

/* The bytes that a statement takes. */
static void extent(const struct editor *e, const struct statement *s, uint32_t *from, uint32_t *to)
{
    const uint32_t last = statement_last(s);
    *from = piece_from(e, s->from);
    *to = piece_to(e, last);
    if (shares_end(e, last) && s->next && s->next->from == last + 1) {
        *to = piece_from(e, last + 1);
    } else if (shares_begin(e, s->from)) {
        *from = piece_to(e, s->from - 1);
        if (s->parent && !s->next && s->parent->open == s->from - 1 && shares_end(e, last))
            *to = piece_from(e, last + 1);
    } else if (!shares_end(e, last)) {
        *from = line_begin(e, *from);
        *to = next_line(e, *to);
        take_paragraph(e, s, from, to);
    }
}

bool patch_remove(struct editor *e, const struct statement *s)
{
    uint32_t from, to;
    extent(e, s, &from, &to);
    const uint32_t commented = comment_within(e, s->from, statement_last(s) + 1);
    if (commented) {
        diag(e->diags, DIAG_COMMENT_GOES, e->request->span);
        if (!e->changed)
            diag_also(e->diags, comment_span(e, commented), "this one");
    }
    return patch_bytes(e, from, to, SLICE(""));
}

/* Moving: what one change takes away, the other puts elsewhere; both make one patch. */
bool patch_move(struct editor *e, const struct statement *s, const struct statement *next_to,
                bool before)
{
    const uint32_t first = s->from, last = statement_last(s);
    const uint32_t there = before ? next_to->from : statement_last(next_to);
    if (shares_begin(e, first) || shares_end(e, last) || shares_begin(e, next_to->from) ||
        shares_end(e, statement_last(next_to)))
        return edit_fails(e, e->request->span, "only what has lines of its own can be moved");
    uint32_t from = line_begin(e, piece_from(e, first));
    const uint32_t to = next_line(e, piece_to(e, last));
    const uint32_t least = first > 0 ? next_line(e, piece_to(e, first - 1)) : 0;
    from = comments_above(e, from, least);
    uint32_t at = next_line(e, piece_to(e, there));
    if (before) {
        const uint32_t top = there > 0 ? next_line(e, piece_to(e, there - 1)) : 0;
        at = comments_above(e, line_begin(e, piece_from(e, there)), top);
    }
    struct text t = {0};
    const struct slice moved = {e->text.at + from, to - from};
    if (at <= from) {
        text_add(&t, moved);
        text_add(&t, (struct slice){e->text.at + at, from - at});
        return patch_text(e, at, to, &t);
    }
    if (at < to)
        at = to;
    text_add(&t, (struct slice){e->text.at + to, at - to});
    text_add(&t, moved);
    return patch_text(e, from, at, &t);
}

#include "grammar/format/format.h"

#include "grammar/diag.h"
#include "grammar/format/format_priv.h"
#include "grammar/parser.h"
#include "runtime/base/arena.h"

struct format {
    const struct outline *o;
    struct arena *arena;
    line_list lines;
    struct text text; /* of the line at hand, without its indentation */
    struct line at_hand;
    uint32_t tall_sets; /* that are open: blank lines between their entries stay */
};

static struct piece *piece(const struct format *f, uint32_t i)
{
    return &f->o->piece[i];
}

static void begin_line(struct format *f, uint32_t indent)
{
    text_clear(&f->text);
    f->at_hand = (struct line){.indent = indent};
}

static void end_line(struct format *f)
{
    f->at_hand.text = arena_copy(f->arena, text_slice(&f->text));
    VEC_ADD(&f->lines, f->at_hand);
    text_clear(&f->text);
}

static uint32_t column(const struct format *f)
{
    return f->at_hand.indent + text_columns(text_slice(&f->text));
}

static void end_with_comment(const struct format *f, struct line *l, struct slice comment)
{
    l->comment = comment;
    const struct slice source = f->o->source;
    if (comment.at < source.at || comment.at >= source.at + source.len)
        return;
    const char *begin = comment.at;
    while (begin > source.at && begin[-1] != '\n')
        begin--;
    l->comment_column = text_columns((struct slice){begin, (size_t)(comment.at - begin)});
    const char *blank = comment.at;
    while (blank > begin && (blank[-1] == ' ' || blank[-1] == '\t'))
        blank--;
    l->comment_is_wide = comment.at - blank > 1;
}

static void add_comment_line(struct format *f, uint32_t indent, struct slice comment, bool blank)
{
    VEC_ADD(&f->lines, (struct line){.indent = indent, .comment = comment, .blank_before = blank});
}

/* The words that a parenthesis is never called by. */
static bool calls(const struct piece *p)
{
    return p->kind == TK_WORD && p->text.len > 0 && !slice_eq(p->text, SLICE("when")) &&
           !slice_eq(p->text, SLICE("not"));
}

static bool is_word(const struct piece *p)
{
    const char c = p->text.len > 0 ? p->text.at[0] : ' ';
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* What stands between piece i and the one before it, on one line. `settled`: in a block on one
 * line, where two blanks set settings apart. */
static const char *joint(const struct outline *o, uint32_t i, bool settled)
{
    const struct piece *before = &o->piece[i - 1], *p = &o->piece[i];
    if (p->kind == TK_RBRACE || p->kind == TK_RSET)
        return before->kind == TK_LBRACE || before->kind == TK_LSET ? "" : " ";
    if (before->kind == TK_LBRACE)
        return " ";
    if (p->starts)
        return p->gap.len > 0 && memchr(p->gap.at, ';', p->gap.len) ? "; " : "  ";
    if (p->kind == TK_COMMA || p->kind == TK_RPAREN || before->kind == TK_LPAREN)
        return "";
    if (p->kind == TK_LPAREN)
        return calls(before) && p->gap.len == 0 ? "" : " ";
    if (settled && is_word(p) && gap_is_wide(p->gap))
        return "  ";
    return " ";
}

static int nesting(int kind)
{
    if (kind == TK_LPAREN || kind == TK_LSET)
        return 1;
    return kind == TK_RPAREN || kind == TK_RSET ? -1 : 0;
}

void format_flat(const struct outline *o, uint32_t from, uint32_t to, struct text *out)
{
    int blocks = 0, lists = 0;
    for (uint32_t i = from; i < to; i++) {
        if (i > from)
            text_adds(out, joint(o, i, blocks > 0 && lists == 0));
        text_add(out, o->piece[i].text);
        blocks += o->piece[i].kind == TK_LBRACE;
        blocks -= o->piece[i].kind == TK_RBRACE;
        lists += nesting(o->piece[i].kind);
    }
}

static uint32_t flat_columns(const struct format *f, uint32_t from, uint32_t to)
{
    struct text t = {0};
    format_flat(f->o, from, to, &t);
    const uint32_t n = text_columns(text_slice(&t));
    text_done(&t);
    return n;
}

static bool joins_conditions(const struct piece *p)
{
    return p->kind == TK_AND || p->kind == TK_OR;
}

/* Did the writer begin a line at this operator, or behind it? */
static bool is_broken_at(const struct format *f, uint32_t i)
{
    return joins_conditions(piece(f, i)) &&
           (gap_has_newline(piece(f, i)->gap) ||
            (gap_has_newline(piece(f, i + 1)->gap) && !gap_has_comment(piece(f, i + 1)->gap)));
}

/* Must a line end somewhere in pieces [from, to), the first one's gap aside? */
static bool must_break(const struct format *f, uint32_t from, uint32_t to)
{
    for (uint32_t i = from; i < to; i++) {
        if (i > from && gap_has_comment(piece(f, i)->gap))
            return true;
        if (is_broken_at(f, i) && i > from)
            return true;
        if (piece(f, i)->kind == TK_LSET && gap_has_newline(piece(f, i + 1)->gap))
            return true;
    }
    return false;
}

/* Was the block written on one line? One without anything in it always was. */
static bool is_flat_block(const struct format *f, const struct statement *s)
{
    if (!s->first)
        return !gap_has_comment(piece(f, s->close)->gap);
    for (uint32_t i = s->open + 1; i <= s->close; i++)
        if (gap_has_newline(piece(f, i)->gap))
            return false;
    return true;
}

static bool is_flat(const struct format *f, const struct statement *s)
{
    if (must_break(f, s->from, s->to))
        return false;
    if (!statement_has_block(s))
        return true;
    return !gap_has_comment(piece(f, s->open)->gap) && is_flat_block(f, s);
}

static enum shape shape_of(const struct format *f, const struct statement *s)
{
    if (statement_has_block(s))
        return SHAPE_BLOCK;
    if (s->to - s->from > 3 && piece(f, s->from + 2)->kind == TK_COLON)
        return SHAPE_TYPED;
    if (s->to - s->from > 3 && piece(f, s->from + 2)->kind == TK_ASSIGN)
        return SHAPE_NAMED;
    return SHAPE_PLAIN;
}

/* The pieces of a shape that may begin a column. */
static bool is_stop(const struct format *f, const struct statement *s, enum shape shape, uint32_t i)
{
    const bool to = s->from + 4 < s->to && piece(f, s->from + 4)->kind == TK_ARROW;
    const uint32_t value = s->from + (to ? 6 : 4);
    switch (shape) {
    case SHAPE_NONE: return false;
    case SHAPE_BLOCK: return i == s->open;
    case SHAPE_TYPED: return i == s->from + 1 || i == s->from + 2 || i == value;
    case SHAPE_NAMED: return i == s->from + 1 || i == s->from + 2;
    case SHAPE_PLAIN: return i > s->from && i <= s->from + 3;
    }
    return false;
}

/* A statement on one line. */
static void add_flat(struct format *f, const struct statement *s)
{
    struct line *l = &f->at_hand;
    l->shape = shape_of(f, s);
    l->word = piece(f, s->from)->text;
    const uint32_t head_end = statement_has_block(s) ? s->open : s->to;
    for (uint32_t i = s->from; i < head_end; i++) {
        if (i > s->from)
            text_adds(&f->text, joint(f->o, i, false));
        if (is_stop(f, s, l->shape, i) && slice_ends(text_slice(&f->text), SLICE(" ")))
            l->stop[l->n_stops++] =
                (struct stop){(uint32_t)f->text.len, gap_is_wide(piece(f, i)->gap)};
        text_add(&f->text, piece(f, i)->text);
    }
    if (statement_has_block(s)) {
        text_adds(&f->text, " ");
        l->stop[l->n_stops++] =
            (struct stop){(uint32_t)f->text.len, gap_is_wide(piece(f, s->open)->gap)};
        format_flat(f->o, s->open, s->close + 1, &f->text);
    }
    end_line(f);
}

/* Comments before piece i, in the middle of a statement: each ends its line, and what follows goes
 * on in the next, at `indent`. */
static bool add_comments(struct format *f, uint32_t i, uint32_t indent)
{
    const bool spaced = f->tall_sets > 0;
    struct slice gap = piece(f, i)->gap;
    struct gap_comment c;
    uint32_t newlines;
    bool any = false;
    while (gap_next(&gap, &c, &newlines)) {
        if (!any && c.newlines == 0)
            end_with_comment(f, &f->at_hand, c.text);
        if (!any)
            end_line(f);
        if (any || c.newlines > 0)
            add_comment_line(f, indent, c.text, spaced && c.newlines > 1);
        any = true;
    }
    if (any)
        begin_line(f, indent);
    f->at_hand.blank_before = f->at_hand.blank_before || (any && spaced && newlines > 1);
    return any;
}

/* The number of the bracket that closes the one at i. */
static uint32_t closing(const struct format *f, uint32_t i)
{
    for (int depth = 0;; i++) {
        depth += nesting(piece(f, i)->kind);
        if (depth == 0)
            return i;
    }
}

/* Before these a line may end: an operator, and what follows a comma. */
static bool is_opportunity(const struct format *f, uint32_t i)
{
    return joins_conditions(piece(f, i)) || piece(f, i - 1)->kind == TK_COMMA;
}

/* How many columns the pieces from i take up to the next place where the line may end. A set
 * counts where it could stand on a line; else only its brace does. */
static uint32_t chunk_columns(const struct format *f, uint32_t i, const struct statement *s)
{
    const bool with_sets = joins_conditions(piece(f, i));
    uint32_t end = i + 1;
    for (; end < s->to && !is_opportunity(f, end); end++) {
        if (piece(f, end)->kind != TK_LSET)
            continue;
        const uint32_t close = closing(f, end);
        if (!with_sets || must_break(f, end, close + 1))
            return flat_columns(f, i, end) + 2;
        end = close;
    }
    const bool brace = end == s->to && statement_has_block(s);
    return flat_columns(f, i, end) + (brace ? 2 : 0);
}

static bool has_blank_line(struct slice gap)
{
    struct gap_comment c;
    uint32_t newlines;
    return !gap_next(&gap, &c, &newlines) && newlines > 1;
}

/* A set with its entries below one another, or as many of them on a line as the writer put there
 * and as fit. Returns the number of its closing brace. */
static uint32_t add_tall_set(struct format *f, uint32_t open)
{
    const uint32_t outer = f->at_hand.indent, inner = outer + FORMAT_INDENT;
    const uint32_t close = closing(f, open);
    f->tall_sets++;
    text_add(&f->text, piece(f, open)->text);
    for (uint32_t i = open + 1; i < close; i++) {
        const struct slice gap = piece(f, i)->gap;
        const bool may_break = i == open + 1 || piece(f, i - 1)->kind == TK_COMMA;
        uint32_t end = i + 1;
        while (end < close && piece(f, end - 1)->kind != TK_COMMA)
            end++;
        if (add_comments(f, i, inner)) {
            ;
        } else if (may_break && (i == open + 1 || gap_has_newline(gap) ||
                                 column(f) + 1 + flat_columns(f, i, end) > FORMAT_COLUMNS)) {
            end_line(f);
            begin_line(f, inner);
            f->at_hand.blank_before = i > open + 1 && has_blank_line(gap);
        } else {
            text_adds(&f->text, joint(f->o, i, false));
        }
        text_add(&f->text, piece(f, i)->text);
    }
    if (!add_comments(f, close, inner))
        end_line(f);
    begin_line(f, outer);
    f->tall_sets--;
    text_add(&f->text, piece(f, close)->text);
    return close;
}

static bool set_fits(const struct format *f, uint32_t open)
{
    const uint32_t close = closing(f, open);
    return !must_break(f, open, close + 1) &&
           column(f) + flat_columns(f, open, close + 1) <= FORMAT_COLUMNS;
}

static void add_head(struct format *f, const struct statement *s)
{
    const uint32_t on = f->at_hand.indent + 2 * FORMAT_INDENT;
    for (uint32_t i = s->from; i < s->to; i++) {
        if (i > s->from && !add_comments(f, i, on)) {
            const char *between = joint(f->o, i, false);
            if (is_opportunity(f, i) &&
                (is_broken_at(f, i) ||
                 column(f) + strlen(between) + chunk_columns(f, i, s) > FORMAT_COLUMNS)) {
                end_line(f);
                begin_line(f, on);
            } else {
                text_adds(&f->text, between);
            }
        }
        if (piece(f, i)->kind != TK_LSET) {
            text_add(&f->text, piece(f, i)->text);
        } else if (set_fits(f, i)) {
            const uint32_t close = closing(f, i);
            format_flat(f->o, i, close + 1, &f->text);
            i = close;
        } else {
            i = add_tall_set(f, i);
        }
    }
}

/* The comments before piece i, which begins a statement or ends a block. Returns whether a blank
 * line is wanted before what follows. */
static bool add_lead(struct format *f, uint32_t i, uint32_t indent, bool at_begin)
{
    struct slice gap = piece(f, i)->gap;
    struct gap_comment c;
    uint32_t newlines;
    while (gap_next(&gap, &c, &newlines)) {
        struct line *last = f->lines.n > 0 ? &f->lines.at[f->lines.n - 1] : NULL;
        if (c.newlines == 0 && last && last->comment.len == 0) {
            end_with_comment(f, last, c.text);
        } else {
            add_comment_line(f, indent, c.text, c.newlines > 1 && !at_begin);
            at_begin = false;
        }
    }
    return newlines > 1 && !at_begin;
}

static void add_statements(struct format *f, const struct statement *s, uint32_t indent,
                           uint32_t end);

static void add_statement(struct format *f, const struct statement *s, uint32_t indent, bool blank)
{
    begin_line(f, indent);
    f->at_hand.blank_before = blank;
    if (is_flat(f, s) &&
        indent + flat_columns(f, s->from, statement_last(s) + 1) <= FORMAT_COLUMNS) {
        add_flat(f, s);
        return;
    }
    add_head(f, s);
    if (!statement_has_block(s)) {
        end_line(f);
        return;
    }
    if (!add_comments(f, s->open, indent + 2 * FORMAT_INDENT))
        text_addc(&f->text, ' ');
    if (is_flat_block(f, s) &&
        column(f) + flat_columns(f, s->open, s->close + 1) <= FORMAT_COLUMNS) {
        format_flat(f->o, s->open, s->close + 1, &f->text);
        end_line(f);
        return;
    }
    text_add(&f->text, piece(f, s->open)->text);
    end_line(f);
    add_statements(f, s->first, indent + FORMAT_INDENT, s->close);
    begin_line(f, indent);
    text_add(&f->text, piece(f, s->close)->text);
    end_line(f);
}

/* A list of statements, and the comments before piece `end`. */
static void add_statements(struct format *f, const struct statement *s, uint32_t indent,
                           uint32_t end)
{
    bool at_begin = true;
    for (; s; s = s->next) {
        const bool blank = add_lead(f, s->from, indent, at_begin);
        add_statement(f, s, indent, blank);
        at_begin = false;
    }
    (void)add_lead(f, end, indent, at_begin);
}

void format_outline(const struct outline *o, struct arena *arena, struct text *out)
{
    struct format f = {.o = o, .arena = arena};
    add_statements(&f, o->first, 0, o->n);
    lines_print(f.lines.at, f.lines.n, arena, out);
    VEC_DONE(&f.lines);
    text_done(&f.text);
}

/* The comments of all gaps, one a line. */
static void comments(const struct outline *o, struct text *out)
{
    for (uint32_t i = 0; i <= o->n; i++) {
        struct slice gap = o->piece[i].gap;
        struct gap_comment c;
        uint32_t newlines;
        while (gap_next(&gap, &c, &newlines)) {
            text_add(out, c.text);
            text_addc(out, '\n');
        }
    }
}

/* Reads what was written: it has the same tokens, statements and comments. */
static bool says_the_same(const struct outline *o, struct slice text, struct arena *arena)
{
    struct sources *sources = sources_new();
    const int index = sources_add(sources, SLICE("formatted"), text);
    ASSERT(index == 0);
    struct diags *d = diags_new(sources, 0);
    const struct tree tree = parse(sources, index, arena, d);
    bool same = diag_errors(d) == 0;
    if (same) {
        const struct outline again = outline(&tree, text, arena);
        struct text before = {0}, after = {0};
        comments(o, &before);
        comments(&again, &after);
        same = slice_eq(text_slice(&before), text_slice(&after)) && o->n == again.n;
        for (uint32_t i = 0; same && i < o->n; i++)
            same = o->piece[i].kind == again.piece[i].kind &&
                   o->piece[i].starts == again.piece[i].starts &&
                   slice_eq(o->piece[i].text, again.piece[i].text);
        text_done(&before);
        text_done(&after);
    }
    diags_free(d);
    sources_free(sources);
    return same;
}

bool format(const struct sources *sources, int index, struct arena *arena, struct diags *d,
            struct text *out)
{
    const unsigned before = diag_errors(d);
    const struct tree tree = parse(sources, index, arena, d);
    if (diag_errors(d) > before)
        return false;
    uint32_t first;
    const struct slice text = sources_text(sources, index, &first);
    const struct outline o = outline(&tree, text, arena);
    struct text made = {0};
    format_outline(&o, arena, &made);
    ASSERT(says_the_same(&o, text_slice(&made), arena));
    text_add(out, text_slice(&made));
    text_done(&made);
    return true;
}

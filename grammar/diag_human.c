/*
 * One report for a person: what is wrong, the lines it is about with what is meant underlined, and
 * what to do about it.
 *
 *   error[E0202]: the cluster `api` is defined twice
 *     --> shop.lbconf:12:9
 *      |
 *   12 | cluster api {
 *      |         ^^^
 *     ::: base.lbconf:3:9
 *    3 | cluster api {
 *      |         --- first defined here
 *      = help: did you mean another one?
 *     12 - cluster api {
 *     12 + cluster api-2 {
 *
 * The work goes by what is shown, not by how long the lines are.
 */
#include "grammar/diag_priv.h"
#include "grammar/glyph.h"

/* A longer line is cut to this many columns around what is underlined. */
#define WIDTH_MAX 110u

/* Of a fix that reaches over several lines, so many are shown. */
#define FIX_LINES_MAX 6u

#define ELLIPSIS "\xe2\x80\xa6"

struct style {
    const char *red, *yellow, *green, *blue, *cyan, *bold, *end;
};

static const struct style PLAIN = {"", "", "", "", "", "", ""};
static const struct style COLORED = {"\x1b[1;31m", "\x1b[1;33m", "\x1b[32m", "\x1b[1;34m",
                                     "\x1b[1;36m", "\x1b[1m",    "\x1b[0m"};

struct rendering {
    const struct sources *sources;
    const struct style *style;
    unsigned gutter; /* columns for line numbers */
    struct text *out;
};

static void repeat(struct text *out, char c, unsigned n)
{
    while (n-- > 0)
        text_addc(out, c);
}

static void gutter(const struct rendering *r, const char *sign)
{
    text_adds(r->out, r->style->blue);
    repeat(r->out, ' ', r->gutter + 1);
    text_addf(r->out, "%s%s", sign, r->style->end);
}

/* The part of a line that is shown: all of it where it is short, else a window around byte `at`. */
struct window {
    struct slice text;
    bool cut_before, cut_after;
};

static struct window window_around(struct slice line, size_t at)
{
    struct window w = {.text = line};
    if (glyph_fits(line, WIDTH_MAX))
        return w;
    const size_t first = glyph_back(line, at, WIDTH_MAX / 3);
    w.text = glyph_first(slice_from(line, first), WIDTH_MAX);
    w.cut_before = first > 0;
    w.cut_after = first + w.text.len < line.len;
    return w;
}

static void add_window(struct text *out, const struct window *w)
{
    text_adds(out, w->cut_before ? ELLIPSIS : "");
    glyph_show(w->text, out);
    text_adds(out, w->cut_after ? ELLIPSIS : "");
}

/* A place, taken apart once. */
struct spot {
    const struct diag_span *span;
    bool primary;
    struct place place;
    size_t at; /* the byte within the line */
};

static struct spot spot_of(const struct rendering *r, const struct diag_span *s, bool primary)
{
    struct spot spot = {
        .span = s, .primary = primary, .place = sources_place(r->sources, s->span.from)};
    spot.at = s->span.from - spot.place.line_from;
    if (spot.at > spot.place.line_text.len)
        spot.at = spot.place.line_text.len;
    return spot;
}

/* The line, unless it is there already, and what marks the place below it: at least one column, and
 * no further than what is shown of the line. */
static void add_spot(const struct rendering *r, const struct spot *s, const char *color,
                     bool line_shown)
{
    const struct slice line = s->place.line_text;
    const struct window w = window_around(line, s->at);
    if (!line_shown || w.cut_before || w.cut_after) {
        text_addf(r->out, "%s%*u |%s ", r->style->blue, (int)r->gutter, s->place.line,
                  r->style->end);
        add_window(r->out, &w);
        text_addc(r->out, '\n');
    }
    const size_t before = (size_t)(line.at + s->at - w.text.at);
    struct slice marked = slice_from(w.text, before);
    if (marked.len > s->span->span.to - s->span->span.from)
        marked.len = s->span->span.to - s->span->span.from;
    const unsigned columns = glyph_columns(marked);
    gutter(r, "| ");
    repeat(r->out, ' ', glyph_columns((struct slice){w.text.at, before}) + w.cut_before);
    text_adds(r->out, color);
    repeat(r->out, s->primary ? '^' : '-', columns ? columns : 1);
    if (s->span->label.len > 0) {
        text_addc(r->out, ' ');
        glyph_show(s->span->label, r->out);
    }
    text_addf(r->out, "%s\n", r->style->end);
}

static unsigned digits(uint32_t n)
{
    unsigned d = 1;
    while (n >= 10) {
        n /= 10;
        d++;
    }
    return d;
}

static void add_arrow(const struct rendering *r, const char *arrow, const struct place *p)
{
    repeat(r->out, ' ', r->gutter);
    text_addf(r->out, "%s%s%s ", r->style->blue, arrow, r->style->end);
    glyph_show(p->file, r->out);
    text_addf(r->out, ":%u:%u\n", p->line, p->column);
}

static void header(const struct rendering *r, const struct report *report, const struct place *p,
                   const char *color)
{
    const struct diag_text *text = diag_text(report->code);
    text_addf(r->out, "%s%s[%s]%s%s: ", color,
              text->severity == SEVERITY_ERROR ? "error" : "warning", text->code, r->style->end,
              r->style->bold);
    glyph_show(report->message, r->out);
    text_addf(r->out, "%s\n", r->style->end);
    add_arrow(r, "-->", p);
    gutter(r, "|\n");
}

static bool same_file(const struct spot *a, const struct spot *b)
{
    return a->place.file.at == b->place.file.at;
}

/* The file of the primary place first, then the others; each from its top down. */
static bool comes_before(const struct spot *a, const struct spot *b, const struct spot *primary)
{
    const bool a_here = same_file(a, primary), b_here = same_file(b, primary);
    return a_here != b_here ? a_here : a->span->span.from < b->span->span.from;
}

static void sort(struct spot *spot, uint32_t n, const struct spot primary)
{
    for (uint32_t i = 1; i < n; i++)
        for (uint32_t k = i; k > 0 && comes_before(&spot[k], &spot[k - 1], &primary); k--) {
            const struct spot s = spot[k];
            spot[k] = spot[k - 1];
            spot[k - 1] = s;
        }
}

/* Every place involved; `...` where lines are left out. */
static void places(const struct rendering *r, struct spot *spot, uint32_t n, const char *color)
{
    const struct spot *above = NULL;
    sort(spot, n, spot[0]);
    for (uint32_t i = 0; i < n; i++) {
        const struct spot *s = &spot[i];
        const bool same_place = above && above->span->span.from == s->span->span.from;
        if (same_place && s->span->label.len == 0)
            continue; /* it has nothing to add */
        if (above && !same_file(above, s))
            add_arrow(r, ":::", &s->place);
        else if (above && s->place.line > above->place.line + 1)
            gutter(r, "...\n");
        add_spot(r, s, s->primary ? color : r->style->blue,
                 above && same_file(above, s) && above->place.line == s->place.line);
        above = s;
    }
}

static void remark(const struct rendering *r, const char *kind, struct slice text)
{
    gutter(r, "= ");
    text_addf(r->out, "%s%s:%s ", r->style->cyan, kind, r->style->end);
    glyph_show(text, r->out);
    text_addc(r->out, '\n');
}

/* The lines of one side of a change, from line number `first` on. `at` is where the change begins
 * in the first of them. */
static void change_side(const struct rendering *r, const char *color, char sign, uint32_t first,
                        struct slice text, size_t at)
{
    struct slice line;
    for (uint32_t i = 0; slice_split(&text, '\n', &line); i++, at = 0) {
        if (i == FIX_LINES_MAX) {
            gutter(r, "...\n");
            return;
        }
        if (line.len > 0 && line.at[line.len - 1] == '\r')
            line.len--;
        const struct window w = window_around(line, at < line.len ? at : line.len);
        text_addf(r->out, "%s%*u %c%s%s ", r->style->blue, (int)r->gutter, first + i, sign,
                  r->style->end, color);
        add_window(r->out, &w);
        text_addf(r->out, "%s\n", r->style->end);
    }
}

/* Takes off the last lines that both end with; each ends with a line end of its own. */
static void drop_same_end(struct slice *a, struct slice *b)
{
    size_t same = 0, lines = 0;
    while (same < a->len && same < b->len && a->at[a->len - 1 - same] == b->at[b->len - 1 - same]) {
        same++;
        const bool begins_line = (same == a->len || a->at[a->len - 1 - same] == '\n') &&
                                 (same == b->len || b->at[b->len - 1 - same] == '\n');
        lines = begins_line ? same : lines;
    }
    a->len -= lines;
    b->len -= lines;
}

/* The lines as they are and as they would be. Not where the message says all: did you mean `x`? */
static void change(const struct rendering *r, const struct diag_fix *fix)
{
    char quoted[64];
    const int len =
        snprintf(quoted, sizeof(quoted), "`" SLICE_FMT "`", SLICE_ARG(fix->replacement));
    if (fix->replacement.len > 0 && (size_t)len < sizeof(quoted) &&
        memmem(fix->message.at, fix->message.len, quoted, (size_t)len))
        return;
    const struct place from = sources_place(r->sources, fix->span.from);
    const struct place to = sources_place(r->sources, fix->span.to);
    const size_t at = fix->span.from - from.line_from, behind = fix->span.to - to.line_from;
    if (from.file.at != to.file.at || at > from.line_text.len || behind > to.line_text.len)
        return;
    struct text before = {0}, after = {0};
    const size_t len_before = (size_t)(to.line_text.at + to.line_text.len - from.line_text.at);
    text_addf(&before, SLICE_FMT "\n", (int)len_before, from.line_text.at);
    text_add(&after, (struct slice){from.line_text.at, at});
    text_add(&after, fix->replacement);
    text_addf(&after, SLICE_FMT "\n", SLICE_ARG(slice_from(to.line_text, behind)));
    struct slice old = text_slice(&before), new = text_slice(&after);
    drop_same_end(&old, &new);
    change_side(r, r->style->red, '-', from.line, old, at);
    if (slice_trim(new).len > 1) /* not where nothing is left of a line */
        change_side(r, r->style->green, '+', from.line, new, at);
    text_done(&before);
    text_done(&after);
}

void diag_render_human(const struct sources *s, const struct report *r, bool color,
                       struct text *out)
{
    const struct style *style = color ? &COLORED : &PLAIN;
    const struct diag_text *text = diag_text(r->code);
    struct rendering rendering = {s, style, 1, out};
    const char *loud = text->severity == SEVERITY_ERROR ? style->red : style->yellow;

    struct spot *spot = MUST_ARRAY(struct spot, r->also.n + 1);
    for (uint32_t i = 0; i <= r->also.n; i++) {
        spot[i] = spot_of(&rendering, i ? &r->also.at[i - 1] : &r->primary, i == 0);
        const unsigned d = digits(spot[i].place.line);
        rendering.gutter = d > rendering.gutter ? d : rendering.gutter;
    }
    header(&rendering, r, &spot[0].place, loud);
    places(&rendering, spot, r->also.n + 1, loud);
    free(spot);

    for (uint32_t i = 0; i < r->note.n; i++)
        remark(&rendering, "note", r->note.at[i]);
    for (uint32_t i = 0; i < r->fix.n; i++) {
        remark(&rendering, "help", r->fix.at[i].message);
        change(&rendering, &r->fix.at[i]);
    }
    if (text->advice[0])
        remark(&rendering, r->fix.n ? "note" : "help", slice_of(text->advice));
    text_addc(out, '\n');
}

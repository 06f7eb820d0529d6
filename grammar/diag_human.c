/*
 * One report for a person: what is wrong, the lines it is about with what is meant underlined, and
 * what to do about it.
 *
 *   error[E0202]: no cluster is called `apii`
 *     --> shop.lbconf:12:11
 *      |
 *    3 | cluster api {
 *      |         --- a name like it
 *      ...
 *   12 |   forward apii
 *      |           ^^^^
 *      = help: did you mean `api`?
 */
#include "grammar/diag_priv.h"
#include "runtime/base/utf8.h"

/* A longer line is cut to this many columns around what is underlined. */
#define WIDTH_MAX 110u
#define TAB       4u

struct style {
    const char *red, *yellow, *blue, *cyan, *bold, *end;
};

static const struct style PLAIN = {"", "", "", "", "", ""};
static const struct style COLORED = {"\x1b[1;31m", "\x1b[1;33m", "\x1b[1;34m",
                                     "\x1b[1;36m", "\x1b[1m",    "\x1b[0m"};

/* How many columns a terminal gives a character: none for combining marks, two for the wide scripts
 * and emoji (after Unicode's EastAsianWidth, coarsely). */
static unsigned columns_of(uint32_t c)
{
    static const struct {
        uint32_t first, last;
        unsigned columns;
    } range[] = {
        {0x0300, 0x036f, 0},   {0x200b, 0x200f, 0}, {0xfe00, 0xfe0f, 0},   {0x1100, 0x115f, 2},
        {0x2e80, 0xa4cf, 2},   {0xac00, 0xd7a3, 2}, {0xf900, 0xfaff, 2},   {0xfe30, 0xfe6f, 2},
        {0xff00, 0xff60, 2},   {0xffe0, 0xffe6, 2}, {0x1f300, 0x1f64f, 2}, {0x1f900, 0x1f9ff, 2},
        {0x20000, 0x3fffd, 2},
    };
    for (size_t i = 0; i < COUNT_OF(range); i++)
        if (c >= range[i].first && c <= range[i].last)
            return range[i].columns;
    return 1;
}

static uint32_t decode(const unsigned char *c, size_t bytes)
{
    if (bytes == 1)
        return c[0];
    uint32_t value = c[0] & (0x7fu >> bytes);
    for (size_t i = 1; i < bytes; i++)
        value = value << 6 | (c[i] & 0x3f);
    return value;
}

/* Does the character do something to a terminal, or to the reading direction, instead of showing?
 */
static bool unsafe(uint32_t c)
{
    return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x200e || c == 0x200f ||
           (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
}

/* Takes the first character off *s; returns its width and the bytes that show it. */
static unsigned show_next(struct slice *s, struct slice *shown)
{
    const size_t bytes = utf8_next(*s);
    const struct slice c = {s->at, bytes ? bytes : 1};
    *s = slice_from(*s, c.len);
    *shown = c;
    if (c.at[0] == '\t') {
        *shown = (struct slice){"    ", TAB};
        return TAB;
    }
    const uint32_t value = bytes ? decode((const unsigned char *)c.at, bytes) : 0;
    if (bytes == 0 || unsafe(value)) {
        *shown = SLICE("\xef\xbf\xbd"); /* U+FFFD */
        return 1;
    }
    return columns_of(value);
}

static unsigned width(struct slice s)
{
    unsigned columns = 0;
    struct slice shown;
    while (s.len > 0)
        columns += show_next(&s, &shown);
    return columns;
}

static void add_shown(struct text *out, struct slice s)
{
    struct slice shown;
    while (s.len > 0) {
        show_next(&s, &shown);
        text_add(out, shown);
    }
}

/* What of a line is shown: all of it, or a window around columns [from, to). */
struct window {
    unsigned first, last;
};

static struct window window_around(unsigned columns, unsigned from)
{
    if (columns <= WIDTH_MAX)
        return (struct window){0, columns};
    const unsigned first = from > WIDTH_MAX / 3 ? from - WIDTH_MAX / 3 : 0;
    return (struct window){first, first + WIDTH_MAX};
}

static void add_line(struct text *out, struct slice line, struct window w)
{
    if (w.first > 0)
        text_adds(out, "\xe2\x80\xa6"); /* … */
    unsigned column = 0;
    struct slice shown;
    while (line.len > 0 && column < w.last) {
        const unsigned columns = show_next(&line, &shown);
        if (column >= w.first)
            text_add(out, shown);
        column += columns;
    }
    if (line.len > 0)
        text_adds(out, "\xe2\x80\xa6");
}

static void repeat(struct text *out, char c, unsigned n)
{
    while (n-- > 0)
        text_addc(out, c);
}

struct rendering {
    const struct sources *sources;
    const struct style *style;
    unsigned gutter; /* columns for line numbers */
    struct text *out;
};

static void gutter(const struct rendering *r, const char *sign)
{
    text_adds(r->out, r->style->blue);
    repeat(r->out, ' ', r->gutter + 1);
    text_addf(r->out, "%s%s", sign, r->style->end);
}

/* The part of a line that a span covers; at least one column, and no further than the line's end.
 */
static void add_underlined(const struct rendering *r, const struct diag_span *s, bool primary,
                           const char *color, bool same_line)
{
    const struct place p = sources_place(r->sources, s->span.from);
    struct slice before = p.line_text, marked = p.line_text;
    size_t skip = 0;
    for (uint32_t c = 1; c < p.column && skip < p.line_text.len; c++) {
        const size_t bytes = utf8_next(slice_from(p.line_text, skip));
        skip += bytes ? bytes : 1;
    }
    before.len = skip;
    marked = slice_from(marked, skip);
    if (marked.len > s->span.to - s->span.from)
        marked.len = s->span.to - s->span.from;

    const unsigned from = width(before);
    const unsigned columns = marked.len ? width(marked) : 1;
    const struct window w = window_around(width(p.line_text), from);
    if (!same_line || w.last < width(p.line_text) || w.first > 0) {
        text_addf(r->out, "%s%*u |%s ", r->style->blue, (int)r->gutter, p.line, r->style->end);
        add_line(r->out, p.line_text, w);
        text_addc(r->out, '\n');
    }
    gutter(r, "| ");
    repeat(r->out, ' ', from - w.first + (w.first > 0));
    text_adds(r->out, color);
    const unsigned room = w.first + WIDTH_MAX - from;
    repeat(r->out, primary ? '^' : '-', columns < room ? (columns ? columns : 1) : room);
    if (s->label.len > 0) {
        text_addc(r->out, ' ');
        add_shown(r->out, s->label);
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

static unsigned gutter_for(const struct sources *s, const struct report *r)
{
    unsigned most = digits(sources_place(s, r->primary.span.from).line);
    for (uint32_t i = 0; i < r->also.n; i++) {
        const unsigned d = digits(sources_place(s, r->also.at[i].span.from).line);
        most = d > most ? d : most;
    }
    return most;
}

static void header(const struct rendering *r, const struct report *report, const char *color)
{
    const struct diag_text *text = diag_text(report->code);
    text_addf(r->out, "%s%s[%s]%s%s: ", color,
              text->severity == SEVERITY_ERROR ? "error" : "warning", text->code, r->style->end,
              r->style->bold);
    add_shown(r->out, report->message);
    text_addf(r->out, "%s\n", r->style->end);
    const struct place p = sources_place(r->sources, report->primary.span.from);
    repeat(r->out, ' ', r->gutter);
    text_addf(r->out, "%s-->%s ", r->style->blue, r->style->end);
    add_shown(r->out, p.file);
    text_addf(r->out, ":%u:%u\n", p.line, p.column);
    gutter(r, "|\n");
}

/* Every place involved, from the top of the file down; `...` where lines are left out. */
static void places(const struct rendering *r, const struct report *report, const char *color)
{
    const uint32_t n = report->also.n + 1;
    uint32_t above = 0;
    uint32_t shown_from = 0;
    bool any = false;
    for (uint32_t k = 0; k < n; k++) {
        const struct diag_span *next = NULL;
        for (uint32_t i = 0; i < n; i++) {
            const struct diag_span *s = i ? &report->also.at[i - 1] : &report->primary;
            const bool later = !any || s->span.from > shown_from;
            if (later && (!next || s->span.from < next->span.from))
                next = s;
        }
        if (!next)
            return; /* the rest are further words on places that were shown */
        const uint32_t line = sources_place(r->sources, next->span.from).line;
        if (any && line > above + 1)
            gutter(r, "...\n");
        add_underlined(r, next, next == &report->primary,
                       next == &report->primary ? color : r->style->blue, any && line == above);
        above = line;
        shown_from = next->span.from;
        any = true;
    }
}

static void remark(const struct rendering *r, const char *kind, struct slice text)
{
    gutter(r, "= ");
    text_addf(r->out, "%s%s:%s ", r->style->cyan, kind, r->style->end);
    add_shown(r->out, text);
    text_addc(r->out, '\n');
}

void diag_render_human(const struct sources *s, const struct report *r, bool color,
                       struct text *out)
{
    const struct style *style = color ? &COLORED : &PLAIN;
    const struct diag_text *text = diag_text(r->code);
    const struct rendering rendering = {s, style, gutter_for(s, r), out};
    const char *loud = text->severity == SEVERITY_ERROR ? style->red : style->yellow;
    header(&rendering, r, loud);
    places(&rendering, r, loud);
    for (uint32_t i = 0; i < r->note.n; i++)
        remark(&rendering, "note", r->note.at[i]);
    for (uint32_t i = 0; i < r->fix.n; i++)
        remark(&rendering, "help", r->fix.at[i].message);
    if (text->advice[0])
        remark(&rendering, r->fix.n ? "note" : "help", slice_of(text->advice));
    text_addc(out, '\n');
}

/* Columns, and the text of all lines. Whether a line takes part, and where its column would be,
 * depends on its own text and on that of its neighbours, and not on how wide the gaps were: those
 * say only that a column is wanted. So the result, read again, comes out the same. */
#include "grammar/format/format_priv.h"
#include "runtime/base/arena.h"

/* A line that has more than this before its column stands for itself. */
#define COLUMN_MAX 60u

static uint32_t width(const struct line *l)
{
    return l->indent + text_columns(l->text);
}

static uint32_t stop_column(const struct line *l, uint32_t k)
{
    return l->indent + text_columns((struct slice){l->text.at, l->stop[k].at});
}

/* Puts `more` blanks in front of a stop. */
static void widen(struct line *l, uint32_t k, uint32_t more, struct arena *arena)
{
    const uint32_t at = l->stop[k].at;
    char *text = arena_take(arena, 1, l->text.len + more + 1);
    memcpy(text, l->text.at, at);
    memset(text + at, ' ', more);
    memcpy(text + at + more, l->text.at + at, l->text.len - at);
    l->text = (struct slice){text, l->text.len + more};
    for (; k < l->n_stops; k++)
        l->stop[k].at += more;
}

/* Lines [from, to) that are of one kind with line `from`; others among them are passed over. */
struct column {
    struct line *line;
    uint32_t from, to, stop;
};

static bool belongs(const struct column *c, uint32_t i)
{
    return c->line[i].shape == c->line[c->from].shape && c->stop < c->line[i].n_stops;
}

/* The last column at which a line still fits, or 0 when there is none. */
static uint32_t last_column(const struct line *l, uint32_t own)
{
    const uint32_t rest = width(l) - own;
    return rest < FORMAT_COLUMNS ? FORMAT_COLUMNS - rest : 0;
}

/* Did the writer want this column? Those of definitions go together. */
static bool is_wanted(const struct line *l, uint32_t stop)
{
    if (l->shape != SHAPE_TYPED)
        return l->stop[stop].wide;
    bool wide = false;
    for (uint32_t k = 0; k < l->n_stops; k++)
        wide = wide || l->stop[k].wide;
    return wide;
}

/* The column at which most of the lines can stand, the first such; 0: none wants one. */
static uint32_t best_column(const struct column *c)
{
    int change[FORMAT_COLUMNS + 2] = {0}; /* how many lines more can stand at it than before it */
    bool wanted = false;
    for (uint32_t i = c->from; i < c->to; i++) {
        if (!belongs(c, i))
            continue;
        wanted = wanted || is_wanted(&c->line[i], c->stop);
        const uint32_t own = stop_column(&c->line[i], c->stop);
        const uint32_t last = last_column(&c->line[i], own);
        if (own > COLUMN_MAX || own > last)
            continue;
        change[own]++;
        change[last + 1]--;
    }
    uint32_t best = 0;
    for (int at = 0, n = 0, most = 0; wanted && at <= (int)COLUMN_MAX; at++) {
        n += change[at];
        if (n > most) {
            most = n;
            best = (uint32_t)at;
        }
    }
    return best;
}

static void align_column(const struct column *c, struct arena *arena)
{
    const uint32_t column = best_column(c);
    for (uint32_t i = c->from; column > 0 && i < c->to; i++) {
        if (!belongs(c, i))
            continue;
        const uint32_t own = stop_column(&c->line[i], c->stop);
        if (own < column && column <= last_column(&c->line[i], own))
            widen(&c->line[i], c->stop, column - own, arena);
    }
}

/* Where the lines that can be aligned with line i end: at a blank line, a statement of several
 * lines; for plain ones also at another first word. */
static uint32_t run_end(const struct line *line, uint32_t n, uint32_t i)
{
    const struct line *first = &line[i];
    for (i++; i < n; i++) {
        const struct line *l = &line[i];
        if (l->blank_before || l->indent != first->indent)
            break;
        if (l->text.len == 0)
            continue;
        if (l->shape == SHAPE_NONE)
            break;
        if (first->shape == SHAPE_PLAIN && !slice_eq(l->word, first->word))
            break;
    }
    return i;
}

static void align(struct line *line, uint32_t n, enum shape shape, struct arena *arena)
{
    for (uint32_t i = 0; i < n;) {
        if (line[i].shape != shape) {
            i++;
            continue;
        }
        const uint32_t end = run_end(line, n, i);
        for (uint32_t k = 0; k < STOPS_MAX; k++)
            align_column(&(struct column){line, i, end, k}, arena);
        i = end;
    }
}

static bool ends_in_comment(const struct line *l)
{
    return l->comment.len > 0 && l->text.len > 0;
}

/* The column of the comments at the ends of lines [from, to), or 0: one blank behind the text. */
static uint32_t comment_column(const struct line *line, uint32_t from, uint32_t to)
{
    bool wide = false, same = true;
    uint32_t column = 0, seen = UINT32_MAX;
    for (uint32_t i = from; i < to; i++) {
        if (!ends_in_comment(&line[i]))
            continue;
        wide = wide || line[i].comment_is_wide;
        same = same && (seen == UINT32_MAX || seen == line[i].comment_column);
        seen = line[i].comment_column;
        if (width(&line[i]) + 1 > column)
            column = width(&line[i]) + 1;
    }
    if (!wide)
        return 0;
    return same && seen > column ? seen : column;
}

static void print(const struct line *l, uint32_t column, struct text *out)
{
    if (l->blank_before)
        text_addc(out, '\n');
    text_addf(out, "%*s" SLICE_FMT, (int)l->indent, "", SLICE_ARG(l->text));
    if (ends_in_comment(l)) {
        const uint32_t at = width(l);
        text_addf(out, "%*s", column > at ? (int)(column - at) : 1, "");
    }
    text_add(out, l->comment);
    text_addc(out, '\n');
}

void lines_print(struct line *line, uint32_t n, struct arena *arena, struct text *out)
{
    align(line, n, SHAPE_BLOCK, arena);
    align(line, n, SHAPE_TYPED, arena);
    align(line, n, SHAPE_NAMED, arena);
    align(line, n, SHAPE_PLAIN, arena);
    for (uint32_t i = 0; i < n;) {
        uint32_t end = i + 1;
        while (end < n && !line[end].blank_before && line[end].indent == line[i].indent)
            end++;
        const uint32_t column = comment_column(line, i, end);
        for (; i < end; i++)
            print(&line[i], column, out);
    }
}

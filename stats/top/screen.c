#include "stats/top/screen.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "runtime/base/clock.h"
#include "runtime/base/utf8.h"

#define LINE_BYTES 512u
#define HEAD_LINES 5u /* above the rows */
#define FOOT_LINES 2u
#define LOW_LINES  2u /* on a low terminal: above and below the rows together */

enum paint { PLAIN, BOLD, DIM, GOOD, WARN, BAD, CHOSEN };

static const char *const paint_code[] = {
    [PLAIN] = "",        [BOLD] = "\x1b[1m",   [DIM] = "\x1b[2m",   [GOOD] = "\x1b[32m",
    [WARN] = "\x1b[33m", [BAD] = "\x1b[31;1m", [CHOSEN] = "\x1b[7m"};

/* A line as it grows; `width` is what the terminal will show of it. */
struct line {
    const struct screen *screen;
    struct text *out;
    uint32_t width;
};

/* Where a column begins, how wide it is; a server's name has what is left on narrow terminals. */
static const struct {
    const char *title;
    uint32_t width;
    bool right;
} COLUMN[] = {{"cluster/server", 26, false},
              {"state", 13, false},
              {"weight", 7, true},
              {"active", 7, true},
              {"req/s", 9, true},
              {"5xx/s", 7, true},
              {"err/s", 7, true},
              {"ms", 7, true}};

/* As much of it as there is room for; what would move the cursor is a question mark. */
static void put(struct line *l, struct slice s, uint32_t most)
{
    while (s.len > 0 && most > 0 && l->width < l->screen->columns) {
        const size_t n = utf8_next(s);
        const bool shown = n > 0 && !utf8_is_control(s);
        if (shown)
            text_add(l->out, (struct slice){s.at, n});
        else
            text_addc(l->out, '?');
        s = slice_from(s, n > 0 ? n : 1);
        l->width++;
        most--;
    }
}

static void paint(struct line *l, enum paint p)
{
    if (l->screen->colors)
        text_adds(l->out, paint_code[p]);
}

static void unpaint(struct line *l)
{
    if (l->screen->colors)
        text_adds(l->out, "\x1b[0m");
}

static void add(struct line *l, enum paint p, const char *fmt, ...) PRINTF_LIKE(3, 4);
static void add(struct line *l, enum paint p, const char *fmt, ...)
{
    char text[LINE_BYTES];
    va_list arguments;
    va_start(arguments, fmt);
    vsnprintf(text, sizeof(text), fmt, arguments);
    va_end(arguments);
    if (p != PLAIN)
        paint(l, p);
    put(l, slice_of(text), UINT32_MAX);
    if (p != PLAIN)
        unpaint(l);
}

static void end_line(struct line *l)
{
    text_addc(l->out, '\n');
    l->width = 0;
}

static void pad(struct line *l, uint32_t to)
{
    while (l->width < to && l->width < l->screen->columns)
        put(l, SLICE(" "), 1);
}

static uint32_t width_of(const char *text)
{
    struct text unseen = {0};
    const struct screen wide = {.columns = UINT32_MAX};
    struct line l = {.screen = &wide, .out = &unseen};
    put(&l, slice_of(text), UINT32_MAX);
    text_done(&unseen);
    return l.width;
}

/* --- numbers --------------------------------------------------------------------------------- */

#define RATE_BYTES 16u

/* "0", "0.4", "12", "1.2k": what fits. */
static void format_rate(double rate, char out[RATE_BYTES])
{
    static const char unit[] = {0, 'k', 'M', 'G'};
    size_t u = 0;
    if (rate < 0) {
        snprintf(out, RATE_BYTES, "-");
        return;
    }
    while (rate >= 9999.5 && u + 1 < sizeof(unit)) {
        rate /= 1000;
        u++;
    }
    snprintf(out, RATE_BYTES, "%.*f%.1s", rate > 0 && rate < 9.95 ? 1 : 0, rate, &unit[u]);
}

static void add_share(struct line *l, const char *name, double part, double all, enum paint p)
{
    if (part < 0 || all <= 0)
        add(l, PLAIN, "  %s -", name);
    else
        add(l, part > 0 ? p : PLAIN, "  %s %.1f%%", name, 100 * part / all);
}

static void add_bytes(struct line *l, const char *name, double rate)
{
    char bytes[BYTES_TEXT_MAX];
    if (rate < 0) {
        add(l, PLAIN, "  %s -", name);
        return;
    }
    bytes_format((uint64_t)rate, bytes);
    add(l, PLAIN, "  %s %s/s", name, bytes);
}

/* --- the head -------------------------------------------------------------------------------- */

static void draw_title(struct line *l, const struct snapshot *now)
{
    char uptime[DURATION_TEXT_MAX];
    duration_format((int64_t)(now->uptime_s * (double)NS_PER_S), uptime);
    add(l, BOLD, "lbc %s", now->version);
    add(l, PLAIN, "  %s  generation %llu  up %s", now->file, (unsigned long long)now->generation,
        uptime);
    if (now->draining)
        add(l, WARN, "  shutting down");
    if (now->on_trial)
        add(l, WARN, "  on trial");
    if (now->canary_percent > 0)
        add(l, WARN, "  canary %.10g%%", now->canary_percent);
    end_line(l);
}

static void draw_totals(struct line *l, const struct snapshot *before, const struct snapshot *now)
{
    static const enum paint paint_of[] = {PLAIN, PLAIN, PLAIN, PLAIN, PLAIN, BAD};
    const struct top_totals *a = &before->totals, *b = &now->totals;
    const int64_t between_ns = before->version ? now->at_ns - before->at_ns : 0;
    double class[6], all = 0;
    char rate[RATE_BYTES];
    for (int i = 2; i <= 5; i++) {
        class[i] = snapshot_rate(a->class[i], b -> class[i], between_ns);
        all += class[i] > 0 ? class[i] : 0;
    }
    format_rate(snapshot_rate(a->requests, b->requests, between_ns), rate);
    add(l, BOLD, "%s req/s", rate);
    for (int i = 2; i <= 5; i++) {
        char name[] = {(char)('0' + i), 'x', 'x', '\0'};
        add_share(l, name, class[i], all, paint_of[i]);
    }
    end_line(l);
    add(l, PLAIN, "%lld connections  %lld active", (long long)b->connections, (long long)b->active);
    add_bytes(l, "in", snapshot_rate(a->received_bytes, b->received_bytes, between_ns));
    add_bytes(l, "out", snapshot_rate(a->sent_bytes, b->sent_bytes, between_ns));
    end_line(l);
}

/* --- the rows -------------------------------------------------------------------------------- */

/* What the other columns leave of the terminal. */
static uint32_t name_width(const struct screen *s)
{
    uint32_t others = 0;
    for (size_t i = 1; i < COUNT_OF(COLUMN); i++)
        others += COLUMN[i].width + 1;
    return s->columns >= others + COLUMN[0].width ? COLUMN[0].width
           : s->columns > others + 8              ? s->columns - others
                                                  : 8;
}

static void cell(struct line *l, size_t column, enum paint p, const char *text)
{
    const uint32_t width = column == 0 ? name_width(l->screen) : COLUMN[column].width;
    const uint32_t begins = l->width + (column > 0), taken = width_of(text);
    pad(l, COLUMN[column].right && taken < width ? begins + width - taken : begins);
    if (p != PLAIN)
        paint(l, p);
    put(l, slice_of(text), width);
    if (p != PLAIN)
        unpaint(l);
    pad(l, begins + width);
}

static void number_cell(struct line *l, size_t column, int64_t n)
{
    char text[24];
    snprintf(text, sizeof(text), "%lld", (long long)n);
    cell(l, column, PLAIN, text);
}

static void rate_cell(struct line *l, size_t column, double rate, enum paint p)
{
    char text[RATE_BYTES];
    format_rate(rate, text);
    cell(l, column, rate > 0 ? p : PLAIN, text);
}

/* To the first byte of an answer, on average. */
static void latency_cell(struct line *l, double ms)
{
    char text[RATE_BYTES];
    if (ms < 0)
        snprintf(text, sizeof(text), "-");
    else
        snprintf(text, sizeof(text), "%.*f", ms < 1 ? 2 : ms < 100 ? 1 : 0, ms);
    cell(l, 7, PLAIN, text);
}

static const char *state_of(const struct top_server *s, enum paint *p)
{
    *p = strcmp(s->health, "down") == 0 || s->ejected ? BAD
         : strcmp(s->state, "ready") != 0             ? WARN
         : strcmp(s->health, "up") == 0               ? GOOD
                                                      : PLAIN;
    return s->ejected                       ? "ejected"
           : strcmp(s->health, "down") == 0 ? "down"
           : strcmp(s->state, "ready") != 0 ? s->state
                                            : s->health;
}

static void draw_server(struct line *l, const struct top_row *row)
{
    enum paint p;
    char name[LINE_BYTES];
    const char *state = state_of(row->server, &p);
    snprintf(name, sizeof(name), "  %s", row->server->name);
    cell(l, 0, PLAIN, name);
    cell(l, 1, p, state);
    number_cell(l, 2, row->server->weight);
    number_cell(l, 3, row->server->active);
    rate_cell(l, 4, row->rate, PLAIN);
    rate_cell(l, 5, row->failed, BAD);
    rate_cell(l, 6, row->errors, BAD);
    latency_cell(l, row->latency_ms);
    add(l, DIM, "  %s", row->server->endpoint);
    if (row->server->why && p == BAD)
        add(l, BAD, "  %s", row->server->why);
}

static void draw_cluster(struct line *l, const struct top_row *row)
{
    const struct top_cluster *c = row->cluster;
    char state[32];
    snprintf(state, sizeof(state), "%u of %u", c->usable, c->servers);
    cell(l, 0, BOLD, c->name);
    cell(l, 1, c->usable == 0 ? BAD : c->usable < c->servers ? WARN : PLAIN, state);
    cell(l, 2, PLAIN, "");
    number_cell(l, 3, c->active);
    rate_cell(l, 4, row->rate, PLAIN);
    rate_cell(l, 5, row->failed, BAD);
    rate_cell(l, 6, row->errors, BAD);
    cell(l, 7, PLAIN, "");
    add(l, DIM, "  %s", c->balance);
    if (c->waiting > 0)
        add(l, WARN, "  %lld waiting", (long long)c->waiting);
}

/* The chosen one is in the middle, once there is something above it. */
static uint32_t first_shown(uint32_t chosen, uint32_t shown, uint32_t all)
{
    if (all <= shown || chosen < shown / 2)
        return 0;
    const uint32_t first = chosen - shown / 2;
    return first > all - shown ? all - shown : first;
}

/* Without its own colours: they would end the mark in its middle. */
static void draw_row(struct line *l, const struct top_row *row, bool chosen)
{
    const struct screen plain = {.columns = l->screen->columns};
    struct line marked = {.screen = &plain, .out = l->out};
    struct line *to = chosen && l->screen->colors ? &marked : l;
    if (to == &marked)
        paint(l, CHOSEN);
    if (row->server)
        draw_server(to, row);
    else
        draw_cluster(to, row);
    if (to == &marked)
        unpaint(l);
    end_line(l);
}

/* Is there room for rows and little else? */
static bool is_low(const struct screen *s)
{
    return s->lines > 0 && s->lines <= HEAD_LINES + FOOT_LINES;
}

static uint32_t rows_that_fit(const struct screen *s, uint32_t all)
{
    const uint32_t others = is_low(s) ? LOW_LINES : HEAD_LINES + FOOT_LINES;
    const uint32_t room = s->lines > others ? s->lines - others : 1;
    return s->lines == 0 || all < room ? all : room;
}

static void draw_rows(struct line *l, const struct rows *rows)
{
    const uint32_t chosen = rows_chosen(rows), n = rows_that_fit(l->screen, rows->list.n);
    const uint32_t first = first_shown(chosen, n, rows->list.n);
    if (l->screen->lines != 1) {
        for (size_t i = 0; i < COUNT_OF(COLUMN); i++)
            cell(l, i, DIM, COLUMN[i].title);
        end_line(l);
    }
    for (uint32_t i = first; i < first + n; i++)
        draw_row(l, &rows->list.at[i], i == chosen);
    if (rows->list.n == 0) {
        add(l, DIM, rows->wanted[0] ? "nothing has that in its name" : "there are no clusters");
        end_line(l);
    }
}

/* --- the foot -------------------------------------------------------------------------------- */

static void draw_said(struct line *l, const struct rows *rows)
{
    const struct screen *s = l->screen;
    if (s->finds)
        add(l, BOLD, "find: %s_", rows->wanted);
    else if (s->said)
        add(l, BOLD, "%s", s->said);
    end_line(l);
}

static void draw_keys(struct line *l, const struct rows *rows)
{
    add(l, DIM, "q quit  j k choose  d drain  m maintenance  r ready  s sort: %s  / find%s%s",
        rows_order_name(rows->order), rows->wanted[0] ? ": " : "", rows->wanted);
    end_line(l);
}

void screen_draw(const struct screen *s, const struct rows *rows, const struct snapshot *before,
                 const struct snapshot *now, struct text *out)
{
    struct line l = {.screen = s, .out = out};
    if (!now->version) {
        add(&l, BOLD, "%s", s->said ? s->said : "nobody has answered yet");
        end_line(&l);
        return;
    }
    if (!is_low(s)) {
        draw_title(&l, now);
        draw_totals(&l, before, now);
        end_line(&l);
    }
    draw_rows(&l, rows);
    if (s->lines > LOW_LINES)
        draw_said(&l, rows);
    if (s->lines > 0 && !is_low(s))
        draw_keys(&l, rows);
}

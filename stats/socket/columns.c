#include "stats/socket/columns.h"

#include <stdarg.h>

#include "runtime/base/utf8.h"

#define GAP 2u

void columns_add(struct columns *c, const char *fmt, ...)
{
    char cell[256];
    va_list args;
    va_start(args, fmt);
    vsnprintf(cell, sizeof(cell), fmt, args);
    va_end(args);
    text_adds(&c->text, cell);
    VEC_ADD(&c->cell_end, (uint32_t)c->text.len);
}

static struct slice cell_at(const struct columns *c, uint32_t i)
{
    const uint32_t from = i > 0 ? c->cell_end.at[i - 1] : 0;
    return (struct slice){text_slice(&c->text).at + from, c->cell_end.at[i] - from};
}

/* Characters, not bytes: names may be in any script. */
static size_t width_of(struct slice s)
{
    size_t width = 0;
    for (; s.len > 0; width++) {
        const size_t bytes = utf8_next(s);
        s = slice_from(s, bytes ? bytes : 1);
    }
    return width;
}

static void add_blanks(struct text *out, size_t n)
{
    text_addf(out, "%*s", (int)n, "");
}

static void add_cell(const struct columns *c, struct text *out, uint32_t column, struct slice cell,
                     size_t width)
{
    const size_t missing = width - width_of(cell);
    const bool to_the_right = c->to_the_right >> column & 1;
    const bool last = column + 1 == c->n;
    if (to_the_right)
        add_blanks(out, missing);
    text_add(out, cell);
    if (!last)
        add_blanks(out, GAP + (to_the_right ? 0 : missing));
}

void columns_finish(struct columns *c, struct text *out)
{
    ASSERT(c->n >= 1 && c->n <= COLUMNS_MAX);
    ASSERT(c->cell_end.n % c->n == 0);

    size_t width[COLUMNS_MAX] = {0};
    for (uint32_t i = 0; i < c->cell_end.n; i++) {
        const size_t w = width_of(cell_at(c, i));
        if (w > width[i % c->n])
            width[i % c->n] = w;
    }
    for (uint32_t i = 0; i < c->cell_end.n; i++) {
        add_cell(c, out, i % c->n, cell_at(c, i), width[i % c->n]);
        if (i % c->n == c->n - 1)
            text_addc(out, '\n');
    }
    text_done(&c->text);
    VEC_DONE(&c->cell_end);
}

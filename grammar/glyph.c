#include "grammar/glyph.h"

#include <stdint.h>
#include <stdio.h>

#include "runtime/base/check.h"
#include "runtime/base/text.h"
#include "runtime/base/utf8.h"

#define TAB 4u

struct glyph {
    struct slice shown;
    unsigned columns;
    size_t bytes; /* of the text it is made from */
    char name[16];
};

struct range {
    uint32_t first, last;
};

static bool in_range(uint32_t c, const struct range *range, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (c >= range[i].first && c <= range[i].last)
            return true;
    return false;
}

/* What shows as nothing or as a blank, steers a terminal, or turns the reading direction. */
static bool is_invisible(uint32_t c)
{
    static const struct range range[] = {
        {0x80, 0xa0},     {0xad, 0xad},     {0x034f, 0x034f}, {0x061c, 0x061c}, {0x115f, 0x1160},
        {0x1680, 0x1680}, {0x180e, 0x180e}, {0x2000, 0x200f}, {0x2028, 0x202f}, {0x205f, 0x206f},
        {0x3000, 0x3000}, {0x3164, 0x3164}, {0xfeff, 0xfeff}, {0xfff9, 0xfffb}, {0xe0000, 0xe007f},
    };
    return in_range(c, range, COUNT_OF(range));
}

/* Columns that a terminal gives a character: none for combining marks, two for the wide scripts
 * and emoji (after Unicode's EastAsianWidth, coarsely). */
static unsigned columns_of(uint32_t c)
{
    static const struct range none[] = {
        {0x0300, 0x036f}, {0x0483, 0x0489}, {0x0591, 0x05bd}, {0x064b, 0x065f},
        {0x1ab0, 0x1aff}, {0x20d0, 0x20ff}, {0xfe00, 0xfe0f}, {0xfe20, 0xfe2f},
    };
    static const struct range two[] = {
        {0x1100, 0x115e},   {0x2e80, 0xa4cf},   {0xac00, 0xd7a3},   {0xf900, 0xfaff},
        {0xfe30, 0xfe6f},   {0xff00, 0xff60},   {0xffe0, 0xffe6},   {0x1f300, 0x1f64f},
        {0x1f680, 0x1f6ff}, {0x1f900, 0x1f9ff}, {0x20000, 0x3fffd},
    };
    if (c < 0x300)
        return 1;
    return in_range(c, none, COUNT_OF(none)) ? 0 : in_range(c, two, COUNT_OF(two)) ? 2 : 1;
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

/* U+2400 and on are pictures of the control characters. */
static void picture(struct glyph *g, uint32_t c)
{
    const unsigned low = c == 0x7f ? 0x21 : c;
    g->name[0] = '\xe2';
    g->name[1] = '\x90';
    g->name[2] = (char)(0x80 | low);
    g->shown = (struct slice){g->name, 3};
    g->columns = 1;
}

/* The first character of `s`, which is not empty. */
static void glyph_next(struct slice s, struct glyph *g)
{
    const size_t bytes = utf8_next(s);
    g->bytes = bytes ? bytes : 1;
    g->shown = (struct slice){s.at, g->bytes};
    if (bytes == 0) {
        g->shown = SLICE("\xef\xbf\xbd"); /* U+FFFD */
        g->columns = 1;
        return;
    }
    const uint32_t c = decode((const unsigned char *)s.at, bytes);
    if (c == '\t') {
        g->shown = (struct slice){"    ", TAB};
        g->columns = TAB;
    } else if (c < 0x20 || c == 0x7f) {
        picture(g, c);
    } else if (c >= 0x80 && is_invisible(c)) {
        const int len = snprintf(g->name, sizeof(g->name), "<U+%04X>", (unsigned)c);
        g->shown = (struct slice){g->name, (size_t)len};
        g->columns = (unsigned)len;
    } else {
        g->columns = columns_of(c);
    }
}

void glyph_show(struct slice s, struct text *out)
{
    for (struct glyph g; s.len > 0; s = slice_from(s, g.bytes)) {
        glyph_next(s, &g);
        text_add(out, g.shown);
    }
}

unsigned glyph_columns(struct slice s)
{
    unsigned columns = 0;
    for (struct glyph g; s.len > 0; s = slice_from(s, g.bytes)) {
        glyph_next(s, &g);
        columns += g.columns;
    }
    return columns;
}

struct slice glyph_first(struct slice s, unsigned columns)
{
    struct slice rest = s;
    unsigned used = 0;
    /* Characters without a width of their own could go on for ever. */
    const size_t bytes_max = (size_t)columns * 8;
    for (struct glyph g; rest.len > 0; rest = slice_from(rest, g.bytes)) {
        glyph_next(rest, &g);
        used += g.columns;
        if (used > columns || s.len - rest.len > bytes_max)
            break;
    }
    s.len -= rest.len;
    return s;
}

bool glyph_fits(struct slice s, unsigned columns)
{
    return glyph_first(s, columns).len == s.len;
}

size_t glyph_back(struct slice s, size_t at, unsigned columns)
{
    unsigned used = 0;
    const size_t bytes_max = (size_t)columns * 8;
    for (size_t to = at; to > 0 && at - to < bytes_max;) {
        size_t from = to - 1;
        while (from > 0 && to - from < 4 && ((unsigned char)s.at[from] & 0xc0) == 0x80)
            from--;
        struct glyph g;
        glyph_next((struct slice){s.at + from, to - from}, &g);
        if (from + g.bytes != to) { /* not well-formed: a byte at a time */
            from = to - 1;
            g.columns = 1;
        }
        used += g.columns;
        if (used > columns)
            return to;
        to = from;
        if (to == 0 || at - to >= bytes_max)
            return to;
    }
    return at < bytes_max ? 0 : at;
}

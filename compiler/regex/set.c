/* Sets of bytes. */
#include "compiler/regex/regex_priv.h"

void set_add(struct regex_set *s, uint8_t first, uint8_t last)
{
    for (unsigned c = first; c <= last; c++)
        s->bits[c >> 6] |= UINT64_C(1) << (c & 63);
}

void set_join(struct regex_set *s, const struct regex_set *more)
{
    for (int i = 0; i < 4; i++)
        s->bits[i] |= more->bits[i];
}

void set_invert(struct regex_set *s)
{
    for (int i = 0; i < 4; i++)
        s->bits[i] = ~s->bits[i];
}

void set_ignore_case(struct regex_set *s)
{
    const uint64_t letters = ((UINT64_C(1) << 26) - 1) << 1; /* A-Z and a-z within their 32 */
    const uint64_t upper = s->bits[1] & letters, lower = (s->bits[1] >> 32) & letters;
    s->bits[1] |= (upper | lower) | ((upper | lower) << 32);
}

bool set_is_empty(const struct regex_set *s)
{
    return (s->bits[0] | s->bits[1] | s->bits[2] | s->bits[3]) == 0;
}

/* Pairs of first and last. */
static const struct {
    const char *name, *pairs;
} named[] = {
    {"alpha", "AZaz"}, {"digit", "09"},     {"alnum", "09AZaz"},  {"upper", "AZ"},
    {"lower", "az"},   {"space", "\t\r  "}, {"blank", "\t\t  "},  {"punct", "!/:@[`{~"},
    {"print", " ~"},   {"graph", "!~"},     {"xdigit", "09AFaf"}, {"word", "09AZaz__"},
};

bool set_of_name(struct slice name, struct regex_set *s)
{
    const bool others = slice_starts(name, SLICE("^"));
    if (others)
        name = slice_from(name, 1);
    bool found = slice_eq(name, SLICE("cntrl")); /* has NUL, which ends a string */
    *s = (struct regex_set){{0}};
    if (found) {
        set_add(s, 0, 31);
        set_add(s, 127, 127);
    }
    for (size_t i = 0; i < COUNT_OF(named) && !found; i++) {
        found = slice_eq(name, slice_of(named[i].name));
        for (const char *p = named[i].pairs; found && *p; p += 2)
            set_add(s, (uint8_t)p[0], (uint8_t)p[1]);
    }
    if (found && others)
        set_invert(s);
    return found;
}

bool set_of_letter(char letter, struct regex_set *s)
{
    const struct slice name = letter == 'd'   ? SLICE("digit")
                              : letter == 'D' ? SLICE("^digit")
                              : letter == 'w' ? SLICE("word")
                              : letter == 'W' ? SLICE("^word")
                              : letter == 's' ? SLICE("space")
                              : letter == 'S' ? SLICE("^space")
                                              : SLICE_NONE;
    return name.at && set_of_name(name, s);
}

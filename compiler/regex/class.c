/* What stands in [ ]. */
#include "compiler/regex/regex_priv.h"

static bool sees(const struct parser *p, const char *what)
{
    return slice_starts(slice_from(p->text, p->at), slice_of(what));
}

static bool is_name_byte(char c)
{
    return c == '^' || (ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z');
}

/* The name of the [:name:] at p->at; its `at` is NULL where there is none. */
static struct slice posix_name(const struct parser *p)
{
    if (!sees(p, "[:"))
        return SLICE_NONE;
    size_t end = p->at + 2;
    while (end < p->text.len && is_name_byte(p->text.at[end]))
        end++;
    const struct slice rest = slice_from(p->text, end);
    return slice_starts(rest, SLICE(":]")) ? (struct slice){p->text.at + p->at + 2, end - p->at - 2}
                                           : SLICE_NONE;
}

/* One member: a byte, then *byte is it, or several, then *byte is -1. */
static bool parse_member(struct parser *p, struct regex_set *set, int *byte)
{
    const uint32_t at = p->at;
    const struct slice name = posix_name(p);
    *byte = -1;
    if (name.at) {
        p->at += (uint32_t)name.len + 4;
        if (!set_of_name(name, set))
            regex_fail(p, REGEX_POSIX_UNKNOWN, at, p->at - at);
        return !p->failed;
    }
    const char c = p->text.at[at];
    if ((uint8_t)c >= 0x80) {
        regex_fail(p, REGEX_CLASS_NOT_ASCII, at, character_len(p));
        return false;
    }
    p->at++;
    if (c != '\\') {
        *byte = (uint8_t)c;
        return true;
    }
    if (p->at == p->text.len) {
        regex_fail(p, REGEX_ENDS_IN_ESCAPE, at, 1);
        return false;
    }
    const char letter = p->text.at[p->at];
    if (letter == 'x') {
        uint8_t value = 0;
        if (parse_hex(p, &value))
            *byte = value;
        return !p->failed;
    }
    if (!set_of_letter(letter, set)) {
        *byte = escaped_byte(letter);
        if (*byte < 0)
            regex_fail(p, REGEX_BAD_ESCAPE_IN_CLASS, at, 1 + character_len(p));
    }
    p->at++;
    return !p->failed;
}

/* A member, or a range of them. */
static bool parse_item(struct parser *p, struct regex_set *out)
{
    const uint32_t at = p->at;
    struct regex_set set = {{0}};
    int first, last;
    if (!parse_member(p, &set, &first))
        return false;
    last = first;
    if (sees(p, "-") && !sees(p, "-]") && p->at + 1 < p->text.len) {
        p->at++;
        if (!parse_member(p, &set, &last))
            return false;
        if (first < 0 || last < 0)
            regex_fail(p, REGEX_RANGE_OF_CLASS, at, p->at - at);
        else if (first > last)
            regex_fail(p, REGEX_RANGE_ORDER, at, p->at - at);
    }
    if (p->failed)
        return false;
    if (first >= 0)
        set_add(&set, (uint8_t)first, (uint8_t)last);
    set_join(out, &set);
    return true;
}

bool parse_class(struct parser *p, struct regex_set *out)
{
    const uint32_t begin = p->at;
    const struct slice outside = posix_name(p);
    if (outside.at) {
        regex_fail(p, REGEX_POSIX_OUTSIDE, begin, (uint32_t)outside.len + 4);
        return false;
    }
    p->at++;
    const bool others = sees(p, "^");
    p->at += others;
    *out = (struct regex_set){{0}};
    for (bool first = true; first || !sees(p, "]"); first = false) {
        if (p->at == p->text.len) {
            regex_fail(p, REGEX_CLASS_OPEN, begin, 1);
            return false;
        }
        if (!parse_item(p, out))
            return false;
    }
    p->at++;
    if (p->ignore_case)
        set_ignore_case(out);
    if (others)
        set_invert(out);
    if (set_is_empty(out))
        regex_fail(p, REGEX_CLASS_NOTHING, begin, p->at - begin);
    return !p->failed;
}

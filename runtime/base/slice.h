/* slice - a borrowed run of bytes. Never owns, is not NUL-terminated, may be empty. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct slice {
    const char *at;
    size_t len;
};

#define SLICE(literal) ((struct slice){(literal), sizeof(literal) - 1})
#define SLICE_INIT(literal)                                                                        \
    {                                                                                              \
        (literal), sizeof(literal) - 1                                                             \
    } /* for static initialisers */
#define SLICE_FMT    "%.*s"
#define SLICE_ARG(s) (int)(s).len, (s).at
#define SLICE_NONE   ((struct slice){NULL, 0})

static inline struct slice slice_of(const char *text)
{
    return (struct slice){text, strlen(text)};
}

static inline bool slice_eq(struct slice a, struct slice b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.at, b.at, a.len) == 0);
}

/* ASCII only, and independent of the locale, as protocols want it. */
static inline char ascii_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

static inline bool slice_eq_nocase(struct slice a, struct slice b)
{
    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++)
        if (ascii_lower(a.at[i]) != ascii_lower(b.at[i]))
            return false;
    return true;
}

/* Of ASCII letters. */
static inline bool slice_starts_nocase(struct slice s, struct slice with)
{
    return s.len >= with.len && slice_eq_nocase((struct slice){s.at, with.len}, with);
}

static inline bool slice_starts(struct slice s, struct slice with)
{
    return s.len >= with.len && (with.len == 0 || memcmp(s.at, with.at, with.len) == 0);
}

static inline bool slice_ends(struct slice s, struct slice with)
{
    return s.len >= with.len &&
           (with.len == 0 || memcmp(s.at + s.len - with.len, with.at, with.len) == 0);
}

static inline struct slice slice_from(struct slice s, size_t from)
{
    return (struct slice){s.at + from, s.len - from};
}

/* Without the blanks and tabs around it (RFC 9110's OWS). */
static inline struct slice slice_trim(struct slice s)
{
    while (s.len > 0 && (s.at[0] == ' ' || s.at[0] == '\t'))
        s = slice_from(s, 1);
    while (s.len > 0 && (s.at[s.len - 1] == ' ' || s.at[s.len - 1] == '\t'))
        s.len--;
    return s;
}

/* Takes what stands before the next `separator` off the front of *rest, the separator too.
 * False when *rest is used up. An empty *rest at the first call yields nothing. */
static inline bool slice_split(struct slice *rest, char separator, struct slice *part)
{
    if (rest->at == NULL || rest->len == 0)
        return false;
    const char *end = memchr(rest->at, separator, rest->len);
    part->at = rest->at;
    part->len = end ? (size_t)(end - rest->at) : rest->len;
    *rest = end ? slice_from(*rest, part->len + 1) : SLICE_NONE;
    return true;
}

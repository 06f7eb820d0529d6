/*
 * list_line - what a line of a list says: files with an entry a line, such as the networks of a
 * set.
 */
#pragma once

#include "runtime/base/slice.h"

static inline bool list_is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

/* The entry, without the blanks around it and the comment behind it; a `#` at the beginning or
 * behind a blank begins one. Empty: there is none. */
static inline struct slice list_line_entry(struct slice line)
{
    const char *at = line.at, *end = line.at + line.len;
    while ((at = at < end ? memchr(at, '#', (size_t)(end - at)) : NULL)) {
        if (at == line.at || at[-1] == ' ' || at[-1] == '\t') {
            line.len = (size_t)(at - line.at);
            break;
        }
        at++;
    }
    while (line.len > 0 && list_is_blank(line.at[line.len - 1]))
        line.len--;
    while (line.len > 0 && list_is_blank(line.at[0]))
        line = slice_from(line, 1);
    return line;
}

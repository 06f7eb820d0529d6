/*
 * position - places as editors count them: lines from 0, and in a line characters of an encoding.
 *
 * A line ends with \n, \r\n or a lone \r (LSP 3.17, "Text Documents"). What lies outside is brought
 * in: behind the end of a line is its end, behind the last line the end of the text, inside a
 * character its beginning.
 */
#pragma once

#include <stdint.h>

#include "runtime/base/slice.h"
#include "runtime/base/vec.h"

enum encoding { ENCODING_UTF8, ENCODING_UTF16, ENCODING_UTF32 };

struct position {
    uint32_t line, character;
};

struct lines {
    struct slice text; /* borrowed */
    VEC(uint32_t) begin;
};

void lines_init(struct lines *l, struct slice text);
void lines_done(struct lines *l);

uint32_t lines_offset(const struct lines *l, enum encoding e, struct position p);
struct position lines_position(const struct lines *l, enum encoding e, uint32_t offset);

/* The line that the byte is in, without its end. */
struct slice lines_line(const struct lines *l, uint32_t line);

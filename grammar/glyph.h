/*
 * glyph - text as a terminal shows it: how many columns it takes, and how what would not show is
 * made visible.
 *
 * Control characters, invisible and bidirectional ones, and blanks that are not blanks are shown by
 * name (`<U+202E>`, `␛`), so that a line cannot look like another one.
 */
#pragma once

#include <stdbool.h>

#include "runtime/base/slice.h"

struct text;

void glyph_show(struct slice s, struct text *out);
unsigned glyph_columns(struct slice s);

/* Does it take at most `columns`? Looks no further than that. */
bool glyph_fits(struct slice s, unsigned columns);

/* The beginning of `s` that takes at most `columns`. */
struct slice glyph_first(struct slice s, unsigned columns);

/* The offset of the character that stands at most `columns` before byte `at`. */
size_t glyph_back(struct slice s, size_t at, unsigned columns);

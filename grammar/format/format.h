/*
 * format - the canonical text of a configuration.
 *
 * Decides blanks, line ends and indentation, and nothing else: the tokens, the statements and every
 * comment are those of the original, which is asserted by reading the result again. The rules are
 * in README.md.
 */
#pragma once

#include <stdbool.h>

#include "grammar/outline.h"

struct arena;
struct diags;
struct text;

#define FORMAT_COLUMNS 100u
#define FORMAT_INDENT  2u

/*
 * Appends the canonical text of source number `index` to *out. False when it does not parse: then
 * `d` says why and nothing was added. Pure; any thread.
 */
bool format(const struct sources *sources, int index, struct arena *arena, struct diags *d,
            struct text *out);

/* The same for pieces that somebody made; what they say must parse. */
void format_outline(const struct outline *o, struct arena *arena, struct text *out);

/* Appends pieces [from, to) as they stand on one line, comments left out. */
void format_flat(const struct outline *o, uint32_t from, uint32_t to, struct text *out);

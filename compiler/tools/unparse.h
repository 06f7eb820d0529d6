/*
 * unparse - the checked tree as text again: what a configuration comes to, with every default
 * written out and every constant in its place.
 *
 * The text checks without errors and means the same; unparsing that gives the same text.
 * Definitions that nothing uses are gone, for they mean nothing.
 */
#pragma once

struct program;
struct text;

void unparse(const struct program *p, struct text *out);

/*
 * unparse - the checked tree as text again: what a configuration comes to, with every default
 * written out and every constant in its place.
 *
 * The text checks without errors and means the same; unparsing that gives the same text.
 * Definitions that nothing uses are gone, for they mean nothing.
 */
#pragma once

#include <stdbool.h>

#include <stdint.h>

struct cond;
struct program;
struct text;

struct action;

/* One action of a clause, without its end. `responding`: in `on response`, where a header is the
 * response's unless it is said to be the request's. */
void unparse_action(struct text *out, const struct program *p, const struct action *a,
                    bool responding);

void unparse(const struct program *p, struct text *out);

/* A condition, with every constant in its place. */
void unparse_when(const struct cond *c, struct text *out);

/* One of them alone, by its number. */
void unparse_cluster(const struct program *p, uint32_t i, struct text *out);
void unparse_listener(const struct program *p, uint32_t i, struct text *out);

/* Shared by the files that generate programs; nobody else includes this. */
#pragma once

#include "tests/agree/support/generate.h"

/* Something to compare with, remembered, so that requests have it. */
struct slice generate_literal(struct generated *g);

/* What sema takes as a value of the field, in its normal form. */
struct slice generate_typed_literal(struct generated *g, enum table_field field);

/* A field that the phase at hand may ask, and a key where it is keyed. */
enum table_field generate_field(struct generated *g);
struct slice generate_key(struct generated *g, enum table_field field);

/* A regular expression, without its slashes, and what stands behind them. */
struct slice generate_pattern(struct generated *g);
struct slice generate_flags(struct generated *g);

/* The deeper, the simpler. */
const struct cond *generate_condition(struct generated *g, uint32_t depth);

/* The name of one of the limits that programs have. */
struct slice generate_limit(struct choice *c);

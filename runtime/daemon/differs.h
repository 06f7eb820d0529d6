/* differs - what a load would do otherwise than what is served, for whoever asked for it. */
#pragma once

#include "compiler/cli/cli.h"
#include "runtime/state/copies.h"

/* Appends a line and the riskiest region of requests, as `lbc diff` tells them, or why that is not
 * said: more than so much text, or so many clauses, is not compared at once, and never for longer
 * than that. `served` are texts that were compiled before; `now` has the program of `table`. */
#define DIFFERS_BYTES_MAX   ((uint64_t)1024 * 1024)
#define DIFFERS_CLAUSES_MAX 2000u
#define DIFFERS_NS_MAX      (100 * NS_PER_MS)
void differs_write(const struct copies *served, const char *path, const struct loaded *now,
                   const struct table *table, struct text *out);

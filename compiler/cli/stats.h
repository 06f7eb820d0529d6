/* stats - what `lbc check --stats` tells: how large decisions have become, what proofs took, and
 * how much memory connections may take. */
#pragma once

struct memory_costs;
struct prove_count;
struct table;
struct text;

/* Lines for people, and one line of JSON (grammar/LANGUAGE.md has its keys). */
void stats_as_text(const struct table *t, const struct prove_count *proven,
                   const struct memory_costs *costs, struct text *out);
void stats_as_json(const char *path, const struct table *t, const struct prove_count *proven,
                   const struct memory_costs *costs, struct text *out);

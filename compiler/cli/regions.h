/* regions - what `lbc diff`, and the answer to a reload, say of requests that are treated
 * otherwise. */
#pragma once

#include <stdint.h>

#include "compiler/prove/diff.h"

struct objects_diff;
struct text;

/* "s", unless it is one. */
static inline const char *plural(uint64_t n)
{
    return n == 1 ? "" : "s";
}

/* "   (site.lbconf:12)" and the line's end. */
void regions_write_place(const struct table_place *p, struct text *out);

/* Which requests, one of them, and what happens to it before and after; indented. */
void regions_write(const struct diff *d, const struct diff_region *r, struct text *out);

/* Those that are part of no other. */
uint32_t regions_count(const struct diff *d);

/* A line that says how much differs; and the riskiest region, where there is any. */
void regions_summarise(const struct diff *d, const struct table *before, const struct table *after,
                       const struct objects_diff *objects, struct text *out);

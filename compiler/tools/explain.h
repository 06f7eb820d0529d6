/*
 * explain - why did this request go there? The walk through the table, told step by step.
 *
 * It is the evaluator's own walk, not a second opinion: what is told is what runs.
 */
#pragma once

#include "compiler/table/facts.h"
#include "compiler/table/table.h"

struct text;

/*
 * Decides the request by `route` of a verified table and writes down each clause that was
 * considered, with its place; each atom that was asked, with the request's values and the answer;
 * each header change with its value; and the decision. `color`: with the terminal's colours.
 */
void explain_write(const struct table *t, uint32_t route, const struct facts *f, bool color,
                   struct text *out);

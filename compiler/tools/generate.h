/*
 * generate - a test for each clause: a request that it acts on, and what comes of it now.
 *
 * The requests are the prover's witnesses. A test is written down only once its request, read as a
 * test's is, has been seen to get there.
 */
#pragma once

#include "compiler/sema/program.h"

struct text;

/* Test blocks, and comments where there can be none: a clause that nothing reaches, one that goes
 * by what a test cannot say. */
void generate_tests(const struct program *p, const struct table *t, struct text *out);

/*
 * prometheus - all numbers of the process in Prometheus' text format, version 0.0.4.
 *
 * Each family is told once, with its help and type, then its samples. Labels are names out of the
 * configuration and so are bounded by it; of clauses only so many are told. The control thread's;
 * looks at every server once for each family.
 */
#pragma once

#include "runtime/base/text.h"

struct control;

/* Clauses that are told, in the order of the file. */
#define PROMETHEUS_CLAUSES_MAX 1000u

void prometheus_write(const struct control *c, struct text *out);

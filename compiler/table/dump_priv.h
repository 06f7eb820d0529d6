/* dump_priv - the parts of table_dump() that are in files of their own. */
#pragma once

#include "compiler/table/table.h"

struct text;

/* The classifiers that a route asks, and its stages with their branches and leaves. */
void dump_stages(const struct table *t, uint32_t route, struct text *out);

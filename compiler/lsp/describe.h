/* describe - what a definition is, in Markdown: its text, its type, what it comes to. */
#pragma once

#include "compiler/lsp/project.h"

void describe(const struct project *p, const struct definition *d, struct text *out);

/* The value of a const or env, as it would be written. */
void describe_value(const struct value *v, struct text *out);

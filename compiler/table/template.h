/* template - the text a template stands for. */
#pragma once

#include "compiler/table/facts.h"
#include "compiler/table/verdict.h"

/* As eval_template(); `so_far` holds the changes the template sees, and may be NULL. */
size_t template_write(const struct table *t, const struct table_template *template,
                      const struct facts *f, const struct verdict *so_far, char *out, size_t room);

/* Is it the same for every request? Then *value is it. Lowering leaves no two literals side by
 * side. */
bool template_is_literal(const struct table_template *template, struct slice *value);

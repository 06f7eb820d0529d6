/* ref_priv - every value a field has, as a plain list. */
#pragma once

#include "compiler/ref/ref.h"
#include "runtime/base/arena.h"

struct ref_values {
    struct slice *at;
    uint32_t n;
};

/* What a query parameter's name or value decodes to. */
struct slice ref_decoded(struct arena *arena, struct slice raw);

/* ref_target.c: path and query as they are now, and the change of them. `value`: rendered already;
 * of REWRITE_PATH, too. */
struct slice ref_path(const struct facts *f, const struct ref_verdict *v);
struct slice ref_uri(const struct facts *f, const struct ref_verdict *v);
struct slice ref_query(const struct facts *f, const struct ref_verdict *v);
void ref_retarget(const struct facts *f, struct ref_verdict *v, struct arena *arena,
                  const struct action *a, struct slice value);

/* Is the field a number? Then the number, and whether there is one. */
bool ref_number(const struct facts *f, enum table_field field, struct slice key, uint64_t *number,
                bool *present);

/* All values of the field, decoded, copied into the arena, with the changes in `v` made. */
struct ref_values ref_values(const struct facts *f, const struct ref_verdict *v,
                             struct arena *arena, enum table_field field, struct slice key);

/* ref_priv - every value a field has, as a plain list. */
#pragma once

#include "compiler/ref/ref.h"
#include "runtime/base/arena.h"

struct ref_values {
    struct slice *at;
    uint32_t n;
};

/* All values of the field, decoded, copied into the arena, with the changes in `v` made. */
struct ref_values ref_values(const struct facts *f, const struct ref_verdict *v,
                             struct arena *arena, enum table_field field, struct slice key);

/* Shared by the files of question; nobody else includes this. */
#pragma once

#include "compiler/prove/question.h"

/* theory.c: for struct sat_theory, with the question as `of`. */
bool theory_fits(void *of, const struct sat *s, sat_literals *conflict);

/* What a group was found to need: the values of one field. */
struct theory_values {
    uint32_t n;
    struct found_value *at; /* in the arena */
};

/* The values that the truths ask for, as few as can be; false when they were not found. */
bool theory_values(struct question *q, uint32_t group, struct arena *arena,
                   struct theory_values *out);

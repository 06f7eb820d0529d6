/*
 * eval - the one evaluator. The runtime, explain, the tests and the fuzzers all call it.
 *
 * Pure: no clock, no allocation, no state. A condition on a header sees the changes made before it
 * to that header. README.md says what each condition means.
 */
#pragma once

#include "compiler/table/facts.h"
#include "compiler/table/verdict.h"

/* What a walk through the nodes saw, for those who explain it. */
struct eval_step {
    uint32_t node;
    bool held;                    /* of a TEST node: did its atom hold? */
    const struct verdict *so_far; /* the changes before this node, for values.h */
};

/* `seen` is called with each node in the order of the walk. With a trace, nodes are walked and not
 * the diagram: each atom is asked, in the order in which they were written. */
struct eval_trace {
    void (*seen)(void *to, struct eval_step step);
    void *to;
};

/* Decides; look at out->overflow first. `t` must have passed table_verify(). `trace` may be NULL.
 * Any thread. */
void eval(const struct table *t, uint32_t route, const struct facts *f, struct verdict *out,
          const struct eval_trace *trace);

/* The same by the nodes alone: what the diagram is held against. */
void eval_nodes(const struct table *t, uint32_t route, const struct facts *f, struct verdict *out);

/* Does the atom hold for the request as it came, before any change? Any thread. */
bool eval_atom(const struct table *t, const struct table_atom *atom, const struct facts *f);

/* A hash of the first value of a field, as it is compared and with the changes of `so_far`: what
 * splits and balancing go by. False when there is none. Any thread. */
bool eval_hash(const struct table *t, enum table_field field, struct slice key,
               const struct facts *f, const struct verdict *so_far, uint64_t *out);

/* The same beginning with `seed`: a secret where it must not be known which values come to one. */
bool eval_hash_seeded(const struct table *t, enum table_field field, struct slice key,
                      const struct facts *f, const struct verdict *so_far, uint64_t seed,
                      uint64_t *out);

/*
 * Writes a template's value into `out`, at most `room` bytes, no NUL: for redirects, whose location
 * sees all changes. (The values of header changes are in the verdict already.)
 *
 * Returns the length of the whole value: more than `room` when it did not fit, and then what is in
 * `out` must not be used. `so_far` is the verdict of eval() on these facts. Any thread.
 */
size_t eval_template(const struct table *t, const struct table_template *template,
                     const struct facts *f, const struct verdict *so_far, char *out, size_t room);

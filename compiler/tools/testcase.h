/*
 * testcase - runs the `test` blocks of a configuration, on the table that would serve.
 *
 * What is expected and does not come is a diagnostic: with the place of the expectation and that of
 * the clause that decided.
 */
#pragma once

#include "compiler/table/eval.h"
#include "compiler/tools/explain.h"

struct diags;

/* One request of a test, decided. */
struct testcase_step {
    const struct program_test *test;
    const struct program_request *request;
    const struct explain *decided; /* what explain_write() takes */
    const struct verdict *verdict;
    uint32_t failed; /* of its expectations */
};

struct testcase_watch {
    const struct eval_trace *trace; /* NULL: none; called while a request is decided */
    void (*step)(void *to, const struct testcase_step *step); /* NULL: none; after each request */
    void *to;
};

/* Runs one test and reports each expectation that is not met. Returns how many were not; a request
 * that cannot be asked counts as one. `watch` may be NULL. */
uint32_t testcase_run(const struct program *p, const struct table *t,
                      const struct program_test *test, const struct testcase_watch *watch,
                      struct diags *d);

/* Runs all of them. Returns how many tests failed. */
uint32_t testcase_run_all(const struct program *p, const struct table *t, struct diags *d);

/* "forward web", "deny 403 with \"no\"": what was expected. */
void testcase_outcome(const struct program *p, const struct program_outcome *o, struct text *out);

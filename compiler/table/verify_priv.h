/* verify_priv - the parts of table_verify(), a file each; NULL, or what is wrong. Each may rely on
 * those before it. */
#pragma once

#include "compiler/table/verify.h"

MUST_CHECK const char *verify_objects(const struct table *t); /* listeners, clusters, servers */
MUST_CHECK const char *verify_sets(const struct table *t);
MUST_CHECK const char *verify_parts(const struct table *t); /* atoms, effects, ends */
MUST_CHECK const char *verify_graph(const struct table *t); /* routes, clauses, nodes */

/* Leaves the caller with the sentence when `condition` does not hold. */
#define REQUIRE(condition, sentence)                                                               \
    do {                                                                                           \
        if (!(condition))                                                                          \
            return sentence;                                                                       \
    } while (0)

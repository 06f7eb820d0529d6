/* verify_priv - the parts of table_verify(), a file each; NULL, or what is wrong. Each may rely on
 * those before it. */
#pragma once

#include "compiler/table/verify.h"

MUST_CHECK const char *verify_objects(const struct table *t); /* listeners, clusters, servers */
MUST_CHECK const char *verify_sets(const struct table *t);
MUST_CHECK const char *verify_parts(const struct table *t); /* atoms, effects, ends */
MUST_CHECK const char *verify_graph(const struct table *t); /* routes, clauses, nodes, stages */
MUST_CHECK const char *verify_classifiers(const struct table *t);

/* Given the most changes from each node on. */
MUST_CHECK const char *verify_stages(const struct table *t, const uint8_t *longest_from_node);

/* One set: sorted, so that a search finds what is in it. */
MUST_CHECK const char *verify_networks(const struct table_network_set *set);

MUST_CHECK const char *verify_field(enum table_field field, struct slice key);

/* Leaves the caller with the sentence when `condition` does not hold. */
#define REQUIRE(condition, sentence)                                                               \
    do {                                                                                           \
        if (!(condition))                                                                          \
            return sentence;                                                                       \
    } while (0)

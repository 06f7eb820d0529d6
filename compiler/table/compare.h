/*
 * compare - do two tables treat one request alike?
 *
 * Verdicts are compared by what they mean, as `lbc diff` compares clauses: clusters, limits and the
 * like by name, headers by the values that they get, paths by what is sent at last. Changes whose
 * order nobody sees may come in another; what a server would have got of a request that is answered
 * here does not matter. Not compared are the responses' own rules, and settings of objects.
 *
 * Pure, no allocation: the request path calls it.
 */
#pragma once

#include "compiler/table/facts.h"
#include "compiler/table/verdict.h"

/* DIFFERENCE(id, word, text), the gravest first: a request has the first of them that fits. */
#define VERDICT_DIFFERENCES(DIFFERENCE)                                                            \
    DIFFERENCE(OUTCOME, "outcome", "another outcome") /* forwarded, answered, refused, dropped */  \
    DIFFERENCE(CLUSTER, "cluster", "another cluster")                                              \
    DIFFERENCE(STATUS, "status", "another status")                                                 \
    DIFFERENCE(ANSWER, "answer", "another answer") /* its body, type, location, delay */           \
    DIFFERENCE(TARGET, "target", "another path or query")                                          \
    DIFFERENCE(HEADERS, "headers", "other headers")                                                \
    DIFFERENCE(RULES, "rules", "other rules on its way") /* limits, credentials, retries, tags */

enum verdict_difference {
#define DIFFERENCE(id, word, text) DIFFERENCE_##id,
    VERDICT_DIFFERENCES(DIFFERENCE)
#undef DIFFERENCE
        DIFFERENCE_COUNT,
    DIFFERENCE_NONE = DIFFERENCE_COUNT
};

struct compared {
    const struct table *table;
    const struct verdict *verdict; /* of eval() by that table */
};

/* `f` are the facts that both were decided by. Any thread. */
enum verdict_difference verdict_compare(struct compared a, struct compared b,
                                        const struct facts *f);

/* Does its name say all of it, so that its number is no more than a place by that? */
static inline bool effect_is_named(enum table_effect_kind kind)
{
    return kind == EFFECT_LIMIT || kind == EFFECT_CORS || kind == EFFECT_REQUIRE_AUTH ||
           table_effect_is_require(kind);
}

/* "cluster"; "another cluster". */
const char *verdict_difference_word(enum verdict_difference d);
const char *verdict_difference_text(enum verdict_difference d);

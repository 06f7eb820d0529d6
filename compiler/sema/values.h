/* values - what a literal or a constant is worth. */
#pragma once

#include "compiler/sema/types.h"
#include "grammar/ast.h"

struct value {
    enum type type;
    uint64_t number; /* INTEGER, PERCENT, SIZE (bytes), PORT; DURATION (nanoseconds); RATE: how
                        many; BANDWIDTH: bytes in a second */
    uint64_t per_ns; /* RATE: in which time */
    struct network network;   /* NETWORK; ADDRESS: of one */
    struct endpoint endpoint; /* ENDPOINT */
    struct slice text;        /* STRING, METHOD, SCHEME, HOST, PATH: normalised */
};

#define DURATION_NS_MAX (INT64_C(365) * 86400 * 1000000000)

struct sema;

/* The value of a node where a value of type `wanted` must stand; false when a mistake was reported.
 */
MUST_CHECK bool value_read(struct sema *s, const struct ast *node, enum type wanted,
                           struct value *out);

/* Reads `text`, as it stands at `where`; quotes are gone. */
MUST_CHECK bool value_parse(struct sema *s, enum type type, struct slice text, struct span where,
                            struct value *out);

/* A whole number within a range; `what` begins the message. */
MUST_CHECK bool value_number(struct sema *s, const struct ast *node, const char *what,
                             uint64_t least, uint64_t most, uint64_t *out);

/* A number of this type, or a range of them: 200..299. */
MUST_CHECK bool value_range(struct sema *s, const struct ast *node, enum type type,
                            struct table_number_range *out);

MUST_CHECK bool value_duration(struct sema *s, const struct ast *node, int64_t *out_ns);

/* An endpoint, whose port may be the name of a const or env. */
MUST_CHECK bool value_endpoint(struct sema *s, const struct ast *node, struct endpoint *out);

/* stats - how large the decision of a route has become, and how long it can take. */
#pragma once

#include "compiler/table/table.h"

struct route_stats {
    uint32_t stages, branches, leaves; /* all 0: the route is decided by its nodes alone */
    uint64_t edges;                    /* of the branches; for flat ones, answers */
    uint32_t fields;                   /* different fields, keys counted apart, that it asks */
    uint32_t lookups; /* the most on one way, those of routes it goes to among them */
};

void table_route_stats(const struct table *t, uint32_t route, struct route_stats *out);

/* after - a request as the server gets it: what came in, with the changes that the rules made. */
#pragma once

#include "compiler/table/facts.h"
#include "compiler/table/verdict.h"

struct after {
    struct facts facts; /* .request points at this struct: it must not be moved */
    const struct table *table;
    const struct facts *before;
    const struct verdict *verdict;
};

/* All of it is borrowed and must stay. */
void after_init(struct after *a, const struct table *t, const struct facts *before,
                const struct verdict *v);

/* foreign - the words that other load balancers have for things, and ours. */
#pragma once

#include "runtime/base/slice.h"

struct foreign {
    struct slice written;
    struct slice meant; /* our word for it where that can stand; may be empty */
    const char *advice; /* what to say where it cannot; NULL: nothing */
};

/* NULL when it is no such word. */
const struct foreign *foreign_find(struct slice word);

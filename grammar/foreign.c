#include "grammar/foreign.h"

#include "runtime/base/check.h"

static const struct foreign words[] = {
#define FOREIGN(written, meant, advice)                                                            \
    {SLICE_INIT(written), SLICE_INIT(meant), sizeof(advice) > 1 ? (advice) : NULL},
#include "grammar/foreign.def"
#undef FOREIGN
};

const struct foreign *foreign_find(struct slice word)
{
    for (size_t i = 0; i < COUNT_OF(words); i++)
        if (slice_eq(words[i].written, word))
            return &words[i];
    return NULL;
}

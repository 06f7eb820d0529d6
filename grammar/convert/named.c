#include "grammar/convert/named.h"

#include "runtime/base/check.h"

static const struct {
    struct slice word;
    enum named_where where;
    const char *sign;
} named[] = {
#define NAMED(word, where, sign) {SLICE_INIT(word), NAMED_##where, sign},
#include "grammar/convert/named.def"
#undef NAMED
};

const char *named_sign(struct slice word, enum named_where where)
{
    for (size_t i = 0; i < COUNT_OF(named); i++)
        if (named[i].where == where && slice_eq(named[i].word, word))
            return named[i].sign;
    return NULL;
}

bool named_is_block(struct slice word)
{
    return slice_eq(word, SLICE("otherwise"));
}

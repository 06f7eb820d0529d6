#include "grammar/blocks.h"

#include "runtime/base/check.h"

enum {
#define BLOCK(id, what) B_##id,
#define SETTING(...)
#include "compiler/sema/settings.def"
#undef BLOCK
#undef SETTING
};

static const struct block_word words[] = {
#define BLOCK(id, what)
#define SETTING(block, id, word, shape, fallback, times, served, own, help)                        \
    {B_##block, SLICE_INIT(word), B_##own, sizeof(shape) == 1},
#include "compiler/sema/settings.def"
#undef BLOCK
#undef SETTING
};

static const struct {
    struct slice word;
    int block;
} definitions[] = {
    {SLICE_INIT("listener"), B_LISTENER}, {SLICE_INIT("cluster"), B_CLUSTER},
    {SLICE_INIT("limit"), B_LIMIT},       {SLICE_INIT("tls"), B_TLS},
    {SLICE_INIT("admin"), B_ADMIN},       {SLICE_INIT("log"), B_LOG},
    {SLICE_INIT("notify"), B_NOTIFY},     {SLICE_INIT("alert"), B_ALERT},
    {SLICE_INIT("resolver"), B_RESOLVER}, {SLICE_INIT("shared"), B_SHARED},
};

int block_of(struct slice word)
{
    for (size_t i = 0; i < COUNT_OF(definitions); i++)
        if (slice_eq(definitions[i].word, word))
            return definitions[i].block;
    return B_NONE;
}

const struct block_word *block_find(int block, struct slice word)
{
    for (size_t i = 0; block != B_NONE && i < COUNT_OF(words); i++)
        if (words[i].block == block && slice_eq(words[i].word, word))
            return &words[i];
    return NULL;
}

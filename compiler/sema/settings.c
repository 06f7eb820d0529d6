#include "compiler/sema/settings.h"

#include "runtime/base/check.h"

static const struct setting_info settings[SETTING_COUNT] = {
#define BLOCK(id, called)
#define SETTING(block, id, word, shape, fallback, times, served, own, help)                        \
    {BLOCK_##block, SLICE_INIT(word), shape,       fallback,                                       \
     TIMES_##times, IS_##served,      BLOCK_##own, help},
#define IS_SERVED true
#define IS_LATER  false
#include "compiler/sema/settings.def"
#undef BLOCK
#undef SETTING
};

const struct setting_info *setting_info(enum setting_id id)
{
    ASSERT(id < SETTING_COUNT);
    return &settings[id];
}

enum setting_id setting_find(enum setting_block block, struct slice word)
{
    enum setting_id id = 0;
    while (id < SETTING_COUNT &&
           !(settings[id].block == block && slice_eq(settings[id].word, word)))
        id++;
    return id;
}

const char *setting_block_name(enum setting_block block)
{
    static const char *const names[] = {
#define BLOCK(id, called) called,
#define SETTING(block, id, word, shape, fallback, times, served, own, help)
#include "compiler/sema/settings.def"
#undef BLOCK
#undef SETTING
    };
    ASSERT(block < BLOCK_COUNT);
    return names[block];
}

/*
 * settings - the schema of settings.def, for those who read, complete and describe settings.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "runtime/base/slice.h"

enum setting_block {
#define BLOCK(id, called) BLOCK_##id,
#define SETTING(block, id, word, shape, fallback, times, served, own, help)
#include "compiler/sema/settings.def"
#undef BLOCK
#undef SETTING
    BLOCK_COUNT
};

enum setting_id {
#define BLOCK(id, called)
#define SETTING(block, id, word, shape, fallback, times, served, own, help) SETTING_##block##_##id,
#include "compiler/sema/settings.def"
#undef BLOCK
#undef SETTING
    SETTING_COUNT
};

enum setting_times { TIMES_ONCE, TIMES_MANY, TIMES_NEEDED };

struct setting_info {
    enum setting_block block;
    struct slice word;
    const char *shape;
    const char *fallback; /* the default, as it is written; "" for none */
    enum setting_times times;
    bool served;
    enum setting_block own;
    const char *help;
};

const struct setting_info *setting_info(enum setting_id id);

/* The setting of a block that is called so; SETTING_COUNT when there is none. */
enum setting_id setting_find(enum setting_block block, struct slice word);

/* "a listener" */
const char *setting_block_name(enum setting_block block);

/* schema - which setting a place belongs to, by the schema of compiler/sema/settings.def. */
#pragma once

#include "compiler/lsp/context.h"
#include "compiler/sema/settings.h"

struct schema_place {
    enum setting_block block; /* the block around it, BLOCK_NONE when that is not one of settings */
    enum setting_id setting;  /* the setting it is behind, or SETTING_COUNT at the beginning */
    enum setting_block inner; /* of the words that may follow on the line; BLOCK_NONE for none */
    struct slice shape;       /* what is wanted here of that setting; empty for nothing more */
    bool complete;            /* is all there that must stand behind it? */
};

struct schema_place schema_at(const struct context *c);

/* The setting whose word is token number `c->at`, or SETTING_COUNT. */
enum setting_id schema_word(const struct context *c);

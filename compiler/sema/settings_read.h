/* Shared by the files that read settings; only this room includes it. */
#pragma once

#include "compiler/sema/sema_priv.h"
#include "compiler/sema/settings.h"

/* Settings while they are gathered. Zero it; settings_keep() empties it. */
struct gathering {
    VEC(struct program_setting) list;
    VEC(struct program_setting) once; /* of those that are given once: the first of each */
};

/* Reads the settings of a block; false after a report. What was read, be it wrong, is in *out. */
bool settings_read(struct sema *s, enum setting_block block, const struct ast *first,
                   struct program_settings *out);

/* The same for operands that follow one another without braces; *at becomes what is left of them.
 */
bool settings_inline(struct sema *s, enum setting_block block, const struct ast **at,
                     struct program_settings *out);

/* Of what has none: false after a report where there is a block. */
bool settings_none(struct sema *s, const struct ast *block);

/* shapes.c: takes from *at what the shape of a setting wants, which stands in a block `around`.
 * False after a report; *at is NULL when it is not clear where to go on. */
bool shape_read(struct sema *s, const struct setting_info *info, struct span word,
                const struct ast **at, enum setting_block around, struct program_setting *out);

/* sources.c: is this `servers` one that can be asked? False after a report. */
bool source_read(struct sema *s, const struct program_setting *a);

/* The first setting `id` of a list, or NULL. */
const struct program_setting *setting_given(const struct program_settings *list,
                                            enum setting_id id);
const struct program_setting *setting_own(const struct program_setting *of, enum setting_id id);

/* compress.c: text is in the arena, or static. */
bool compress_read(struct sema *s, const struct program_setting *a, struct table_compress *out);

/* Is a setting missing that is NEEDED? Says so at `where`. */
bool settings_complete(struct sema *s, enum setting_block block,
                       const struct program_settings *given, struct slice name, struct span where);

/* written.c: a value as it could have been written, in the arena. */
struct slice value_written(struct arena *arena, const struct value *v);
struct slice network_written(struct arena *arena, const struct network *n);
struct slice endpoint_written(struct arena *arena, const struct endpoint *e);

/* Shared by the rules; nobody else includes this. */
#pragma once

#include "compiler/sema/program.h"

struct diags;

/* Where the redirection of a clause leads to. */
void lint_redirect(const struct clause *c, const struct action *a, struct diags *d);

/* The first setting `id`, or NULL. */
static inline const struct program_setting *lint_given(const struct program_settings *list,
                                                       enum setting_id id)
{
    for (uint32_t i = 0; i < list->n; i++)
        if (list->at[i].id == id)
            return &list->at[i];
    return NULL;
}

static inline const struct program_setting *lint_own(const struct program_setting *of,
                                                     enum setting_id id)
{
    const struct program_settings own = {of->own, of->n_own};
    return lint_given(&own, id);
}

/* The cluster's `timeout NAME`, or NULL. */
static inline const struct program_setting *lint_timeout(const struct program_settings *list,
                                                         struct slice name)
{
    for (uint32_t i = 0; i < list->n; i++)
        if (list->at[i].id == SETTING_CLUSTER_TIMEOUT && slice_eq(list->at[i].value[0].text, name))
            return &list->at[i];
    return NULL;
}

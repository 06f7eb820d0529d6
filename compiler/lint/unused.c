/* A definition nobody uses is a rule that silently never applies. */
#include "compiler/lint/lint.h"

void lint_unused(const struct scope *scope, struct diags *d)
{
    for (uint32_t i = 0; i < scope->all.n; i++) {
        const struct definition *def = scope->all.at[i];
        if (def->used || def->kind == DEF_LISTENER || def->kind == DEF_ALERT ||
            def->kind == DEF_LOG)
            continue;
        diag(d, DIAG_UNUSED, def->span, def_kind_name(def->kind), SLICE_ARG(def->name));
    }
}

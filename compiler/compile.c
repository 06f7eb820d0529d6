#include "compiler/compile.h"

#include "compiler/expand.h"
#include "compiler/gather.h"
#include "compiler/lint/lint.h"
#include "compiler/lower/lower.h"
#include "compiler/prove/prove.h"
#include "compiler/sema/sema.h"
#include "compiler/table/verify.h"
#include "grammar/diag.h"

static const struct program *checked(struct sources *sources, const struct compile_options *options,
                                     struct arena *arena, struct diags *d)
{
    struct gathered all = {.sources = sources, .files = options->files, .arena = arena, .diags = d};
    struct ast *root = gather(&all);
    struct expansion put_in = {.sources = sources, .arena = arena, .diags = d};
    expand(&put_in, root);
    const struct sema_input in = {.file = root,
                                  .use = put_in.use.at,
                                  .n_uses = put_in.use.n,
                                  .file_of = all.list.at,
                                  .n_files = all.list.n,
                                  .sources = sources,
                                  .env = options->env,
                                  .env_from = options->env_from,
                                  .to_run = options->to_run,
                                  .uses = options->uses};
    struct scope scope;
    const struct program *p = sema(&in, arena, d, &scope);
    if (p)
        lint(p, &scope, d);
    scope_done(&scope);
    VEC_DONE(&all.list);
    VEC_DONE(&put_in.use);
    return p;
}

struct table *compile(struct sources *sources, const struct compile_options *options,
                      struct arena *arena, struct diags *d, const struct program **program)
{
    const struct program *p = checked(sources, options, arena, d);
    if (program)
        *program = p;
    if (!p || options->only_program)
        return NULL;
    struct table *t = lower(p);
    const char *broken = table_verify(t);
    if (broken)
        fprintf(stderr, "lbc: the compiled table is wrong: %s\n", broken);
    ASSERT(!broken);
    const unsigned errors = diag_errors(d);
    if (!options->without_proofs)
        prove(t, p, d, options->count);
    if (diag_errors(d) == errors)
        return t;
    if (program)
        *program = NULL;
    table_free(t);
    return NULL;
}

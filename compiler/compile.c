#include "compiler/compile.h"

#include "compiler/lint/lint.h"
#include "compiler/lower/lower.h"
#include "compiler/sema/sema.h"
#include "compiler/table/verify.h"
#include "grammar/diag.h"
#include "grammar/parse.h"

static const struct program *checked(struct sources *sources, const struct compile_options *options,
                                     struct arena *arena, struct diags *d)
{
    const struct tree tree = parse(sources, 0, arena, d);
    const struct sema_input in = {
        .file = tree.root, .sources = sources, .env = options->env, .env_from = options->env_from};
    struct scope scope;
    const struct program *p = sema(&in, arena, d, &scope);
    if (p)
        lint(p, &scope, d);
    scope_done(&scope);
    return p;
}

struct table *compile(struct sources *sources, const struct compile_options *options,
                      struct arena *arena, struct diags *d, const struct program **program)
{
    const struct program *p = checked(sources, options, arena, d);
    if (program)
        *program = p;
    if (!p)
        return NULL;
    struct table *t = lower(p);
    const char *broken = table_verify(t);
    if (broken)
        fprintf(stderr, "lbc: the compiled table is wrong: %s\n", broken);
    ASSERT(!broken);
    return t;
}

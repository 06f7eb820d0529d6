#include "compiler/lint/lint.h"

void lint(const struct program *p, const struct scope *scope, struct diags *d)
{
    lint_unused(scope, d);
    lint_capacity(p, d);
    lint_security(p, d);
    lint_cookies(p, d);
    lint_idle(p, d);
}

/*
 * lint - what works and is hardly meant. One rule, one file, one function; lint.c runs them all.
 *
 * Run on programs without errors only: a mistake elsewhere must not make a name look unused.
 */
#pragma once

#include "compiler/sema/program.h"
#include "compiler/sema/scope.h"
#include "grammar/diag.h"

void lint(const struct program *p, const struct scope *scope, struct diags *d);

/* Definitions nobody uses. */
void lint_unused(const struct scope *scope, struct diags *d);

/* Settings that contradict one another, never take effect, or fail when they are needed. */
void lint_capacity(const struct program *p, struct diags *d);

/* What lets in, gives away or believes more than is meant. */
void lint_security(const struct program *p, struct diags *d);

/* Cookies that browsers refuse, and those that nobody else can read. */
void lint_cookies(const struct program *p, struct diags *d);

/* Actions that come to nothing. */
void lint_idle(const struct program *p, struct diags *d);

/* Shared by the two files of unparse; nobody else includes this. */
#pragma once

#include "compiler/sema/program.h"
#include "runtime/base/text.h"

/* In double quotes. */
void unparse_string(struct text *out, struct slice s);
void unparse_template(struct text *out, const struct table_template *t);
void unparse_field(struct text *out, enum table_field field, struct slice key);
void unparse_condition(struct text *out, const struct cond *c);

/* The sets and acls that the routes name, each once. */
void unparse_definitions(struct text *out, const struct program *p);

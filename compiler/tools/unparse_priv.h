/* Shared by the files of unparse; nobody else includes this. */
#pragma once

#include "compiler/sema/program.h"
#include "runtime/base/text.h"

/* In double quotes. */
void unparse_string(struct text *out, struct slice s);
void unparse_template(struct text *out, const struct table_template *t, bool responding);
void unparse_field(struct text *out, enum table_field field, struct slice key, bool responding);
void unparse_condition(struct text *out, const struct cond *c, bool responding);

/* The sets and acls that the routes name, each once. */
void unparse_definitions(struct text *out, const struct program *p);

/* unparse_settings.c: a setting on a line of its own; those that the caller does not know how to
 * write itself; blocks of settings and secrets; tests and asserts. */
void unparse_setting(struct text *out, const struct program_setting *a);
void unparse_rest(struct text *out, const struct program_settings *given,
                  bool (*is_known)(enum setting_id));
void unparse_objects(struct text *out, const struct program *p);
void unparse_tests(struct text *out, const struct program *p);

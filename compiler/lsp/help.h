/* help - what the words of the language mean, from the .def files that the program is made of. */
#pragma once

#include "compiler/lsp/context.h"
#include "compiler/table/table.h"
#include "runtime/base/text.h"

/* Where a statement may stand, for those that have a grammar of their own. */
enum statement_place { PLACE_FILE, PLACE_ROUTE, PLACE_CLAUSE, PLACE_TEST, PLACE_SETTINGS };

struct statement_help {
    enum statement_place place;
    struct slice word;
    const char *snippet, *help;
};

extern const struct statement_help statements[];
extern const uint32_t n_statements;

enum statement_place place_of(const struct context *c);

/* Explains the word at hand, in Markdown; nothing when there is nothing to say. */
void help_add(const struct context *c, struct text *out);

/* Explains a test, or `and`, `or`, `not`; false when it is none. */
bool help_add_test(struct slice word, struct text *out);

/* The field whose last word, its key aside, is token number `i`; FIELD_COUNT when there is none. */
enum table_field help_field(const struct context *c, uint32_t i);
void help_add_field(enum table_field f, struct text *out);

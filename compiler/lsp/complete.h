/* Shared by the files of completion: the list that is being offered, and who adds to it. */
#pragma once

#include "compiler/lsp/context.h"
#include "compiler/lsp/server.h"
#include "compiler/sema/types.h"

/* CompletionItemKind of LSP. */
enum item_kind {
    ITEM_FIELD = 5,
    ITEM_VARIABLE = 6,
    ITEM_CLASS = 7,
    ITEM_PROPERTY = 10,
    ITEM_KEYWORD = 14,
    ITEM_CONSTANT = 21,
    ITEM_ENUM = 20,
    ITEM_OPERATOR = 24,
    ITEM_TYPE = 25,
};

struct offer {
    const struct ask *a;
    const struct context *c;
    struct span replaced; /* what is written already of the word at hand */
    struct text *out;
    uint32_t n;
};

/* `detail` is one line beside it, `about` a paragraph; either may be NULL. `snippet`, where the
 * client can use it, is what is put in; else the label. */
void offer_add(struct offer *o, enum item_kind kind, struct slice label, const char *detail,
               const char *about, const char *snippet);

/* The names of what is defined as a `kind` ("cluster"; "const" is both kinds of constants), those
 * of another type left out (TYPE_COUNT: any). */
void offer_names(struct offer *o, const char *kind, enum type type);
void offer_fields(struct offer *o);
void offer_types(struct offer *o, bool of_sets);
/* What a value of this type may be written as, constants too. */
void offer_values(struct offer *o, enum type type);

/* complete_setting.c: in a block of settings. */
void offer_settings(struct offer *o);

/*
 * explanation - the long story of each diagnostic: what it means, why it is said, what to do, with
 * a wrong and a right example. They are the files of grammar/explain.
 */
#pragma once

#include "grammar/diag.h"

struct explanation {
    struct slice markdown; /* the whole file */
    struct slice about;    /* its paragraphs */
    struct slice wrong, right;
};

/* All of it is empty where a code has no file yet. Static memory. */
struct explanation diag_explanation(enum diag_code code);

/* "e0201" or "E0201"; DIAG_COUNT when there is no such code. */
enum diag_code diag_code_find(struct slice name);

/* For people: the code and what it says, the paragraphs, the examples. `color`: for a terminal. */
void diag_explain(enum diag_code code, bool color, struct text *out);

/* "E0201  no … is called `…`", and a line end. */
void diag_list_line(enum diag_code code, struct text *out);

/* One object: code, severity, message, markdown, about, wrong, right. */
void diag_explain_json(enum diag_code code, struct text *out);

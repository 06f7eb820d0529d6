/* Shared by diag.c and the renderers; nobody else includes this. */
#pragma once

#include "grammar/diag.h"
#include "runtime/base/vec.h"

struct diag_span {
    struct span span;
    struct slice label; /* may be empty */
};

struct diag_fix {
    struct span span;
    struct slice message, replacement;
};

struct report {
    enum diag_code code;
    struct slice message;
    struct diag_span primary;
    VEC(struct diag_span) also;
    VEC(struct slice) note;
    VEC(struct diag_fix) fix;
};

/* What diags.def says of a code. */
struct diag_text {
    const char *code;
    enum severity severity;
    const char *what, *advice; /* no advice: "" */
};

const struct diag_text *diag_text(enum diag_code code);

/* Each writes one report. */
void diag_render_human(const struct sources *s, const struct report *r, bool color,
                       struct text *out);
void diag_render_json(const struct sources *s, const struct report *r, struct text *out);

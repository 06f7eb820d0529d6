/* Shared by diag.c and the renderers; nobody else includes this. */
#pragma once

#include "grammar/report.h"
#include "runtime/base/arena.h"

/* The text of diags.def with its placeholders as `…`. */
void diag_message(enum diag_code code, struct text *out);

struct diags {
    const struct sources *sources;
    struct arena arena; /* of the reports' texts */
    VEC(struct report) report;
    size_t limit;
    unsigned errors, warnings, dropped;
    bool last_dropped;       /* what is added to the last report is dropped with it */
    VEC(struct span) hushed; /* where further errors are consequences */
};

/* The reports in order of place; those of one place in the order they were said. The caller frees
 * the array. */
const struct report **diags_in_order(const struct diags *d);

/* Each writes one report. */
void diag_render_github(const struct sources *s, const struct report *r, struct text *out);
void diag_render_human(const struct sources *s, const struct report *r, bool color,
                       struct text *out);
void diag_render_json(const struct sources *s, const struct report *r, struct text *out);

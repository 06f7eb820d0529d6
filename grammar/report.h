/*
 * report - one thing that is said, in its parts, for those who show it in a way of their own.
 */
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

/* All reports in order of their place, one after the other; each is valid for the call. */
void diags_each(const struct diags *d, void (*see)(void *to, const struct report *r), void *to);

/* Takes back those of which `keep`, asked in order of place, says false. */
void diags_keep(struct diags *d, bool (*keep)(void *to, const struct report *r), void *to);

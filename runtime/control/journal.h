/*
 * journal - what operators changed and is in no file, as a text that outlives the process.
 *
 * A line each, in which tabs stand between number, milliseconds since 1970 when it was made and
 * when it ends (0: it does not), who made it, why (or nothing), and the sentence. The first line is
 * JOURNAL_FIRST_LINE and the number of the last change that was ever made. JOURNAL_WITHOUT_WHY
 * begins those whose lines have no why.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "runtime/base/text.h"
#include "runtime/base/vec.h"
#include "runtime/control/control.h"

#define JOURNAL_FIRST_LINE  "lbc changes 2 "
#define JOURNAL_WITHOUT_WHY "lbc changes 1 "

/* A change that is not in the files. */
struct change {
    uint64_t number;
    struct text sentence; /* owned */
    char who[CONTROL_WHO_MAX + 1], why[CONTROL_WHY_MAX + 1];
    int64_t made_ns, until_ns; /* monotonic; 0: no end */
    bool fits;
};

/* Both clocks, at one moment. */
struct journal_now {
    int64_t monotonic_ns, wall_ns;
};

/* Writes down who and why: as much as there is room for, without what a line cannot hold, nor a
 * terminal show. */
void change_note(struct change *g, struct slice who, struct slice why);
bool change_has_ended(const struct change *g, int64_t now_ns);

/* When the first of them ends; INT64_MAX: none does. */
int64_t changes_first_end(const struct change *g, uint32_t n);
void change_done(struct change *g);

void journal_begin(struct text *out, uint64_t last);
void journal_add(struct text *out, const struct change *g, struct journal_now now);

/* Calls `each` for every change, whose text is the callee's then, and `bad` with the number of
 * every line that is none, from 1. Returns the number of the last change; 0 for an empty text. */
uint64_t journal_read(struct slice text, struct journal_now now,
                      void (*each)(void *to, struct change g),
                      void (*bad)(void *to, uint32_t number, struct slice line), void *to);

/*
 * haproxy - the part of HAProxy's stats socket that its tools use: exporters, hatop, scripts.
 *
 * A cluster is a backend; everything that listens is one frontend, for what it counts is counted
 * together. Text in, text out; the control thread's.
 */
#pragma once

#include <stdbool.h>

#include "runtime/base/slice.h"
#include "runtime/base/text.h"
#include "stats/socket/level.h"

struct control;

/* Whose a connection is, and what it is told to be like. */
struct haproxy_session {
    enum stats_level level;
    struct slice who; /* "uid 1000"; borrowed */
    bool prompts;     /* "prompt": it stays open, and each answer ends with "> " */
    bool quits;
};

/* Carries out a line, which may have several commands between semicolons, and appends the answers,
 * each with an empty line behind it. What its level may not do is refused. Once `out` has
 * `enough_bytes`, what is left of the line is returned, for later; nothing, when it is done. */
MUST_CHECK struct slice haproxy_line(struct control *c, struct slice line,
                                     struct haproxy_session *s, size_t enough_bytes,
                                     struct text *out);

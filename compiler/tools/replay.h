/*
 * replay - how a configuration decides the requests of an access log, and where that is not what
 * was decided then (or by another configuration).
 *
 * Memory goes by the number of different differences, not by the length of the log.
 */
#pragma once

#include "compiler/table/table.h"
#include "runtime/base/slice.h"

struct text;
struct replay;

struct replay_options {
    const struct table *table;
    const struct table *against; /* NULL: what the log says */
    struct slice host;           /* of lines that name none; may be empty */
    struct slice scheme;         /* of lines that name none; empty: http */
    struct slice listener;       /* of lines that name none; empty: the first one */
};

/* The options' slices and tables must stay. */
struct replay *replay_new(const struct replay_options *options);
void replay_free(struct replay *r);

/* One line, without its end. */
void replay_line(struct replay *r, struct slice line);

/* Did any request fare otherwise? */
bool replay_differs(const struct replay *r);

void replay_report(const struct replay *r, bool color, struct text *out);
void replay_report_json(const struct replay *r, struct text *out);

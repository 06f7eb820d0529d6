/*
 * served - the texts of the configuration that is served, as its files had them, and what temporary
 * changes make of them.
 *
 * A change is made on the text that is served and not on the file as it is by now: somebody's
 * half-written edit does not come in with it. Not thread-safe: loading is for one thread at a time,
 * and nothing else is called meanwhile.
 */
#pragma once

#include "compiler/cli/cli.h"
#include "runtime/control/process.h"
#include "runtime/state/history.h"
#include "runtime/state/state.h"

/* The file of a state in which the changes are that are not over: see control_config.journal. */
#define SERVED_JOURNAL "changes"

/* The same of what operators have set of servers: see control_config.keep. */
#define SERVED_OVERRIDES "overrides"

struct served;

/* `journal` is what the state has; the rest is borrowed. Without a state changes end with the
 * process; without a history there is no way back. */
struct served *served_new(const char *path, struct state *state, struct history *history,
                          struct slice journal);
void served_free(struct served *s); /* NULL is allowed */

/* What was loaded without it will be served; and is. `how`: "start". */
void served_start(struct served *s, const struct loaded *l, struct slice how);
void served_started(struct served *s);

/* A control_load; blocks on the disk. Of a candidate nothing is noted. */
struct table *served_load(struct served *s, struct control_loading *what, struct text *said);

/* A control_loaded. Where a change was written that is not served after all, the file gets its text
 * back. */
void served_settle(struct served *s, bool served, struct text *said);

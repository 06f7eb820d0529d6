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

struct served;

/* `path` is borrowed. */
struct served *served_new(const char *path);
void served_free(struct served *s); /* NULL is allowed */

/* What was loaded without it is served. */
void served_keep(struct served *s, const struct loaded *l);

/* A control_load; blocks on the disk. */
struct table *served_load(struct served *s, struct control_loading *what, struct text *said);

/* A control_loaded. Where a change was written that is not served after all, the file gets its text
 * back. */
void served_settle(struct served *s, bool served);

/*
 * state - the folder in which a process keeps what is to be there when it is started again.
 *
 * A file gets its new text in two steps, for it takes time to write one and is found out later
 * whether it is what holds: state_write() puts it on the disk beside the old one, state_take() puts
 * it in its place. A crash in between leaves the old one.
 */
#pragma once

#include "runtime/base/check.h"
#include "runtime/base/slice.h"
#include "runtime/base/text.h"

struct state;

/*
 * Makes what is missing of the folder, mode 0700. One process has it at a time: -EWOULDBLOCK where
 * another one does, unless it hands its place over: then `lock` is its state_lock(), ours from now
 * on; else -1. Returns 0 or a negative errno.
 */
MUST_CHECK int state_open(const char *path, int lock, struct state **out);

/* The descriptor that holds the folder, for a process that takes our place. Borrowed. */
int state_lock(const struct state *s);
void state_close(struct state *s); /* NULL is allowed */
const char *state_path(const struct state *s);

/* Names are relative to the folder. Appends; 0 or a negative errno: -ENOENT, -EFBIG above `most`
 * bytes. Blocks on the disk. */
MUST_CHECK int state_read(const struct state *s, const char *name, size_t most, struct text *out);

/* The text is on the disk as NAME.new. Blocks. 0 or a negative errno. */
MUST_CHECK int state_write(const struct state *s, const char *name, struct slice text);

/* NAME.new is `to` from now on, also after a power cut. 0 or a negative errno. */
MUST_CHECK int state_take(const struct state *s, const char *name, const char *to);

/* Nothing is said where there is none. */
void state_remove(const struct state *s, const char *name);

/* A folder of it, 0700, made where there is none. */
MUST_CHECK int state_make_folder(const struct state *s, const char *name);

/* Calls `each` for what is in a folder of it, in no order; not for . and .. */
MUST_CHECK int state_list(const struct state *s, const char *folder,
                          void (*each)(void *to, const char *name), void *to);

/*
 * socket - the stats socket: a Unix socket that takes commands as lines and answers in text.
 *
 * On the control thread's loop. Several commands per connection; each answer ends with a line
 * "ok" or "refused: REASON", so that a client knows where it ends. The protocol and the commands
 * are in README.md, the commands in commands.def.
 */
#pragma once

#include "runtime/base/check.h"

struct control;
struct loop;
struct stats_socket;

/* Listens on `path` (mode 0600; a stale one is replaced). Returns 0 and sets *out, or a negative errno. */
MUST_CHECK int stats_socket_open(const char *path, struct loop *loop, struct control *control,
                                 struct stats_socket **out);

/* Closes it and its connections, and removes the path. NULL is allowed. */
void stats_socket_close(struct stats_socket *s);

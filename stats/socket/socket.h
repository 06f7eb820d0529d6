/*
 * socket - the stats socket: a Unix socket that takes commands as lines and answers in text.
 *
 * On the control thread's loop. Several commands per connection; each answer ends with a line that
 * is exactly "ok" or begins "refused: ", and no other line of it does either: so a client knows
 * where it ends. The protocol is in README.md, the commands are in commands.def.
 */
#pragma once

#include <stdbool.h>

#include "runtime/base/check.h"

struct control;
struct loop;
struct stats_socket;

/* What is spoken on it. */
enum stats_speech {
    STATS_LBC,
    STATS_HAPROXY, /* a part of what HAProxy's tools ask for: haproxy.h */
};

/*
 * Listens on `path`, with mode 0600 from the beginning; a socket there that nobody listens on any
 * more is replaced. Returns 0 and sets *out; or -EADDRINUSE when somebody answers there or it is
 * not a socket, or another negative errno, and leaves *out untouched.
 */
MUST_CHECK int stats_socket_open(const char *path, enum stats_speech speech, struct loop *loop,
                                 struct control *control, struct stats_socket **out);

/* The same with the descriptor of a socket that another process listens on at that path, and which
 * is ours from now on, in any case; connections are taken from stats_socket_take_over() on. Returns
 * 0, or a negative errno: -EADDRNOTAVAIL when it does not listen at that path. */
MUST_CHECK int stats_socket_adopt(int fd, const char *path, enum stats_speech speech,
                                  struct loop *loop, struct control *control,
                                  struct stats_socket **out);
void stats_socket_take_over(struct stats_socket *s); /* NULL is allowed, and below */

/* What listens: for a process that takes our place. Borrowed; -1: nothing. */
int stats_socket_fd(const struct stats_socket *s);

/* That process has it now: no more connections are taken here, and the path is not ours to remove.
 * Those that are open stay. */
void stats_socket_let_go(struct stats_socket *s);

bool stats_socket_has_clients(const struct stats_socket *s);

/* Closes it and its connections, and removes the path. A reload that one of them waits for goes on.
 * NULL is allowed. Not from within a verb of control.h: its command is not answered yet. */
void stats_socket_close(struct stats_socket *s);

/*
 * socket - the stats socket: a Unix socket that takes commands as lines and answers in text.
 *
 * On the control thread's loop. Several commands per connection; each answer ends with a line that
 * is exactly "ok" or begins "refused: ", and no other line of it does either: so a client knows
 * where it ends. The protocol is in README.md, the commands are in commands.def.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "runtime/base/check.h"
#include "runtime/base/list.h"
#include "stats/socket/level.h"

struct control;
struct loop;
struct stats_socket;

/* What is spoken on it. */
enum stats_speech {
    STATS_LBC,
    STATS_HAPROXY, /* a part of what HAProxy's tools ask for: haproxy.h */
};

#define STATS_NO_GROUP ((gid_t)-1)

/* Where one is, who may connect, and what may be done there. */
struct stats_at {
    const char *path; /* borrowed for as long as the socket is there */
    enum stats_speech speech;
    enum stats_level level;
    uint32_t mode; /* of the path: 0600, 0660 ... */
    gid_t group;   /* the same; STATS_NO_GROUP: whichever the system gives it */
};

/* All of a process, and where they are at home. Whoever has it fills in the first two, and inits
 * the list. */
struct stats_sockets {
    struct loop *loop;
    struct control *control;
    struct list socket;
};

/*
 * Listens on at->path; nobody but the owner may connect before its mode and group are what they are
 * to be. A socket there that nobody listens on any more is replaced. Returns 0 and sets *out; or
 * -EADDRINUSE when somebody answers there or it is not a socket, or another negative errno, and
 * leaves *out untouched.
 */
MUST_CHECK int stats_socket_open(struct stats_sockets *all, const struct stats_at *at,
                                 struct stats_socket **out);

/* Does `fd` listen at that path, and is there a socket still? */
bool stats_socket_is_at(int fd, const char *path);

/* The same as opening, with the descriptor of a socket that another process listens on at that
 * path, and which is ours from now on, in any case; connections are taken from
 * stats_socket_take_over() on. Returns 0, or a negative errno: -EADDRNOTAVAIL when it does not
 * listen at that path. */
MUST_CHECK int stats_socket_adopt(int fd, struct stats_sockets *all, const struct stats_at *at,
                                  struct stats_socket **out);

/* From now on it is ours, with our mode and group, and where these were others, whoever waits to be
 * let in is not: 0, or a negative errno when these could not be
 * set; then only the owner may connect. */
MUST_CHECK int stats_socket_take_over(struct stats_socket *s);

/* Calls `each` for every one, in the order in which they were opened. */
void stats_sockets_each(const struct stats_sockets *all,
                        void (*each)(void *to, const struct stats_at *at, uint32_t clients),
                        void *to);

/* What listens: for a process that takes our place. Borrowed; -1: nothing. NULL is allowed, and
 * below. */
int stats_socket_fd(const struct stats_socket *s);

/* That process has it now: no more connections are taken here, and the path is not ours to remove.
 * Those that are open stay. */
void stats_socket_let_go(struct stats_socket *s);

bool stats_socket_has_clients(const struct stats_socket *s);

/* Closes it and its connections, and removes the path. A reload that one of them waits for goes on.
 * Not from within a verb of control.h: its command is not answered yet. */
void stats_socket_close(struct stats_socket *s);

/*
 * handed - what a process hands to the one that takes its place, as a text.
 *
 * The text is in a file without a name (memfd), whose descriptor the new process finds in
 * HANDED_VARIABLE; all the others that it inherits are listed in it, by their numbers. A line is a
 * word and what belongs to it, with tabs between them. Lines whose first word is not known are
 * passed over, so that a later version can say more; what is missing or broken is as at any start;
 * the number in the first line is another when that does not do any more.
 *
 *     lbc hands over 1
 *     channel    7                        where both talk: upgrade.c, takeover.c
 *     stderr     8                        where to log once it serves
 *     stats      9                        a stats socket; its path says which
 *     state      11                       the lock of the state's folder
 *     keys       14                       keys of session tickets and cookies: parts.h
 *     memory     15                       what is remembered of clients, before `go`: parts.h
 *     socket     12  own                  listens; "lent": by a service manager
 *     health     web  a  10.0.0.1:80  up  of a server
 *     ejected    web  a  10.0.0.1:80  5000000000  2  in-a-row  5  0   (until when, by the monotonic
 *                                         clock, or 0; how many times in a row; and why)
 *     change     ...                      a line of the journal of changes
 *     override   ...                      of that of what is set of servers
 *
 * Pure, but for handed_open().
 */
#pragma once

#include "runtime/base/address.h"
#include "runtime/base/text.h"
#include "runtime/base/vec.h"
#include "runtime/upstream/server.h"

#define HANDED_VARIABLE "LBC_UPGRADE"

/* Descriptors with one purpose; -1: it was not handed over. */
#define HANDED_DESCRIPTORS(D)                                                                      \
    D(CHANNEL, "channel")                                                                          \
    D(STDERR, "stderr")                                                                            \
    D(STATE, "state")                                                                              \
    D(KEYS, "keys")                                                                                \
    D(MEMORY, "memory")

enum handed_descriptor {
#define D(id, word) HANDED_##id,
    HANDED_DESCRIPTORS(D)
#undef D
        HANDED_DESCRIPTOR_COUNT
};

/* What is known of a server. */
struct handed_server {
    struct slice cluster, name;
    struct endpoint endpoint;
    enum health_state health;
    struct outlier ejected; /* until_ns, times and why of it; 0: it was not, of late */
    bool used;              /* some server has it already */
};

struct handed_socket {
    int fd;
    bool own;
};

struct handed {
    int text_fd;
    struct text text; /* slices point into it */
    int fd[HANDED_DESCRIPTOR_COUNT];
    VEC(int) stats; /* -1: somebody took it */
    VEC(struct handed_socket) socket;
    VEC(struct handed_server) server;  /* sorted */
    VEC(struct handed_server) ejected; /* as it was read; `server` has it, too */
    struct text journal, overrides;
    uint32_t broken; /* lines whose word is known, and nothing else */
};

/* Writing: the first line, and then any of the others in any order. */
void handed_begin(struct text *out);
void handed_add_descriptor(struct text *out, enum handed_descriptor what, int fd);
void handed_add_stats(struct text *out, int fd);
void handed_add_socket(struct text *out, int fd, bool own);
void handed_add_server(struct text *out, const struct handed_server *s);
void handed_add_ejected(struct text *out, const struct handed_server *s);
void handed_add_journal(struct text *out, struct slice journal);
void handed_add_overrides(struct text *out, struct slice journal);

/* Reads what was written; false when it is of another kind or version. */
MUST_CHECK bool handed_parse(struct handed *h, struct slice text);

/* Reads what the environment offers, and takes it out of that; descriptors are closed on exec from
 * then on. 1, 0: nothing was handed over, or a negative errno. */
MUST_CHECK int handed_open(struct handed *h);

/* Reads the text anew: what is known of servers may have changed. 0 or a negative errno. */
MUST_CHECK int handed_again(struct handed *h);

/* That server of that cluster; NULL when nothing is known of it. */
struct handed_server *handed_find(struct handed *h, struct slice cluster, struct slice name,
                                  const struct endpoint *e);

/* Closes those with one purpose, and the stats sockets, that nobody took: who takes one over writes
 * -1 in its place. */
void handed_close_left(struct handed *h);

/* Descriptors stay. */
void handed_done(struct handed *h);

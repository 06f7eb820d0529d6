/*
 * reach - where a process can be reached: the stats sockets that `lbc run` is asked for, opened, or
 * taken over from the process before.
 *
 * At the start and the end; the control thread's in between.
 */
#pragma once

#include "runtime/base/text.h"
#include "runtime/control/handed.h"
#include "stats/socket/socket.h"

#define REACH_MAX 8u

struct reach_one {
    char *path; /* owned, what is.path points to */
    struct stats_at is;
    struct stats_socket *socket; /* owned; NULL: not open */
};

/* Zeroed: none, and nobody has said anything about it. */
struct reach {
    struct reach_one at[REACH_MAX];
    uint32_t n;
    bool told, off; /* --socket was given; it is off */
    struct stats_sockets all;
    char why[160]; /* what the following return */
};

/* PATH[,level=LEVEL][,mode=MODE][,group=GROUP], another one; a socket for ourselves may be "off".
 * Returns NULL, or what is wrong: a sentence that is valid until the next call. */
const char *reach_add(struct reach *r, const char *option, enum stats_speech speech,
                      const char *value);

/* When all have been added: the usual one for ourselves, where none was asked for. As above. */
const char *reach_complete(struct reach *r);

/* False, with a sentence in `why`. */
MUST_CHECK bool reach_open(struct reach *r, struct control *c, struct handed *before,
                           struct text *why);

/* Those that are open go along to the process that takes our place. */
void reach_hand_on(const struct reach *r, struct control *c);

void reach_take_over(struct reach *r); /* it serves: they are ours, and not the other's */
void reach_let_go(struct reach *r);    /* the other one's */
bool reach_has_clients(const struct reach *r);
void reach_done(struct reach *r);

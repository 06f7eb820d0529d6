/*
 * client - one connection to the stats socket: lines in, answers out, one command at a time.
 *
 * The control thread's. Bounded: one line of input; output only grows by one answer beyond
 * CLIENT_PENDING_MAX, for the next command waits until the last answer is on its way.
 */
#pragma once

#include "runtime/base/list.h"
#include "runtime/base/text.h"
#include "runtime/event/loop.h"
#include "stats/socket/haproxy.h"
#include "stats/socket/socket.h"

#define CLIENT_LINE_MAX    4096u
#define CLIENT_PENDING_MAX ((size_t)64 * 1024)

struct control;
struct wait;

struct client {
    uint32_t magic;
#define CLIENT_MAGIC 0xc11e27a5u
    struct list link;                /* in the socket's list */
    const struct stats_at *at;       /* where it came to */
    const struct stats_sockets *all; /* of which that is one */
    struct watch watch;
    struct timer idle;
    int fd;                         /* owned */
    char who[24];                   /* "uid 1000" */
    struct haproxy_session haproxy; /* where that is spoken */

    struct wait *wait; /* for what it waits; NULL: for nothing */
    bool running;      /* a command of it is being carried out now */
    bool skipping;     /* the rest of a line that was too long */
    bool at_end;       /* it will send nothing more */

    char line[CLIENT_LINE_MAX + 1]; /* one more than may be, to see that it is more */
    size_t line_bytes;
    struct text out;
    size_t sent;

    void (*gone)(void *of, struct client *c); /* told before it is freed */
    void *gone_of;
};

/* Takes the descriptor over; what `at` and `all` point to outlives it. */
struct client *client_new(int fd, const struct stats_at *at, const struct stats_sockets *all,
                          void (*gone)(void *of, struct client *c), void *gone_of);

/* Closes and frees. What it waits for goes on and answers nobody. */
void client_free(struct client *c);

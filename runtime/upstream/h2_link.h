/*
 * h2_link - links that are streams of HTTP/2 connections to servers.
 *
 * Each worker has its own connections to a server, and gives each as many requests at a time as the
 * server takes. A link is one request's: when it is closed, its connection stays for others.
 */
#pragma once

#include "runtime/upstream/link.h"

/* Connections to a server that one worker has; what needs more is refused while all are in use. */
#define H2_LINES_MAX 256u

struct h2_link_wish {
    struct link_way way;
    bool fresh;    /* on a connection of its own: others have just failed */
    bool connects; /* it is to be known whether the server takes an extended CONNECT */
    int64_t connect_ns, idle_ns;
};

/*
 * A link for one request. *connected: it can be written to at once; else it is when it becomes
 * writable and link_connected() agrees. Returns 0, or a negative errno as link_dial() does.
 */
MUST_CHECK int h2_link_open(const struct link_owner *o, struct server *s, void *exchange,
                            const struct h2_link_wish *wish, struct link **out, bool *connected);

/* Closes the connections of this worker to the server, each when its last request is over. */
void h2_link_close_idle(const struct link_owner *o, struct server *s);

/* Closes all connections of this worker; nobody may use any. */
void h2_link_close_all(const struct link_owner *o);

/* What one connection takes of memory, without what h2_session.h says. */
size_t h2_link_bytes(void);

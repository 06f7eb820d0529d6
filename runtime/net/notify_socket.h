/*
 * notify_socket - what a service manager wants to be told: sd_notify(3), which is a datagram of
 * NAME=VALUE lines to the Unix socket that $NOTIFY_SOCKET names.
 *
 * Never blocks: a manager that does not read is told nothing.
 */
#pragma once

#include "runtime/base/slice.h"
#include "runtime/net/sockaddr.h"

struct notify_socket {
    int fd; /* -1: there is nobody to tell */
    struct sockaddr_of to;
};

/* `path` begins with / or, for an abstract socket, with @; NULL: there is none. What can't be had
 * is as none: a process serves without a manager, too. */
void notify_socket_open(struct notify_socket *s, const char *path);
void notify_socket_send(const struct notify_socket *s, struct slice lines);
void notify_socket_close(struct notify_socket *s);

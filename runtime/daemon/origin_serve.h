/*
 * origin_serve - the test origin's connections: one thread, one epoll, every port.
 *
 * Plain epoll rather than runtime/event and runtime/net, so that the other end of a test shares no
 * code with the balancer under test.
 */
#pragma once

#include <stdint.h>

struct origin;

/* Never NULL. Takes `signal_fd`, a signalfd: SIGUSR1 ends all waits, any other signal the serving.
 */
struct origin *origin_new(uint64_t seed, int signal_fd);

/* Takes the listening, non-blocking socket. */
void origin_listen(struct origin *o, int listen_fd, uint16_t port);

/* Blocks until a signal ends it. */
void origin_serve(struct origin *o);

/* Closes everything. NULL is fine. */
void origin_free(struct origin *o);

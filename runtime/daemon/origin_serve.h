/*
 * origin_serve - the test origin's connections: one thread, one epoll, every port.
 *
 * Plain epoll rather than runtime/event and runtime/net, so that the other end of a test shares no
 * code with the balancer under test.
 */
#pragma once

#include <stdint.h>

struct origin;

/* Never NULL. Takes `stop_fd`: when it becomes readable, serving ends. */
struct origin *origin_new(uint64_t seed, int stop_fd);

/* Takes the listening, non-blocking socket. */
void origin_listen(struct origin *o, int listen_fd, uint16_t port);

/* Blocks until stop_fd is readable. */
void origin_serve(struct origin *o);

/* Closes everything. NULL is fine. */
void origin_free(struct origin *o);

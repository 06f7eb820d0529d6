/*
 * socket_options - what every TCP socket of ours is told, whoever made it.
 *
 * TCP_NODELAY: small messages do not wait for acknowledgements. TCP_NOTSENT_LOWAT: the kernel takes
 * what the peer's window has room for, and little more; otherwise its buffer for a peer that hardly
 * reads grows to megabytes, and a few hundred such peers use up all it has for TCP. Sockets that a
 * listening one accepts inherit both.
 */
#pragma once

#include "runtime/base/check.h"

#define SOCKET_NOT_SENT_BYTES (128 * 1024)

/* On a socket of IPv4 or IPv6. 0 or a negative errno. */
MUST_CHECK int socket_options_set(int fd);

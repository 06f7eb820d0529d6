/* sockaddr - endpoints as the kernel wants them. */
#pragma once

#include <stdbool.h>
#include <sys/socket.h>

#include "runtime/base/address.h"

struct sockaddr_of {
    struct sockaddr_storage addr;
    socklen_t len; /* bytes of `addr` in use */
};

/* The same place as a socket address: AF_INET for IPv4 addresses, AF_INET6 or AF_UNIX. */
struct sockaddr_of sockaddr_from(const struct endpoint *e);

/* Address and port of a socket address; a Unix socket's peer is :: port 0. */
struct endpoint sockaddr_endpoint(const struct sockaddr *addr);

/* unix_path - the file names that Unix sockets leave behind. */
#pragma once

#include "runtime/base/check.h"
#include "runtime/net/sockaddr.h"

/*
 * Makes way for a socket at the path `to` (AF_UNIX). A socket that nobody listens on any more, left
 * by a process that was killed, is removed. Returns 0 when the path is free; -EADDRINUSE when
 * somebody answers there, or when it is not a socket at all; or another negative errno.
 */
MUST_CHECK int unix_path_clear(const struct sockaddr_of *to);

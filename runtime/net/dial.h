/* dial - begins a connection to a server, without waiting for it. */
#pragma once

#include "runtime/base/check.h"
#include "runtime/net/sockaddr.h"

/*
 * Returns a non-blocking descriptor, the caller's; connected when it becomes writable and
 * dial_result() is 0. Or a negative errno when it failed at once.
 */
MUST_CHECK int dial_begin(const struct sockaddr_of *to);

/* Once writable: 0 when connected, else a negative errno. */
MUST_CHECK int dial_result(int fd);

/*
 * inherited - listening sockets that were open before the process began: socket activation.
 *
 * A service manager binds, and hands the sockets over as descriptors from 3 on (sd_listen_fds(3)).
 * They are matched to binds by their address, not by their order or names. The one state of the
 * process that is not in an object: it comes with the process. Control thread only.
 */
#pragma once

#include "runtime/base/address.h"
#include "runtime/base/check.h"

#define INHERITED_MAX 256u

/*
 * Takes what the environment offers over: `pid` and `count` are LISTEN_PID and LISTEN_FDS, or NULL.
 * Nothing happens when they are for another process. Returns how many there are, or -EINVAL when
 * the count is no number up to INHERITED_MAX, or one of them is no listening stream socket.
 */
MUST_CHECK int inherited_adopt(const char *pid, const char *count);

/* The descriptor that listens at this endpoint, the caller's from now on; or -ENOENT. */
int inherited_take(const struct endpoint *e);

/* Of those that nobody took, the i-th; NULL when there is none. */
const struct endpoint *inherited_left(uint32_t i);

/* Closes those that nobody took. */
void inherited_close(void);

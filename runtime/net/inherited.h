/*
 * inherited - listening sockets that were open before the process began: socket activation, and an
 * lbc whose place we take.
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

struct inherited_socket {
    int fd;
    bool own;   /* an lbc opened it, and its path comes with it */
    bool group; /* and others may be opened beside it: SO_REUSEPORT */
};

/* One that an lbc had, which may have any number of them for an endpoint. `own`: no service manager
 * opened it. False when it is no listening stream socket; it is closed then. */
MUST_CHECK bool inherited_add(int fd, bool own);

/* How many listen at this endpoint. */
uint32_t inherited_count(const struct endpoint *e);

/* One that listens at this endpoint, the caller's from now on; false: there is none. They come in
 * the order in which they were handed over. */
bool inherited_take(const struct endpoint *e, struct inherited_socket *out);

/* Of those that nobody took, the i-th; NULL when there is none. */
const struct endpoint *inherited_left(uint32_t i);
const struct inherited_socket *inherited_left_socket(uint32_t i);

/* Closes those that nobody took; only those of an lbc, whose clients would wait in vain. */
void inherited_close(void);
void inherited_close_own(void);

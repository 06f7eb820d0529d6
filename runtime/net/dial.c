#include "runtime/net/dial.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <unistd.h>

int dial_begin(const struct sockaddr_of *to)
{
    const int fd = socket(to->addr.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd == -1)
        return -errno;
    const int on = 1;
    if (to->addr.ss_family != AF_UNIX &&
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) == -1)
        goto fail;
    if (connect(fd, (const struct sockaddr *)&to->addr, to->len) == -1 && errno != EINPROGRESS)
        goto fail;
    return fd;

fail:;
    const int rc = -errno; /* before close can overwrite it */
    close(fd);
    return rc;
}

int dial_result(int fd)
{
    int error;
    socklen_t len = sizeof(error);
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) == -1)
        return -errno;
    return -error;
}

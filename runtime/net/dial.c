#include "runtime/net/dial.h"

#include <errno.h>
#include <unistd.h>

#include "runtime/net/socket_options.h"

int dial_begin(const struct sockaddr_of *to)
{
    const int fd = socket(to->addr.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd == -1)
        return -errno;
    int rc = to->addr.ss_family == AF_UNIX ? 0 : socket_options_set(fd);
    if (rc == 0 && connect(fd, (const struct sockaddr *)&to->addr, to->len) == -1 &&
        errno != EINPROGRESS)
        rc = -errno;
    if (rc == 0)
        return fd;
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

#include "runtime/net/socket_options.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

static int set(int fd, int option, int value)
{
    return setsockopt(fd, IPPROTO_TCP, option, &value, sizeof(value)) == -1 ? -errno : 0;
}

int socket_options_set(int fd)
{
    const int rc = set(fd, TCP_NODELAY, 1);
    return rc != 0 ? rc : set(fd, TCP_NOTSENT_LOWAT, SOCKET_NOT_SENT_BYTES);
}

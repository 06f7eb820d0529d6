#include "runtime/net/notify_socket.h"

#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

void notify_socket_open(struct notify_socket *s, const char *path)
{
    struct sockaddr_un *un = (struct sockaddr_un *)(void *)&s->to.addr;
    *s = (struct notify_socket){.fd = -1};
    const size_t len = path ? strlen(path) : 0;
    if (len < 2 || len >= sizeof(un->sun_path) || (path[0] != '/' && path[0] != '@'))
        return;
    un->sun_family = AF_UNIX;
    memcpy(un->sun_path, path, len);
    if (path[0] == '@') /* abstract: no name of a file, and no NUL at its end */
        un->sun_path[0] = '\0';
    s->to.len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len + (path[0] == '/'));
    s->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

void notify_socket_send(const struct notify_socket *s, struct slice lines)
{
    if (s->fd != -1) /* who does not listen need not be told */
        (void)!sendto(s->fd, lines.at, lines.len, MSG_NOSIGNAL,
                      (const struct sockaddr *)&s->to.addr, s->to.len);
}

void notify_socket_close(struct notify_socket *s)
{
    if (s->fd != -1)
        close(s->fd);
    s->fd = -1;
}

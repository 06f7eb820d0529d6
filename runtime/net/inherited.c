#include "runtime/net/inherited.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/un.h>
#include <unistd.h>

#include "runtime/base/number.h"
#include "runtime/net/sockaddr.h"
#include "runtime/net/socket_options.h"

#define FIRST_DESCRIPTOR 3

static struct {
    struct {
        struct endpoint endpoint;
        int fd;
    } socket[INHERITED_MAX];
    uint32_t n;
} inherited;

static bool option_is(int fd, int option, int wanted)
{
    int value = 0;
    socklen_t len = sizeof(value);
    return getsockopt(fd, SOL_SOCKET, option, &value, &len) == 0 && value == wanted;
}

/* Where it listens. False when it is not what can be accepted from. */
static bool endpoint_of(int fd, struct endpoint *out)
{
    struct sockaddr_storage addr = {0};
    socklen_t len = sizeof(addr) - 1;
    if (!option_is(fd, SO_TYPE, SOCK_STREAM) || !option_is(fd, SO_ACCEPTCONN, 1) ||
        getsockname(fd, (struct sockaddr *)&addr, &len) != 0)
        return false;
    *out = sockaddr_endpoint((const struct sockaddr *)&addr);
    if (addr.ss_family != AF_UNIX)
        return out->port != 0;
    const struct sockaddr_un *un = (const struct sockaddr_un *)(const void *)&addr;
    const size_t path = strnlen(un->sun_path, sizeof(un->sun_path));
    if (un->sun_path[0] != '/' || path == sizeof(out->path))
        return false;
    memcpy(out->path, un->sun_path, path);
    return true;
}

/* As our own sockets are: see listener.c. */
static bool set_up(int fd)
{
    const int flags = fcntl(fd, F_GETFL);
    const int rc = socket_options_set(fd);
    if (rc != 0 && rc != -EOPNOTSUPP) /* a Unix socket has none of them */
        return false;
    return flags != -1 && fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0 &&
           fcntl(fd, F_SETFD, FD_CLOEXEC) == 0;
}

int inherited_adopt(const char *pid, const char *count)
{
    uint64_t for_pid, n;
    if (!pid || !count || !number_parse(slice_of(pid), INT32_MAX, &for_pid) ||
        for_pid != (uint64_t)getpid())
        return 0;
    if (!number_parse(slice_of(count), INHERITED_MAX, &n))
        return -EINVAL;
    for (uint32_t i = 0; i < n; i++) {
        const int fd = FIRST_DESCRIPTOR + (int)i;
        if (!set_up(fd) || !endpoint_of(fd, &inherited.socket[i].endpoint))
            return -EINVAL;
        inherited.socket[i].fd = fd;
        inherited.n = i + 1;
    }
    return (int)n;
}

int inherited_take(const struct endpoint *e)
{
    for (uint32_t i = 0; i < inherited.n; i++) {
        if (!endpoint_eq(&inherited.socket[i].endpoint, e))
            continue;
        const int fd = inherited.socket[i].fd;
        inherited.socket[i] = inherited.socket[--inherited.n];
        return fd;
    }
    return -ENOENT;
}

const struct endpoint *inherited_left(uint32_t i)
{
    return i < inherited.n ? &inherited.socket[i].endpoint : NULL;
}

void inherited_close(void)
{
    while (inherited.n > 0)
        close(inherited.socket[--inherited.n].fd);
}

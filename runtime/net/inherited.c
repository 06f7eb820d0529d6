#include "runtime/net/inherited.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/un.h>
#include <unistd.h>

#include "runtime/base/number.h"
#include "runtime/base/vec.h"
#include "runtime/net/sockaddr.h"
#include "runtime/net/socket_options.h"

#define FIRST_DESCRIPTOR 3

struct entry {
    struct endpoint endpoint;
    struct inherited_socket is;
};

static struct {
    VEC(struct entry) socket;
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

static bool add(struct inherited_socket s)
{
    struct entry e = {.is = s};
    if (!set_up(s.fd) || !endpoint_of(s.fd, &e.endpoint))
        return false;
    VEC_ADD(&inherited.socket, e);
    return true;
}

int inherited_adopt(const char *pid, const char *count)
{
    uint64_t for_pid, n;
    if (!pid || !count || !number_parse(slice_of(pid), INT32_MAX, &for_pid) ||
        for_pid != (uint64_t)getpid())
        return 0;
    if (!number_parse(slice_of(count), INHERITED_MAX, &n))
        return -EINVAL;
    for (uint32_t i = 0; i < n; i++)
        if (!add((struct inherited_socket){.fd = FIRST_DESCRIPTOR + (int)i}))
            return -EINVAL;
    return (int)n;
}

bool inherited_add(int fd, bool own)
{
    const bool good = add((struct inherited_socket){
        .fd = fd, .own = own, .group = own && option_is(fd, SO_REUSEPORT, 1)});
    if (!good)
        close(fd);
    return good;
}

uint32_t inherited_count(const struct endpoint *e)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < inherited.socket.n; i++)
        n += endpoint_eq(&inherited.socket.at[i].endpoint, e);
    return n;
}

bool inherited_take(const struct endpoint *e, struct inherited_socket *out)
{
    uint32_t i = 0;
    while (i < inherited.socket.n && !endpoint_eq(&inherited.socket.at[i].endpoint, e))
        i++;
    if (i == inherited.socket.n)
        return false;
    *out = inherited.socket.at[i].is;
    inherited.socket.n--;
    memmove(&inherited.socket.at[i], &inherited.socket.at[i + 1],
            (inherited.socket.n - i) * sizeof(inherited.socket.at[0]));
    return true;
}

const struct endpoint *inherited_left(uint32_t i)
{
    return i < inherited.socket.n ? &inherited.socket.at[i].endpoint : NULL;
}

const struct inherited_socket *inherited_left_socket(uint32_t i)
{
    return i < inherited.socket.n ? &inherited.socket.at[i].is : NULL;
}

void inherited_close_own(void)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < inherited.socket.n; i++) {
        const struct entry e = inherited.socket.at[i];
        if (e.is.own)
            close(e.is.fd);
        else
            inherited.socket.at[kept++] = e;
    }
    inherited.socket.n = kept;
}

void inherited_close(void)
{
    while (inherited.socket.n > 0)
        close(inherited.socket.at[--inherited.socket.n].is.fd);
    VEC_DONE(&inherited.socket);
}

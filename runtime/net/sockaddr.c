#include "runtime/net/sockaddr.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/un.h>

struct sockaddr_of sockaddr_from(const struct endpoint *e)
{
    struct sockaddr_of s = {0};
    if (e->path[0]) {
        struct sockaddr_un *un = (struct sockaddr_un *)&s.addr;
        un->sun_family = AF_UNIX;
        _Static_assert(sizeof(un->sun_path) == sizeof(e->path), "the kernel's limit for paths");
        memcpy(un->sun_path, e->path, sizeof(e->path));
        s.len = sizeof(*un);
    } else if (address_is_v4(&e->address)) {
        struct sockaddr_in *in = (struct sockaddr_in *)&s.addr;
        in->sin_family = AF_INET;
        in->sin_port = htons(e->port);
        memcpy(&in->sin_addr, e->address.byte + 12, 4);
        s.len = sizeof(*in);
    } else {
        struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&s.addr;
        in6->sin6_family = AF_INET6;
        in6->sin6_port = htons(e->port);
        memcpy(&in6->sin6_addr, e->address.byte, 16);
        s.len = sizeof(*in6);
    }
    return s;
}

struct endpoint sockaddr_endpoint(const struct sockaddr *addr)
{
    struct endpoint e = {0};
    if (addr->sa_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)addr;
        e.address.byte[10] = e.address.byte[11] = 0xff;
        memcpy(e.address.byte + 12, &in->sin_addr, 4);
        e.port = ntohs(in->sin_port);
    } else if (addr->sa_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)(const void *)addr;
        memcpy(e.address.byte, &in6->sin6_addr, 16);
        e.port = ntohs(in6->sin6_port);
    }
    return e;
}

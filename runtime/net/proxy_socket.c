#include "runtime/net/proxy_socket.h"

#include <errno.h>
#include <sys/socket.h>

/* Takes n bytes that have been looked at, to where they were. */
static int consume(int fd, char *at, size_t n)
{
    const ssize_t got = recv(fd, at, n, 0);
    return got == (ssize_t)n ? 0 : got == -1 ? -errno : -ECONNRESET;
}

int proxy_socket_read(int fd, struct buffer *in, struct proxy_header *out)
{
    for (;;) {
        char *at = in->at + in->end;
        const size_t room = PROXY_HEADER_BYTES_MAX - in->end;
        const ssize_t n = recv(fd, at, room, MSG_PEEK);
        if (n == -1 && errno == EINTR)
            continue;
        if (n <= 0)
            return n == 0 ? -ECONNRESET : -errno;
        const int used = proxy_header_read((struct slice){in->at, in->end + (size_t)n}, out);
        if (used < 0)
            return -EPROTO;
        /* As long as it is not complete, all there is belongs to it. */
        const size_t ours = used > 0 ? (size_t)used - in->end : (size_t)n;
        const int rc = consume(fd, at, ours);
        if (rc != 0 || used > 0)
            return rc;
        in->end += (uint32_t)ours;
        ASSERT(in->end < PROXY_HEADER_BYTES_MAX);
    }
}

int proxy_socket_write(int fd, enum proxy_version version, const struct endpoint *src,
                       const struct endpoint *dst)
{
    char header[PROXY_WRITTEN_BYTES_MAX];
    const size_t len = proxy_header_write(version, src, dst, header);
    const ssize_t n = send(fd, header, len, MSG_NOSIGNAL);
    /* A new connection has room for so little; where it has not, something is wrong with it. */
    return n == (ssize_t)len ? 0 : n == -1 ? -errno : -EPIPE;
}

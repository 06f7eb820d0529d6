#include "runtime/net/unix_path.h"

#include <errno.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* 0 when somebody listens there, else a negative errno. */
static int try_to_connect(const struct sockaddr_of *to)
{
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd == -1)
        return -errno;
    const int rc = connect(fd, (const struct sockaddr *)&to->addr, to->len);
    const int error = errno;
    close(fd);
    return rc == 0 || error == EAGAIN ? 0 : -error; /* EAGAIN: more wait there than it takes */
}

int unix_path_clear(const struct sockaddr_of *to)
{
    const char *path = ((const struct sockaddr_un *)(const void *)&to->addr)->sun_path;
    struct stat st;
    if (lstat(path, &st) == -1)
        return errno == ENOENT ? 0 : -errno;
    if (!S_ISSOCK(st.st_mode))
        return -EADDRINUSE; /* connecting to a plain file is "refused" too: never remove one */

    const int rc = try_to_connect(to);
    if (rc == 0)
        return -EADDRINUSE;
    if (rc != -ECONNREFUSED)
        return rc == -ENOENT ? 0 : rc;
    return unlink(path) == -1 && errno != ENOENT ? -errno : 0;
}

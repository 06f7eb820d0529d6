#include "runtime/net/listener.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "runtime/net/inherited.h"
#include "runtime/net/sockaddr.h"
#include "runtime/net/socket_options.h"
#include "runtime/net/unix_path.h"

static int turn_on(int fd, int level, int option)
{
    const int on = 1;
    return setsockopt(fd, level, option, &on, sizeof(on));
}

static int set_options(int fd, const struct sockaddr_of *to)
{
    if (to->addr.ss_family == AF_UNIX)
        return unix_path_clear(to);
    if (turn_on(fd, SOL_SOCKET, SO_REUSEADDR) == -1 || turn_on(fd, SOL_SOCKET, SO_REUSEPORT) == -1)
        return -errno;
    /* 0.0.0.0 and [::] are two endpoints: neither takes the other's port away. */
    if (to->addr.ss_family == AF_INET6 && turn_on(fd, IPPROTO_IPV6, IPV6_V6ONLY) == -1)
        return -errno;
    return socket_options_set(fd);
}

/* How long the kernel waits for the first byte: then the connection is given up, or taken. */
#define DEFER_S 10

/* Best effort: without it all goes on as it would. */
static void defer(int fd, bool deferred)
{
    const int seconds = deferred ? DEFER_S : 0;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, &seconds, sizeof(seconds));
}

static const char *path_of(const struct sockaddr_of *to)
{
    return ((const struct sockaddr_un *)(const void *)&to->addr)->sun_path;
}

static int open_one(const struct sockaddr_of *to, const struct listener_options *o, int *out)
{
    const int fd = socket(to->addr.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd == -1)
        return -errno;
    int rc = set_options(fd, to);
    /* What the umask forbids goes before there is a file, so that nobody is too early; what it
     * forbids too much is allowed afterwards. */
    const bool has_mode = to->addr.ss_family == AF_UNIX && o->mode != LISTENER_NO_MODE;
    if (rc == 0 && has_mode && fchmod(fd, o->mode) == -1)
        rc = -errno;
    if (rc == 0 && bind(fd, (const struct sockaddr *)&to->addr, to->len) == -1)
        rc = -errno;
    if (rc == 0 && has_mode && chmod(path_of(to), o->mode) == -1)
        rc = -errno;
    if (rc == 0 && to->addr.ss_family != AF_UNIX)
        defer(fd, o->deferred);
    if (rc == 0 && listen(fd, (int)o->backlog) == -1)
        rc = -errno;
    if (rc == 0)
        *out = fd;
    else
        close(fd);
    return rc;
}

/* SO_REUSEPORT would let us share a port with a process that asked for it too, an older lbc say;
 * traffic would then go to either. A plain bind finds out. */
static int probe_exclusive(const struct sockaddr_of *to)
{
    if (to->addr.ss_family == AF_UNIX)
        return 0;
    const int fd = socket(to->addr.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd == -1)
        return -errno;
    int rc = turn_on(fd, SOL_SOCKET, SO_REUSEADDR) == -1 ? -errno : 0;
    if (rc == 0 && to->addr.ss_family == AF_INET6 && turn_on(fd, IPPROTO_IPV6, IPV6_V6ONLY) == -1)
        rc = -errno;
    if (rc == 0 && bind(fd, (const struct sockaddr *)&to->addr, to->len) == -1)
        rc = -errno;
    close(fd);
    return rc;
}

static void remember_path(struct listener *l)
{
    struct stat st;
    if (!l->endpoint.path[0] || stat(l->endpoint.path, &st) != 0)
        return;
    l->device = st.st_dev;
    l->inode = st.st_ino;
}

static struct listener *listener_new(const struct endpoint *e, uint32_t sockets_max,
                                     uint32_t n_workers)
{
    struct listener *l = must_calloc(1, sizeof(*l) + sockets_max * sizeof(l->socket[0]));
    l->endpoint = *e;
    l->n_workers = n_workers;
    atomic_init(&l->pins, 1);
    return l;
}

static void add_socket(struct listener *l, int fd)
{
    l->socket[l->n_sockets++].fd = fd;
}

/* Once all are there. */
static void share_out(struct listener *l)
{
    for (uint32_t w = 0; w < l->n_workers; w++)
        for (uint32_t i = listener_first(l, w); i < l->n_sockets; i += l->n_workers)
            atomic_fetch_add_explicit(&l->socket[i].workers, 1, memory_order_relaxed);
}

/* What others opened. Of an lbc before us all sockets must be taken, for what waits in the queue of
 * one that is closed is lost; when it had fewer workers, the others are opened beside them, if they
 * can be. */
static struct listener *take_handed(const struct endpoint *e, const struct listener_options *o,
                                    uint32_t n_workers)
{
    const uint32_t n = inherited_count(e);
    struct listener *l = n > 0 ? listener_new(e, n > n_workers ? n : n_workers, n_workers) : NULL;
    if (!l)
        return NULL;
    struct inherited_socket s;
    bool group = false;
    while (inherited_take(e, &s)) {
        add_socket(l, s.fd);
        group = s.group;
        l->lent = !s.own;
        l->path_to_be_ours = s.own && e->path[0];
    }
    const struct sockaddr_of to = sockaddr_from(e);
    int fd = -1;
    while (group && l->n_sockets < n_workers && open_one(&to, o, &fd) == 0)
        add_socket(l, fd);
    share_out(l);
    if (!l->lent)
        listener_adjust(l, o);
    return l;
}

int listener_open(const struct endpoint *e, const struct listener_options *o, uint32_t n_workers,
                  struct listener **out)
{
    static const struct listener_options DEFAULT = {.backlog = LISTENER_BACKLOG,
                                                    .mode = LISTENER_NO_MODE};
    ASSERT(n_workers >= 1);
    o = o ? o : &DEFAULT;
    struct listener *l = take_handed(e, o, n_workers);
    if (l) {
        *out = l;
        return 0;
    }
    const struct sockaddr_of to = sockaddr_from(e);
    int rc = probe_exclusive(&to);
    if (rc != 0)
        return rc;

    const uint32_t n = e->path[0] ? 1 : n_workers;
    l = listener_new(e, n, n_workers);
    while (l->n_sockets < n) {
        int fd = -1;
        rc = open_one(&to, o, &fd);
        if (rc != 0) {
            listener_unpin(l);
            return rc;
        }
        add_socket(l, fd);
    }
    share_out(l);
    remember_path(l);
    *out = l;
    return 0;
}

void listener_adjust(struct listener *l, const struct listener_options *o)
{
    /* Best effort: the sockets are good as they are, and a reload must not fail over this. */
    for (uint32_t i = 0; i < l->n_sockets; i++)
        (void)listen(l->socket[i].fd, (int)o->backlog);
    for (uint32_t i = 0; i < l->n_sockets && !l->endpoint.path[0]; i++)
        defer(l->socket[i].fd, o->deferred);
    if ((l->inode != 0 || l->path_to_be_ours) && o->mode != LISTENER_NO_MODE)
        (void)chmod(l->endpoint.path, o->mode);
}

/* A path can be bound when its folder can be written, and it is not something else's name. */
static int probe_path(const char *path)
{
    struct stat st;
    if (lstat(path, &st) == 0)
        return !S_ISSOCK(st.st_mode) ? -EADDRINUSE : access(path, W_OK) == 0 ? 0 : -errno;
    char folder[sizeof(((struct endpoint *)0)->path)];
    snprintf(folder, sizeof(folder), "%s", path);
    char *slash = strrchr(folder, '/');
    if (slash)
        slash[slash == folder] = '\0';
    return access(slash ? folder : ".", W_OK | X_OK) == 0 ? 0 : -errno;
}

int listener_probe(const struct endpoint *e)
{
    if (e->path[0])
        return probe_path(e->path);
    const struct sockaddr_of to = sockaddr_from(e);
    const int fd = socket(to.addr.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd == -1)
        return -errno;
    int rc = set_options(fd, &to);
    if (rc == 0 && bind(fd, (const struct sockaddr *)&to.addr, to.len) == -1)
        rc = -errno;
    close(fd);
    return rc;
}

struct listener *listener_pin(struct listener *l)
{
    atomic_fetch_add_explicit(&l->pins, 1, memory_order_relaxed);
    return l;
}

static void close_socket(struct listener *l, uint32_t i)
{
    if (l->socket[i].fd == -1)
        return;
    struct stat st;
    if (l->endpoint.path[0] && stat(l->endpoint.path, &st) == 0 && st.st_dev == l->device &&
        st.st_ino == l->inode)
        unlink(l->endpoint.path);
    close(l->socket[i].fd);
    l->socket[i].fd = -1;
}

void listener_leave(struct listener *l, uint32_t socket)
{
    /* Acquire and release: whoever closes a shared socket does so after the others' last use. */
    const unsigned left =
        atomic_fetch_sub_explicit(&l->socket[socket].workers, 1, memory_order_acq_rel);
    ASSERT(left > 0);
    if (left == 1)
        close_socket(l, socket);
}

void listener_let_path(struct listener *l)
{
    l->inode = 0;
}

void listener_take_path(struct listener *l)
{
    if (l->path_to_be_ours)
        remember_path(l);
    l->path_to_be_ours = false;
}

void listener_unpin(struct listener *l)
{
    if (!l || atomic_fetch_sub_explicit(&l->pins, 1, memory_order_acq_rel) != 1)
        return;
    for (uint32_t i = 0; i < l->n_sockets; i++)
        close_socket(l, i);
    free(l);
}

int listener_accept(const struct listener *l, uint32_t socket, struct endpoint *client)
{
    const int from = l->socket[socket].fd;
    struct sockaddr_storage addr;
    socklen_t len = sizeof(addr);
    const int fd = accept4(from, (struct sockaddr *)&addr, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd == -1)
        return -errno;
    *client = sockaddr_endpoint((struct sockaddr *)&addr);
    return fd;
}

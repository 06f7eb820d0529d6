#include "stats/socket/socket.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "runtime/base/clock.h"
#include "runtime/net/unix_path.h"
#include "stats/socket/client.h"

#define CLIENTS_MAX 32u
#define BACKLOG     64
#define REST_NS     NS_PER_S /* when no descriptor is to be had: accepting again at once would spin */

struct stats_socket {
    uint32_t magic;
#define STATS_SOCKET_MAGIC 0x57a75c4eu
    struct list link; /* in all->socket */
    struct stats_sockets *all;
    struct stats_at is;
    struct watch watch;
    struct timer rest;
    int fd; /* owned; -1 while there is none */
    struct sockaddr_of at;
    dev_t device; /* of the path as we made it: only that one is removed */
    ino_t inode;
    struct list client;
    uint32_t n_clients;
};

static const char *path_of(const struct stats_socket *s)
{
    return ((const struct sockaddr_un *)(const void *)&s->at.addr)->sun_path;
}

static void client_gone(void *of, struct client *c)
{
    struct stats_socket *s = of;
    (void)c;
    s->n_clients--;
}

/* Says why, takes what it may have sent already, and closes; none of it waits. */
static void turn_away(int fd)
{
    static const char says[] = "refused: too many connections to this socket\n";
    char unread[256];
    /* Who does not listen need not be told. */
    (void)!send(fd, says, sizeof(says) - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
    (void)!recv(fd, unread, sizeof(unread), MSG_DONTWAIT);
    close(fd);
}

static bool out_of_something(int error)
{
    return error == EMFILE || error == ENFILE || error == ENOMEM || error == ENOBUFS;
}

static void accept_clients(void *of, unsigned ready)
{
    struct stats_socket *s = of;
    CHECK_OBJ(s, STATS_SOCKET_MAGIC);
    (void)ready;
    const int fd = accept4(s->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd == -1) {
        if (out_of_something(errno)) {
            watch_want(&s->watch, 0);
            timer_set(&s->rest, REST_NS);
        }
        return; /* whatever else it is, it is about that one connection */
    }
    if (s->n_clients == CLIENTS_MAX) {
        turn_away(fd);
        return;
    }
    struct client *c = client_new(fd, &s->is, s->all, client_gone, s);
    list_add_last(&s->client, &c->link);
    s->n_clients++;
}

static void rested(void *of)
{
    struct stats_socket *s = of;
    watch_want(&s->watch, WATCH_READ);
}

static void know_path(struct stats_socket *s)
{
    struct stat st;
    if (lstat(path_of(s), &st) == -1)
        return;
    s->device = st.st_dev;
    s->inode = st.st_ino;
}

/* Who may connect, where that is not as it is to be already. In between nobody may but the owner.
 * The path is in a folder of the owner's: what is at it is ours. */
static int set_rights(const struct stats_socket *s)
{
    const char *path = path_of(s);
    struct stat st;
    if (lstat(path, &st) == -1)
        return -errno;
    const bool other_group = s->is.group != STATS_NO_GROUP && st.st_gid != s->is.group;
    if (!other_group && (st.st_mode & 07777) == s->is.mode)
        return 0;
    if (fchmodat(AT_FDCWD, path, 0600, AT_SYMLINK_NOFOLLOW) == -1)
        return -errno;
    if (other_group && lchown(path, (uid_t)-1, s->is.group) == -1)
        return -errno;
    return fchmodat(AT_FDCWD, path, s->is.mode, AT_SYMLINK_NOFOLLOW) == -1 ? -errno : 0;
}

static bool has_rights(const struct stats_socket *s)
{
    struct stat st;
    return lstat(path_of(s), &st) == 0 && (st.st_mode & 07777) == s->is.mode &&
           (s->is.group == STATS_NO_GROUP || st.st_gid == s->is.group);
}

/* A mode is set before there is a path: nobody else can connect in between. */
static int bind_privately(struct stats_socket *s)
{
    if (fchmod(s->fd, 0600) == -1 ||
        bind(s->fd, (const struct sockaddr *)&s->at.addr, s->at.len) == -1)
        return -errno;
    know_path(s);
    const int rc = set_rights(s);
    if (rc != 0)
        return rc;
    return listen(s->fd, BACKLOG) == -1 ? -errno : 0;
}

static int set_path(struct sockaddr_of *at, const char *path)
{
    struct endpoint e = {0};
    const size_t len = strlen(path);
    if (len == 0)
        return -ENOENT;
    if (len >= sizeof(e.path))
        return -ENAMETOOLONG;
    memcpy(e.path, path, len);
    *at = sockaddr_from(&e);
    return 0;
}

static int open_there(struct stats_socket *s)
{
    int rc = set_path(&s->at, s->is.path);
    if (rc == 0)
        rc = unix_path_clear(&s->at);
    if (rc != 0)
        return rc;
    s->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (s->fd == -1)
        return -errno;
    return bind_privately(s);
}

static struct stats_socket *socket_new(struct stats_sockets *all, const struct stats_at *at)
{
    struct stats_socket *s = MUST_NEW(struct stats_socket);
    s->magic = STATS_SOCKET_MAGIC;
    s->all = all;
    s->is = *at;
    s->fd = -1;
    list_add_last(&all->socket, &s->link);
    list_init(&s->client);
    timer_init(&s->rest, all->loop, rested, s);
    return s;
}

int stats_socket_open(struct stats_sockets *all, const struct stats_at *at,
                      struct stats_socket **out)
{
    struct stats_socket *s = socket_new(all, at);
    const int rc = open_there(s);
    if (rc != 0) {
        stats_socket_close(s);
        return rc;
    }
    watch_init(&s->watch, all->loop, s->fd, accept_clients, s);
    watch_want(&s->watch, WATCH_READ);
    *out = s;
    return 0;
}

bool stats_socket_is_at(int fd, const char *path)
{
    struct sockaddr_un un = {0};
    socklen_t len = sizeof(un) - 1;
    struct stat st;
    return lstat(path, &st) == 0 && S_ISSOCK(st.st_mode) &&
           getsockname(fd, (struct sockaddr *)&un, &len) == 0 && un.sun_family == AF_UNIX &&
           strcmp(un.sun_path, path) == 0;
}

int stats_socket_adopt(int fd, struct stats_sockets *all, const struct stats_at *at,
                       struct stats_socket **out)
{
    struct stats_socket *s = socket_new(all, at);
    s->fd = fd;
    const int rc = set_path(&s->at, at->path);
    if (rc != 0 || !stats_socket_is_at(fd, at->path)) {
        stats_socket_close(s);
        return rc != 0 ? rc : -EADDRNOTAVAIL;
    }
    watch_init(&s->watch, all->loop, s->fd, accept_clients, s);
    *out = s;
    return 0;
}

/* Those who came while others might, and whom nobody has taken in yet. */
static void turn_queue_away(const struct stats_socket *s)
{
    int fd;
    for (unsigned i = 0; i <= BACKLOG && (fd = accept4(s->fd, NULL, NULL, SOCK_CLOEXEC)) != -1; i++)
        close(fd);
}

int stats_socket_take_over(struct stats_socket *s)
{
    CHECK_OBJ(s, STATS_SOCKET_MAGIC);
    know_path(s);
    const bool others = !has_rights(s);
    const int rc = set_rights(s);
    if (others)
        turn_queue_away(s);
    watch_want(&s->watch, WATCH_READ);
    return rc;
}

void stats_sockets_each(const struct stats_sockets *all,
                        void (*each)(void *to, const struct stats_at *at, uint32_t clients),
                        void *to)
{
    LIST_EACH (s, &all->socket, struct stats_socket, link)
        each(to, &s->is, s->n_clients);
}

int stats_socket_fd(const struct stats_socket *s)
{
    return s ? s->fd : -1;
}

void stats_socket_let_go(struct stats_socket *s)
{
    if (!s)
        return;
    CHECK_OBJ(s, STATS_SOCKET_MAGIC);
    timer_stop(&s->rest);
    watch_done(&s->watch);
    close(s->fd);
    s->fd = -1;
    s->inode = 0;
}

bool stats_socket_has_clients(const struct stats_socket *s)
{
    return s && s->n_clients > 0;
}

static void remove_path(const struct stats_socket *s)
{
    struct stat st;
    if (s->inode != 0 && lstat(path_of(s), &st) == 0 && st.st_dev == s->device &&
        st.st_ino == s->inode)
        unlink(path_of(s));
}

void stats_socket_close(struct stats_socket *s)
{
    if (!s)
        return;
    CHECK_OBJ(s, STATS_SOCKET_MAGIC);
    LIST_EACH (c, &s->client, struct client, link)
        client_free(c);
    timer_stop(&s->rest);
    watch_done(&s->watch);
    list_remove(&s->link);
    remove_path(s);
    if (s->fd != -1)
        close(s->fd);
    s->magic = 0;
    free(s);
}

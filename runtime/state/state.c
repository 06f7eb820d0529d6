#include "runtime/state/state.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/base/write_all.h"

#define NAME_MAX_BYTES 256u

struct state {
    const char *path; /* borrowed */
    int fd, lock;
};

static int make_folder(int at, const char *path)
{
    return mkdirat(at, path, 0700) == 0 || errno == EEXIST ? 0 : -errno;
}

/* Is it this folder's? */
static bool is_lock_of(int fd, const struct state *s)
{
    struct stat a, b;
    return fd >= 0 && fstat(fd, &a) == 0 && fstatat(s->fd, "lock", &b, 0) == 0 &&
           a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

/* A disk that got errors may be read-only by now: what is there can be read all the same. */
static int open_lock(const struct state *s)
{
    const int fd = openat(s->fd, "lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    return fd < 0 && errno == EROFS ? openat(s->fd, "lock", O_RDONLY | O_CLOEXEC) : fd;
}

/* A lock is of what was opened, however many processes have it: one that was handed over is held
 * already. */
static int lock(struct state *s, int handed)
{
    if (is_lock_of(handed, s)) {
        s->lock = handed;
    } else {
        if (handed >= 0)
            close(handed);
        s->lock = open_lock(s);
    }
    if (s->lock < 0)
        return -errno;
    return flock(s->lock, LOCK_EX | LOCK_NB) == 0 ? 0 : -errno;
}

int state_open(const char *path, int handed, struct state **out)
{
    int error = make_folder(AT_FDCWD, path);
    if (error)
        return error;
    struct state *s = MUST_NEW(struct state);
    s->path = path;
    s->lock = -1;
    s->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    error = s->fd < 0 ? -errno : lock(s, handed);
    if (error)
        state_close(s);
    else
        *out = s;
    return error;
}

void state_close(struct state *s)
{
    if (!s)
        return;
    if (s->lock >= 0)
        close(s->lock);
    if (s->fd >= 0)
        close(s->fd);
    free(s);
}

int state_lock(const struct state *s)
{
    return s->lock;
}

const char *state_path(const struct state *s)
{
    return s->path;
}

static int read_all(int fd, size_t most, struct text *out)
{
    char some[16384];
    ssize_t n;
    while ((n = read(fd, some, sizeof(some))) != 0) {
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        if (out->len + (size_t)n > most)
            return -EFBIG;
        text_add(out, (struct slice){some, (size_t)n});
    }
    return 0;
}

int state_read(const struct state *s, const char *name, size_t most, struct text *out)
{
    const int fd = openat(s->fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return -errno;
    const int error = read_all(fd, most, out);
    close(fd);
    return error;
}

static void beside(const char *name, char out[NAME_MAX_BYTES])
{
    const int n = snprintf(out, NAME_MAX_BYTES, "%s.new", name);
    ASSERT(n > 0 && (unsigned)n < NAME_MAX_BYTES);
}

int state_write(const struct state *s, const char *name, struct slice text)
{
    char new[NAME_MAX_BYTES];
    beside(name, new);
    const int fd = openat(s->fd, new, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return -errno;
    int error = write_all(fd, text);
    if (!error && fsync(fd) != 0)
        error = -errno;
    if (close(fd) != 0 && !error)
        error = -errno;
    if (error)
        state_remove(s, new);
    return error;
}

/* Which name means which file is on the disk when its folder is. */
static int sync_folder_of(const struct state *s, const char *name)
{
    char folder[NAME_MAX_BYTES] = ".";
    const char *slash = strrchr(name, '/');
    if (slash)
        snprintf(folder, sizeof(folder), "%.*s", (int)(slash - name), name);
    const int fd = openat(s->fd, folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    const int error = fsync(fd) == 0 ? 0 : -errno;
    close(fd);
    return error;
}

int state_take(const struct state *s, const char *name, const char *to)
{
    char new[NAME_MAX_BYTES];
    beside(name, new);
    return renameat(s->fd, new, s->fd, to) == 0 ? sync_folder_of(s, to) : -errno;
}

void state_remove(const struct state *s, const char *name)
{
    (void)unlinkat(s->fd, name, 0); /* what can't be removed is there next time */
}

int state_make_folder(const struct state *s, const char *name)
{
    return make_folder(s->fd, name);
}

int state_list(const struct state *s, const char *folder, void (*each)(void *to, const char *name),
               void *to)
{
    const int fd = openat(s->fd, folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    if (!d) {
        const int error = -errno;
        if (fd >= 0)
            close(fd);
        return error;
    }
    for (const struct dirent *e; (e = readdir(d));)
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            each(to, e->d_name);
    closedir(d);
    return 0;
}

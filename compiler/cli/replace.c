#include "compiler/cli/replace.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/base/text.h"
#include "runtime/base/write_all.h"

/* The new file gets what the old one has: its mode, and its owner where we may give it away. */
static int take_after(int fd, const struct stat *old)
{
    if (fchown(fd, old->st_uid, old->st_gid) != 0 && errno != EPERM)
        return -errno;
    return fchmod(fd, old->st_mode & 07777) == 0 ? 0 : -errno;
}

static int fill(int fd, const struct stat *old, struct slice text)
{
    int error = take_after(fd, old);
    if (!error)
        error = write_all(fd, text);
    if (!error && fsync(fd) != 0)
        error = -errno;
    return error;
}

/* So that the new name is on the disk too. A file system that can't do that is not our concern. */
static void sync_folder(char *path)
{
    const int fd = open(dirname(path), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return;
    (void)fsync(fd);
    close(fd);
}

static int replace_real(char *path, struct slice text)
{
    struct stat old;
    if (stat(path, &old) != 0)
        return -errno;
    if (!S_ISREG(old.st_mode))
        return -EINVAL;
    struct text beside = {0};
    text_addf(&beside, "%s.XXXXXX", path);
    const int fd = mkostemp(beside.at, O_CLOEXEC);
    int error = fd < 0 ? -errno : fill(fd, &old, text);
    if (fd >= 0 && close(fd) != 0 && !error)
        error = -errno;
    if (!error && rename(beside.at, path) != 0)
        error = -errno;
    if (error && fd >= 0)
        (void)unlink(beside.at);
    text_done(&beside);
    if (!error)
        sync_folder(path);
    return error;
}

int replace_file(const char *path, struct slice text)
{
    char *real = realpath(path, NULL);
    if (!real)
        return -errno;
    const int error = replace_real(real, text);
    free(real);
    return error;
}

#include "runtime/event/descriptors.h"

#include <dirent.h>
#include <errno.h>
#include <sys/stat.h>

static const char FOLDER[] = "/proc/self/fd";

int64_t descriptors_open(bool list)
{
    struct stat s;
    if (stat(FOLDER, &s) != 0)
        return -errno;
    if (s.st_size > 0)
        return s.st_size;
    if (!list)
        return -EAGAIN;
    DIR *d = opendir(FOLDER);
    if (!d)
        return -errno;
    int64_t n = -3; /* itself and its parent by name, and the one that reads them */
    while (readdir(d))
        n++;
    closedir(d);
    return n;
}

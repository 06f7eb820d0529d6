#include "runtime/base/socket_path.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

const char *default_socket_path(void)
{
    static char path[PATH_MAX];

    const char *named = getenv("LBC_SOCKET");
    if (named && named[0])
        return named;
    if (access("/run", W_OK) == 0)
        return "/run/lbc.sock";
    const char *runtime_dir = getenv("XDG_RUNTIME_DIR");
    if (runtime_dir && runtime_dir[0] == '/')
        snprintf(path, sizeof(path), "%s/lbc.sock", runtime_dir);
    else
        snprintf(path, sizeof(path), "/tmp/lbc-%u.sock", (unsigned)getuid());
    return path;
}

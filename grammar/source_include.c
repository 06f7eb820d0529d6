/* Files that a file names. */
#include <errno.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>

#include "grammar/source.h"
#include "runtime/base/text.h"

char *sources_path(const struct sources *s, int from, struct slice pattern)
{
    const struct slice name = sources_name(s, from);
    const char *slash = name.len > 0 ? memrchr(name.at, '/', name.len) : NULL;
    size_t folder = slash ? (size_t)(slash + 1 - name.at) : 0;
    if (pattern.len > 0 && pattern.at[0] == '/')
        folder = 0;
    char *path = MUST_ARRAY(char, folder + pattern.len + 1);
    if (folder > 0)
        memcpy(path, name.at, folder);
    if (pattern.len > 0)
        memcpy(path + folder, pattern.at, pattern.len);
    return path;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static int load_matching(struct sources *s, const char *path, uint32_t *n)
{
    glob_t found;
    const int rc = glob(path, GLOB_NOSORT, NULL, &found);
    if (rc == GLOB_NOMATCH)
        return 0;
    if (rc != 0)
        return rc == GLOB_NOSPACE ? -ENOMEM : -EIO;
    qsort(found.gl_pathv, found.gl_pathc, sizeof(*found.gl_pathv), by_name);
    int first = 0, index = 0;
    for (size_t i = 0; i < found.gl_pathc && index >= 0; i++) {
        const int at = sources_load(s, found.gl_pathv[i]);
        if (at == -EPERM && !sources_may_read(s))
            continue; /* it came later, and is not noticed */
        index = at;
        first = *n == 0 ? index : first;
        *n += index >= 0;
    }
    globfree(&found);
    return index < 0 ? index : first;
}

int sources_include(struct sources *s, int from, struct slice pattern, uint32_t *n)
{
    *n = 0;
    if (pattern.len == 0 || memchr(pattern.at, '\0', pattern.len))
        return -ENOENT;
    char *path = sources_path(s, from, pattern);
    int first;
    if (strpbrk(path, "*?[")) {
        first = sources_may_look_for(s, path) ? load_matching(s, path, n) : -EPERM;
    } else {
        first = sources_load(s, path);
        *n = first >= 0;
    }
    free(path);
    return first;
}

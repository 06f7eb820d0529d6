#include "runtime/daemon/written.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "compiler/cli/replace.h"
#include "grammar/source.h"
#include "runtime/log/log.h"

static bool is_as(const char *path, struct slice text)
{
    struct sources *sources = sources_new();
    const int index = sources_load(sources, path);
    uint32_t first;
    const bool same = index >= 0 && slice_eq(sources_text(sources, index, &first), text);
    sources_free(sources);
    return same;
}

bool written_is_as(const char *path, struct slice loaded, struct text *said)
{
    const bool same = is_as(path, loaded);
    if (!same)
        text_addf(said,
                  "%s is not as it was loaded any more: reload it first, or undo what was "
                  "changed in it\n",
                  path);
    return same;
}

bool written_is_missing(const char *path, struct text *said)
{
    const bool missing = access(path, F_OK) != 0 && errno == ENOENT;
    if (!missing)
        text_addf(said, "%s is there and is not what is served: move it away first\n", path);
    return missing;
}

static bool tell(int error, const char *path, struct text *said)
{
    if (error)
        text_addf(said, "cannot write %s: %s\n", path, strerror(-error));
    return error == 0;
}

bool written_over(struct written *w, const char *path, struct slice before, struct slice after,
                  struct text *said)
{
    const int error = replace_file(path, after);
    if (!error) {
        copies_put(&w->before, slice_of(path), before);
        copies_put(&w->after, slice_of(path), after);
    }
    return tell(error, path, said);
}

bool written_anew(struct written *w, const char *path, struct slice text, struct text *said)
{
    const int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    int error = fd < 0 ? -errno : 0;
    if (!error) {
        close(fd);
        copies_put(&w->made, slice_of(path), SLICE(""));
        error = replace_file(path, text);
    }
    if (!error)
        copies_put(&w->after, slice_of(path), text);
    return tell(error, path, said);
}

/* Nobody has written to it since; not even we, when that failed. */
static bool is_ours(const struct written *w, const char *path)
{
    struct slice after = SLICE("");
    (void)copies_text(&w->after, slice_of(path), &after);
    return is_as(path, after);
}

static void put_back(const struct written *w, const struct copy *file)
{
    const bool ours = is_ours(w, file->path);
    const int error = ours ? replace_file(file->path, text_slice(&file->text)) : 0;
    if (!ours)
        log_line(LOG_ERROR,
                 "%s was written to while a change in it was tried, and is left as it is",
                 file->path);
    if (error)
        log_line(LOG_ERROR, "%s has a change that is not served, and cannot be written: %s",
                 file->path, strerror(-error));
}

void written_back(struct written *w)
{
    for (uint32_t i = 0; i < w->before.list.n; i++)
        put_back(w, &w->before.list.at[i]);
    for (uint32_t i = 0; i < w->made.list.n; i++)
        if (is_ours(w, w->made.list.at[i].path))
            (void)unlink(w->made.list.at[i].path); /* it would be in nobody's way */
    written_done(w);
}

void written_done(struct written *w)
{
    copies_done(&w->before);
    copies_done(&w->made);
    copies_done(&w->after);
}

#include "runtime/daemon/revisions.h"

#include <string.h>

#include "compiler/tools/linediff.h"

static void each_revision(const void *of, void (*each)(void *to, const struct control_revision *r),
                          void *to)
{
    const struct history *h = of;
    for (uint32_t i = history_count(h); i-- > 0;) {
        const struct revision *r = history_at(h, i);
        const struct control_revision view = {.number = r->number,
                                              .who = text_slice(&r->who),
                                              .what = text_slice(&r->what),
                                              .made_s = r->made_s,
                                              .files = r->file.n,
                                              .bytes = r->bytes,
                                              .current = i + 1 == history_count(h)};
        each(to, &view);
    }
}

static void diff_texts(const struct copies *before, const struct copies *after, struct text *out)
{
    struct slice text;
    for (uint32_t i = 0; i < after->list.n; i++) {
        const struct copy *file = &after->list.at[i];
        if (!copies_text(before, slice_of(file->path), &text))
            text = SLICE("");
        (void)linediff(file->path, text, text_slice(&file->text), out);
    }
    for (uint32_t i = 0; i < before->list.n; i++) {
        const struct copy *file = &before->list.at[i];
        if (!copies_find(after, slice_of(file->path)))
            (void)linediff(file->path, text_slice(&file->text), SLICE(""), out);
    }
}

static bool diff_revision(const void *of, uint64_t number, struct text *out, struct text *why)
{
    const struct history *h = of;
    const struct revision *r = history_find(h, number);
    if (!r) {
        text_addf(why, "there is no revision %llu; \"show history\" lists them",
                  (unsigned long long)number);
        return false;
    }
    const struct revision *earlier = history_before(h, r);
    struct copies before = {0}, after = {0};
    int error = earlier ? history_read(h, earlier, &before) : 0;
    if (!error)
        error = history_read(h, r, &after);
    if (error)
        text_addf(why, "its texts cannot be read: %s", strerror(-error));
    else
        diff_texts(&before, &after, out);
    copies_done(&before);
    copies_done(&after);
    return !error;
}

struct control_revisions revisions_of(struct history *h)
{
    return (struct control_revisions){.each = each_revision, .diff = diff_revision, .of = h};
}

#include "runtime/state/copies.h"

#include <stdlib.h>
#include <string.h>

struct copy copy_of(struct slice path, struct slice text)
{
    struct copy c = {.path = must_calloc(path.len + 1, 1)};
    if (path.len > 0)
        memcpy(c.path, path.at, path.len);
    text_add(&c.text, text);
    return c;
}

void copy_done(struct copy *c)
{
    free(c->path);
    text_done(&c->text);
    *c = (struct copy){0};
}

void copies_done(struct copies *c)
{
    for (uint32_t i = 0; i < c->list.n; i++)
        copy_done(&c->list.at[i]);
    VEC_DONE(&c->list);
}

struct copy *copies_find(const struct copies *c, struct slice path)
{
    for (uint32_t i = 0; i < c->list.n; i++)
        if (slice_eq(slice_of(c->list.at[i].path), path))
            return &c->list.at[i];
    return NULL;
}

bool copies_text(const struct copies *c, struct slice path, struct slice *text)
{
    const struct copy *known = copies_find(c, path);
    if (known)
        *text = text_slice(&known->text);
    return known != NULL;
}

void copies_put(struct copies *c, struct slice path, struct slice text)
{
    struct copy new = copy_of(path, text), *there = copies_find(c, path);
    if (there) {
        copy_done(there);
        *there = new;
    } else {
        VEC_ADD(&c->list, new);
    }
}

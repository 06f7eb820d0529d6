#include "compiler/gather.h"

#include <errno.h>
#include <string.h>

#include "grammar/convert/convert.h"
#include "grammar/diag.h"
#include "runtime/base/arena.h"

/* A file, and the one that includes it. */
struct chain {
    int index;
    struct span where; /* of the include */
    const struct chain *up;
    uint32_t depth;
};

/* The text between the quotes; a path has no escapes. */
static struct slice inside(const struct ast *string)
{
    return (struct slice){string->name.at + 1, string->name.len - 2};
}

static int read_files(struct gathered *g, int from, const struct ast *string, uint32_t *n)
{
    *n = 0;
    const int first = g->files ? g->files(g->sources, from, inside(string), n) : -ENOENT;
    if (first >= 0)
        return first;
    diag(g->diags, DIAG_UNREADABLE, string->span, SLICE_ARG(inside(string)), strerror(-first));
    return first;
}

static bool say(struct gathered *g, struct span where, const char *what)
{
    diag(g->diags, DIAG_BAD_INCLUDE, where, what);
    return false;
}

/* A path without `x/..` and `./`, in the arena: two that are the same file are spelt alike. */
static struct slice plain_path(struct gathered *g, int index)
{
    struct slice rest = sources_name(g->sources, index), part;
    char *path = ARENA_ARRAY(g->arena, char, rest.len + 2);
    size_t len = 0;
    while (slice_split(&rest, '/', &part)) {
        const bool up = slice_eq(part, SLICE(".."));
        size_t parent = len;
        while (parent > 0 && path[parent - 1] != '/')
            parent--;
        if (slice_eq(part, SLICE(".")))
            continue;
        if (up && len > 0 && !slice_ends((struct slice){path, len}, SLICE(".."))) {
            len = parent > 0 ? parent - 1 : 0;
            continue;
        }
        if (len > 0 || part.len == 0)
            path[len++] = '/';
        memcpy(path + len, part.at, part.len);
        len += part.len;
    }
    return (struct slice){path, len};
}

/* Is it the first time that the file is included? */
static bool is_new(struct gathered *g, const struct chain *c)
{
    const struct include new = {plain_path(g, c->index), c->where};
    for (const struct chain *up = c->up; up; up = up->up)
        if (slice_eq(plain_path(g, up->index), new.path))
            return say(g, c->where, "the file includes itself");
    for (uint32_t i = 0; i < g->include.n; i++) {
        if (!slice_eq(g->include.at[i].path, new.path))
            continue;
        say(g, c->where, "the file is included twice");
        diag_also(g->diags, g->include.at[i].where, "first included here");
        return false;
    }
    VEC_ADD(&g->include, new);
    if (c->depth > INCLUDE_DEPTH_MAX)
        return say(g, c->where, "files include one another more than 16 deep");
    return g->include.n <= INCLUDES_MAX || say(g, c->where, "more than 10000 files are included");
}

static void gather_file(struct gathered *g, const struct chain *c, struct ast ***last);

static void gather_include(struct gathered *g, const struct chain *c, const struct ast *a,
                           struct ast ***last)
{
    uint32_t n;
    const int first = read_files(g, c->index, a->first, &n);
    for (uint32_t i = 0; first >= 0 && i < n; i++) {
        const struct chain next = {first + (int)i, a->span, c, c->depth + 1};
        if (is_new(g, &next))
            gather_file(g, &next, last);
    }
}

static void gather_list(struct gathered *g, const struct chain *c, const struct ast *a)
{
    if (a->kind != AST_SET && a->kind != AST_MAP)
        return;
    const struct ast *from = a->first;
    while (from && from->kind != AST_FROM)
        from = from->next;
    if (!from || !slice_eq(from->name, SLICE("file")))
        return;
    uint32_t n;
    const int index = read_files(g, c->index, from->first, &n);
    if (index >= 0 && n != 1)
        diag(g->diags, DIAG_UNREADABLE, from->first->span, SLICE_ARG(inside(from->first)),
             "one file is wanted here");
    else if (index >= 0)
        VEC_ADD(&g->list, (struct sema_file){from, index});
}

/* An included file may say its version, as the first thing, and it is the only one there is. */
static bool fits_version(struct gathered *g, const struct ast *a, bool first)
{
    if (!first)
        diag(g->diags, DIAG_VERSION_TWICE, a->span);
    else if (a->first->kind != AST_LITERAL || !slice_eq(a->first->name, SLICE("1")))
        diag(g->diags, DIAG_BAD_VERSION, a->first->span);
    return false;
}

static void gather_file(struct gathered *g, const struct chain *c, struct ast ***last)
{
    const struct tree tree = convert_parse(g->sources, c->index, g->arena, g->diags);
    for (struct ast *a = tree.root->first, *next; a; a = next) {
        next = a->next;
        a->next = NULL;
        if (a->kind == AST_INCLUDE) {
            gather_include(g, c, a, last);
            continue;
        }
        if (a->kind == AST_VERSION && c->up && !fits_version(g, a, a == tree.root->first))
            continue;
        gather_list(g, c, a);
        **last = a;
        *last = &a->next;
    }
}

struct ast *gather(struct gathered *g)
{
    uint32_t first;
    const struct slice text = sources_text(g->sources, 0, &first);
    struct ast *root = ARENA_NEW(g->arena, struct ast);
    root->kind = AST_FILE;
    root->depth = 1;
    root->span = (struct span){first, first + (uint32_t)text.len};
    struct ast **last = &root->first;
    const struct chain main = {0, root->span, NULL, 0};
    gather_file(g, &main, &last);
    VEC_DONE(&g->include);
    return root;
}

/* Loading a configuration and saying what is wrong with it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "compiler/cli/cli.h"

static const char *environment(void *from, const char *name)
{
    (void)from;
    return getenv(name);
}

int load_into(const char *path, struct loaded *out)
{
    *out = (struct loaded){.sources = sources_new()};
    const int index = sources_load(out->sources, path);
    if (index < 0)
        return index;
    const struct compile_options options = {.env = environment};
    out->diags = diags_new(out->sources, 0);
    out->table = compile(out->sources, &options, &out->arena, out->diags, &out->program);
    return 0;
}

int load(const char *path, struct loaded *out)
{
    const int rc = load_into(path, out);
    if (rc < 0) {
        fprintf(stderr, "lbc: cannot read %s: %s\n", path, strerror(-rc));
        return EXIT_UNREADABLE;
    }
    return out->table ? EXIT_CLEAN : EXIT_ERRORS;
}

void loaded_done(struct loaded *l)
{
    table_free(l->table);
    diags_free(l->diags);
    sources_free(l->sources);
    arena_free(&l->arena);
}

static bool wants_color(void)
{
    const char *no = getenv("NO_COLOR");
    return isatty(STDERR_FILENO) && (!no || !no[0]);
}

void report(const struct loaded *l, enum diag_format format)
{
    if (format == DIAG_HUMAN && wants_color())
        format = DIAG_HUMAN_COLOR;
    struct text out = {0};
    diag_render(l->diags, format, &out);
    fwrite(text_slice(&out).at, 1, out.len, format == DIAG_JSON ? stdout : stderr);
    text_done(&out);
}

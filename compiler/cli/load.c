/* Loading a configuration and saying what is wrong with it. */
#include <errno.h>
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

const struct compile_options cli_compile = {.env = environment, .files = sources_include};

static int load_as(const char *path, const struct compile_options *options, struct loaded *out)
{
    *out = (struct loaded){.sources = sources_new()};
    const int index = sources_load(out->sources, path);
    if (index < 0)
        return index;
    out->diags = diags_new(out->sources, 0);
    out->table = compile(out->sources, options, &out->arena, out->diags, &out->program);
    return 0;
}

static int load_for(const char *path, bool to_run, struct loaded *out)
{
    struct compile_options options = cli_compile;
    options.to_run = to_run;
    return load_as(path, &options, out);
}

int load_into(const char *path, struct loaded *out)
{
    return load_for(path, false, out);
}

int load_to_run(const char *path, struct loaded *out)
{
    return load_for(path, true, out);
}

static int said(const char *path, int rc, bool good)
{
    if (rc < 0) {
        fprintf(stderr, "lbc: cannot read %s: %s\n", path, strerror(-rc));
        return EXIT_UNREADABLE;
    }
    return good ? EXIT_CLEAN : EXIT_ERRORS;
}

int load(const char *path, struct loaded *out)
{
    return load_counted(path, NULL, out);
}

int load_counted(const char *path, struct prove_count *count, struct loaded *out)
{
    struct compile_options options = cli_compile;
    options.count = count;
    const int rc = load_as(path, &options, out);
    return said(path, rc, out->table != NULL);
}

int load_program(const char *path, struct loaded *out)
{
    struct compile_options options = cli_compile;
    options.only_program = true;
    const int rc = load_as(path, &options, out);
    return said(path, rc, out->program != NULL);
}

void loaded_done(struct loaded *l)
{
    table_free(l->table);
    diags_free(l->diags);
    sources_free(l->sources);
    arena_free(&l->arena);
}

bool cli_color(FILE *f)
{
    const char *no = getenv("NO_COLOR");
    return isatty(fileno(f)) && (!no || !no[0]);
}

/* Why an earlier write failed: the stream itself only knows that one did. */
static int write_error;

void cli_print(struct text *out)
{
    errno = 0;
    if (fwrite(text_slice(out).at, 1, out->len, stdout) < out->len)
        write_error = errno;
    text_done(out);
}

int cli_close(int code)
{
    errno = 0;
    const bool failed = fflush(stdout) != 0;
    if (!failed && !ferror(stdout))
        return code;
    fprintf(stderr, "lbc: the output cannot be written: %s\n",
            errno         ? strerror(errno)
            : write_error ? strerror(write_error)
                          : "an earlier write failed");
    return EXIT_UNREADABLE;
}

void report(const struct loaded *l, enum diag_format format)
{
    if (format == DIAG_HUMAN && cli_color(stderr))
        format = DIAG_HUMAN_COLOR;
    struct text out = {0};
    diag_render(l->diags, format, &out);
    const bool human = format == DIAG_HUMAN || format == DIAG_HUMAN_COLOR;
    (void)fwrite(text_slice(&out).at, 1, out.len, human ? stderr : stdout);
    text_done(&out);
}

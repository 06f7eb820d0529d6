/* lbc fmt - a configuration in its canonical form. */
#include <stdio.h>
#include <string.h>

#include "compiler/cli/cli.h"
#include "compiler/cli/replace.h"
#include "compiler/tools/linediff.h"
#include "grammar/convert/convert.h"
#include "grammar/format/format.h"
#include "runtime/base/text.h"

enum { OPTION_CHECK, OPTION_DIFF, OPTION_STDIN };

static const struct cli_option options[] = {
    [OPTION_CHECK] = {.name = "--check",
                      .help = "change nothing; list the files that would be changed"},
    [OPTION_DIFF] = {.name = "--diff", .help = "change nothing; print what would be changed"},
    [OPTION_STDIN] = {.name = "--stdin", .help = "read standard input, write standard output"},
    {0},
};

static const struct cli_command fmt = {
    .name = "fmt",
    .arguments = "[FILE...]",
    .what =
        "Rewrites configurations in their canonical form: blanks, line ends and indentation are\n"
        "settled, every comment stays, the meaning stays the same. A file with a mistake in its\n"
        "syntax is left as it is.",
    .option = options,
    .more = "With --check or --diff the exit code is 1 when a file is not in its canonical form.",
};

struct job {
    bool check, diff;
};

static int cannot(const char *what, const char *path, int error)
{
    fprintf(stderr, "lbc: cannot %s %s: %s\n", what, path, strerror(-error));
    return EXIT_UNREADABLE;
}

static void print(const struct text *t)
{
    fwrite(text_slice(t).at, 1, t->len, stdout);
}

/* What is to be done with a file that has a canonical form. */
static int finish(const struct job *job, const char *path, struct slice before,
                  const struct text *after)
{
    const bool standard = strcmp(path, "-") == 0;
    if (job->check || job->diff) {
        if (slice_eq(before, text_slice(after)))
            return EXIT_CLEAN;
        if (job->check)
            printf("%s\n", standard ? "<stdin>" : path);
        struct text out = {0};
        if (job->diff && linediff(standard ? "<stdin>" : path, before, text_slice(after), &out))
            print(&out);
        text_done(&out);
        return EXIT_ERRORS;
    }
    if (standard) {
        print(after);
        return EXIT_CLEAN;
    }
    if (slice_eq(before, text_slice(after)))
        return EXIT_CLEAN;
    const int error = replace_file(path, text_slice(after));
    return error ? cannot("write", path, error) : EXIT_CLEAN;
}

static int format_file(const struct job *job, const char *path)
{
    if (convert_form_of(slice_of(path)) != CONVERT_LBCONF)
        return cli_usage(&fmt, "YAML and JSON have formatters of their own");
    struct loaded l = {.sources = sources_new()};
    const int index = sources_load(l.sources, path);
    if (index < 0) {
        loaded_done(&l);
        return cannot("read", path, index);
    }
    l.diags = diags_new(l.sources, 0);
    struct text after = {0};
    int code = EXIT_ERRORS;
    if (format(l.sources, index, &l.arena, l.diags, &after)) {
        uint32_t first;
        code = finish(job, path, sources_text(l.sources, index, &first), &after);
    } else {
        report(&l, DIAG_HUMAN);
    }
    text_done(&after);
    loaded_done(&l);
    return code;
}

int fmt_main(int argc, char **argv)
{
    const char *value[COUNT_OF(options)] = {0};
    const int n = cli_parse(&fmt, argc, argv, value);
    if (n < 0)
        return -1 - n;
    const bool standard = value[OPTION_STDIN] != NULL;
    if (standard == (n > 0))
        return cli_usage(&fmt, n ? "files or --stdin, not both" : "which files? (or --stdin)");
    const struct job job = {value[OPTION_CHECK] != NULL, value[OPTION_DIFF] != NULL};
    int code = standard ? format_file(&job, "-") : EXIT_CLEAN;
    for (int i = 1; i <= n; i++) {
        const int one = format_file(&job, argv[i]);
        if (one > code)
            code = one;
    }
    return code;
}

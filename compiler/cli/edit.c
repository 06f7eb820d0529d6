/* lbc edit - one change of a configuration, and not a byte more. */
#include <stdio.h>
#include <string.h>

#include "compiler/cli/cli.h"
#include "compiler/cli/replace.h"
#include "compiler/tools/edited.h"
#include "compiler/tools/linediff.h"
#include "grammar/convert/convert.h"
#include "grammar/edit/edit.h"
#include "runtime/base/text.h"

enum { OPTION_WRITE, OPTION_DIFF };

static const struct cli_option options[] = {
    [OPTION_WRITE] = {.name = "--write", .help = "change the file, atomically"},
    [OPTION_DIFF] = {.name = "--diff", .help = "print what would be changed"},
    {0},
};

static const struct cli_command command = {
    .name = "edit",
    .arguments = "FILE SENTENCE...",
    .what =
        "Makes changes in a configuration and leaves everything else as it is, comments and "
        "columns\n"
        "too; prints the new text, or writes it. A sentence is one change:\n\n"
        "  set api/a weight 5            set api timeout read 5s       set PATIENT 45s\n"
        "  add api server d 10.0.0.4:80  add web bind [::]:80          add office 10.1.0.0/16\n"
        "  add shop before 2 when path == \"/x\" { deny }               move shop/3 before 1\n"
        "  remove api/a                  remove api timeout read       remove office 10.1.0.0/16\n"
        "  set hosts \"b.test\" -> shop     add hosts \"c.test\" -> shop     remove hosts "
        "\"b.test\"\n"
        "  replace shop/2 when path == \"/y\" { forward api }\n\n"
        "A place is a name, and further ones or numbers in its block; cluster:web says which web.\n"
        "A change that brings an error of `lbc check` is refused: the error is shown, and nothing\n"
        "is written.",
    .option = options,
};

static int finish(const char *path, struct slice before, struct slice after, const char **value)
{
    struct text out = {0};
    if (value[OPTION_DIFF])
        (void)linediff(path, before, after, &out);
    else if (!value[OPTION_WRITE])
        text_add(&out, after);
    fwrite(text_slice(&out).at, 1, out.len, stdout);
    text_done(&out);
    const int error =
        value[OPTION_WRITE] && !slice_eq(before, after) ? replace_file(path, after) : 0;
    if (!error)
        return EXIT_CLEAN;
    fprintf(stderr, "lbc: cannot write %s: %s\n", path, strerror(-error));
    return EXIT_UNREADABLE;
}

/* Does the changed text have errors that are not in the file? They are said then. */
static bool is_broken(const char *path, struct slice name, struct slice before, struct slice after)
{
    struct text said = {0};
    const enum diag_format format = cli_color(stderr) ? DIAG_HUMAN_COLOR : DIAG_HUMAN;
    const unsigned errors = edited_errors(name, before, after, &cli_compile, format, &said);
    (void)fwrite(text_slice(&said).at, 1, said.len, stderr);
    text_done(&said);
    if (errors > 0)
        fprintf(stderr, "lbc: refused: with this change, %s would have %s. It stays as it is.\n",
                path, errors == 1 ? "this error" : "these errors");
    return errors > 0;
}

/* The sentences, one a line. */
static int add_requests(struct sources *sources, char **sentence, int n)
{
    struct text t = {0};
    for (int i = 0; i < n; i++)
        text_addf(&t, "%s\n", sentence[i]);
    const int index = sources_add(sources, SLICE("<request>"), text_slice(&t));
    text_done(&t);
    return index;
}

int edit_main(int argc, char **argv)
{
    const char *value[COUNT_OF(options)] = {0};
    const int n = cli_parse(&command, argc, argv, value);
    if (n < 0)
        return -1 - n;
    if (n < 2)
        return cli_usage(&command, n ? "what is to be changed?" : "which file?");
    const char *path = argv[1];
    if (convert_form_of(slice_of(path)) != CONVERT_LBCONF)
        return cli_usage(&command, "only .lbconf files are edited");
    if (value[OPTION_WRITE] && strcmp(path, "-") == 0)
        return cli_usage(&command, "standard input cannot be written");

    struct loaded l = {.sources = sources_new()};
    const int file = sources_load(l.sources, path);
    if (file < 0) {
        fprintf(stderr, "lbc: cannot read %s: %s\n", path, strerror(-file));
        loaded_done(&l);
        return EXIT_UNREADABLE;
    }
    l.diags = diags_new(l.sources, 0);
    const int requests = add_requests(l.sources, argv + 2, n - 1);
    struct edit_patch patch;
    int code = EXIT_ERRORS;
    if (requests >= 0 && edit_all(l.sources, file, requests, &l.arena, l.diags, &patch)) {
        uint32_t first;
        const struct slice before = sources_text(l.sources, file, &first);
        const struct slice after = edit_apply(before, &patch, &l.arena);
        if (diag_warnings(l.diags) > 0)
            report(&l, DIAG_HUMAN);
        if (!is_broken(path, sources_name(l.sources, file), before, after))
            code = finish(path, before, after, value);
    } else {
        report(&l, DIAG_HUMAN);
    }
    loaded_done(&l);
    return code;
}

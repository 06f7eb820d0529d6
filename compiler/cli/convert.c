/* lbc convert - a configuration in another form. */
#include <stdio.h>
#include <string.h>

#include "compiler/cli/cli.h"
#include "grammar/convert/convert.h"
#include "runtime/base/text.h"

enum { OPTION_TO };

static const struct cli_option options[] = {
    [OPTION_TO] = {.name = "--to", .value = "FORM", .help = "json, yaml or lbconf"},
    {0},
};

static const struct cli_command command = {
    .name = "convert",
    .arguments = "FILE",
    .what = "Prints a configuration as JSON, YAML or .lbconf. All three mean the same to every "
            "command,\n"
            "which know them by the ends of their names (.json, .yaml, .yml). Comments are kept in "
            "YAML,\n"
            "those in the middle of a statement before it; JSON has none.",
    .option = options,
};

static int convert_file(const char *path, enum convert_form to)
{
    struct loaded l = {.sources = sources_new()};
    const int index = sources_load(l.sources, path);
    if (index < 0) {
        fprintf(stderr, "lbc: cannot read %s: %s\n", path, strerror(-index));
        loaded_done(&l);
        return EXIT_UNREADABLE;
    }
    l.diags = diags_new(l.sources, 0);
    struct text out = {0};
    int code = EXIT_CLEAN;
    if (convert(l.sources, index, to, &l.arena, l.diags, &out)) {
        fwrite(text_slice(&out).at, 1, out.len, stdout);
    } else {
        report(&l, DIAG_HUMAN);
        code = EXIT_ERRORS;
    }
    text_done(&out);
    loaded_done(&l);
    return code;
}

int convert_main(int argc, char **argv)
{
    static const char *const form[] = {
        [CONVERT_LBCONF] = "lbconf", [CONVERT_YAML] = "yaml", [CONVERT_JSON] = "json"};
    const char *value[COUNT_OF(options)] = {0};
    const int n = cli_parse(&command, argc, argv, value);
    if (n < 0)
        return -1 - n;
    if (n != 1)
        return cli_usage(&command, n ? "one file at a time" : "which file?");
    if (!value[OPTION_TO])
        return cli_usage(&command, "to what? --to json, yaml or lbconf");
    for (size_t i = 0; i < COUNT_OF(form); i++)
        if (strcmp(form[i], value[OPTION_TO]) == 0)
            return convert_file(argv[1], (enum convert_form)i);
    return cli_usage(&command, "--to is json, yaml or lbconf");
}

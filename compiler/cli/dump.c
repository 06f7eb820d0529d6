/* lbc dump - what does this configuration come to? */
#include <stdio.h>

#include "compiler/cli/cli.h"
#include "compiler/table/dump.h"
#include "compiler/tools/unparse.h"
#include "runtime/base/text.h"

enum { OPTION_RESOLVED, OPTION_TABLE };

static const struct cli_option options[] = {
    [OPTION_RESOLVED] = {"--resolved", NULL,
                         "as a configuration, every default written out (this is the default)"},
    [OPTION_TABLE] = {"--table", NULL,
                      "the decision table that would run, for people; its form may change"},
    {0},
};

static const struct cli_command dump = {
    .name = "dump",
    .arguments = "FILE",
    .what = "Prints what a configuration comes to: every default visible, every constant and\n"
            "environment variable in its place. What is printed is a configuration that means the\n"
            "same. FILE may be - for standard input.",
    .option = options,
    .more = "What is wrong with the configuration is said as lbc check says it.",
};

static void print(const struct loaded *l, bool table)
{
    struct text out = {0};
    if (table)
        table_dump(l->table, &out);
    else
        unparse(l->program, &out);
    cli_print(&out);
}

int dump_main(int argc, char **argv)
{
    const char *value[COUNT_OF(options)] = {0};
    const int n = cli_parse(&dump, argc, argv, value);
    if (n < 0)
        return -1 - n;
    if (n != 1)
        return cli_usage(&dump, n ? "one file at a time" : "which file?");
    if (value[OPTION_RESOLVED] && value[OPTION_TABLE])
        return cli_usage(&dump, "--resolved or --table, not both");

    struct loaded l;
    const int code = load(argv[1], &l);
    if (code == EXIT_ERRORS)
        report(&l, DIAG_HUMAN);
    else if (code == EXIT_CLEAN)
        print(&l, value[OPTION_TABLE] != NULL);
    loaded_done(&l);
    return code;
}

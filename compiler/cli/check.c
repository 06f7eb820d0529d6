/* lbc check - is this configuration right? */
#include <stdio.h>
#include <string.h>

#include "compiler/cli/cli.h"

enum { OPTION_FORMAT, OPTION_DENY };

static const struct cli_option options[] = {
    [OPTION_FORMAT] = {"--format", "human|json", "how to say what is wrong (human)"},
    [OPTION_DENY] = {"--deny", "warnings", "count warnings as errors"},
    {0},
};

static const struct cli_command check = {
    .name = "check",
    .arguments = "FILE",
    .what =
        "Reads a configuration and says everything that is wrong with it. Nothing but the text "
        "and\n"
        "the environment variables it names is looked at: no sockets, no name service, no keys.\n"
        "FILE may be - for standard input.",
    .option = options,
    .more =
        "Diagnostics for people go to standard error; with --format json there is one object per\n"
        "line on standard output. The exit code is 0 when all is well (warnings are allowed\n"
        "unless denied), 1 when there are errors, 2 for a wrong command line, 3 when the file\n"
        "cannot be read.",
};

static const char *s(uint32_t n)
{
    return n == 1 ? "" : "s";
}

static void summary(const struct table *t)
{
    printf("ok: %u listener%s, %u cluster%s, %u server%s, %u route%s, %u clause%s\n",
           t->n_listeners, s(t->n_listeners), t->n_clusters, s(t->n_clusters), t->n_servers,
           s(t->n_servers), t->n_routes, s(t->n_routes), t->n_clauses, s(t->n_clauses));
}

int check_main(int argc, char **argv)
{
    const char *value[COUNT_OF(options)] = {0};
    const int n = cli_parse(&check, argc, argv, value);
    if (n < 0)
        return -1 - n;
    const char *format = value[OPTION_FORMAT] ? value[OPTION_FORMAT] : "human";
    const bool json = strcmp(format, "json") == 0;
    if (!json && strcmp(format, "human") != 0)
        return cli_usage(&check, "--format is human or json");
    if (value[OPTION_DENY] && strcmp(value[OPTION_DENY], "warnings") != 0)
        return cli_usage(&check, "only warnings can be denied");
    if (n != 1)
        return cli_usage(&check, n ? "one file at a time" : "which file?");

    struct loaded l;
    int code = load(argv[1], &l);
    if (code != EXIT_UNREADABLE)
        report(&l, json ? DIAG_JSON : DIAG_HUMAN);
    if (code == EXIT_CLEAN && value[OPTION_DENY] && diag_warnings(l.diags) > 0)
        code = EXIT_ERRORS;
    if (code == EXIT_CLEAN && !json)
        summary(l.table);
    loaded_done(&l);
    return code;
}

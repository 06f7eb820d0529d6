/* lbc lsp - a language server, for editors. */
#include <signal.h>
#include <unistd.h>

#include "compiler/cli/cli.h"
#include "compiler/lsp/serve.h"

enum { OPTION_STDIO };

static const struct cli_option options[] = {
    [OPTION_STDIO] = {"--stdio", NULL, "over standard input and output; there is no other way"},
    {0},
};

static const struct cli_command lsp = {
    .name = "lsp",
    .arguments = "",
    .what =
        "Speaks the Language Server Protocol (3.17) over standard input and output, for editors:\n"
        "what is wrong while it is typed, what names mean, completion, renaming, formatting.\n"
        "examples/editors/ says how to set up some of them.",
    .option = options,
    .more = "The exit code is 0 after the requests shutdown and exit, 1 when the client went away\n"
            "without them, 2 for a wrong command line.",
};

int lsp_main(int argc, char **argv)
{
    const char *value[COUNT_OF(options)] = {0};
    const int n = cli_parse(&lsp, argc, argv, value);
    if (n < 0)
        return -1 - n;
    if (n > 0)
        return cli_usage(&lsp, "it takes no file: the editor sends the texts");
    signal(SIGPIPE, SIG_IGN); /* a client that went away is noticed when writing */
    return lsp_serve(STDIN_FILENO, STDOUT_FILENO);
}

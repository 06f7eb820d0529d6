/* main - finds the command and calls it. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "compiler/cli/cli.h"
#include "runtime/base/check.h"
#include "runtime/base/nearest.h"
#include "runtime/daemon/environment.h"
#include "runtime/daemon/origin.h"
#include "runtime/daemon/run.h"
#include "runtime/daemon/sim.h"
#include "runtime/tls/library.h"
#include "stats/ctl/ctl.h"
#include "stats/ctl/shortcut.h"
#include "stats/top/top.h"

static const struct {
    const char *name;
    int (*main)(int argc, char **argv);
    const char *arguments, *help;
} command[] = {
#define COMMAND(name, function, arguments, help) {#name, function, arguments, help},
#include "runtime/daemon/command.def"
#undef COMMAND
};

static void help(FILE *to)
{
    fputs("lbc: a load balancer whose configuration is compiled\n\n"
          "usage: lbc COMMAND ...\n\n",
          to);
    for (size_t i = 0; i < COUNT_OF(command); i++)
        fprintf(to, "  lbc %-8s %-17s %s\n", command[i].name, command[i].arguments,
                command[i].help);
    fputs("\n  lbc COMMAND --help       all about one of them, as does lbc help COMMAND\n"
          "  lbc --version            which lbc this is\n\n" CLI_EXIT_CODES,
          to);
}

/* Does a command of `lbc ctl` begin with that word? */
static bool is_of_ctl(struct slice name)
{
    static const struct slice told[] = {
#define COMMAND(id, words, arguments, form, level, help) SLICE_INIT(words),
#include "stats/socket/commands.def"
#undef COMMAND
    };
    for (size_t i = 0; i < COUNT_OF(told); i++) {
        struct slice rest = told[i], first;
        if (slice_split(&rest, ' ', &first) && slice_eq(first, name))
            return true;
    }
    return false;
}

static int unknown(const char *name)
{
    struct nearest nearest = {.wanted = slice_of(name)};
    if (is_of_ctl(slice_of(name))) {
        fprintf(stderr, "lbc: \"%s\" is said to a running lbc: lbc ctl %s ...\n", name, name);
        return 2;
    }
    for (size_t i = 0; i < COUNT_OF(command); i++)
        nearest_offer(&nearest, slice_of(command[i].name));
    fprintf(stderr, "lbc: there is no command \"%s\"", name);
    if (nearest.best.len > 0)
        fprintf(stderr, "; did you mean \"" SLICE_FMT "\"?", SLICE_ARG(nearest.best));
    fputs("\nTry 'lbc --help'.\n", stderr);
    return 2;
}

static int run(int argc, char **argv)
{
    if (argc < 2) {
        help(stderr);
        return 2;
    }
    char flag[] = "--help";
    if (argc == 3 && strcmp(argv[1], "help") == 0) {
        argv[1] = argv[2]; /* `help CMD` is `CMD --help` */
        argv[2] = flag;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
        strcmp(argv[1], "help") == 0) {
        help(stdout);
        return 0;
    }
    if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0) {
        printf("lbc %s (%s)\n", LBC_VERSION, tls_library_version());
        return 0;
    }
    for (size_t i = 0; i < COUNT_OF(command); i++)
        if (strcmp(argv[1], command[i].name) == 0)
            return command[i].main(argc - 1, argv + 1);
    return unknown(argv[1]);
}

/* Else a socket or a log would be given a number that is written to, and closed, as a standard
 * stream. */
static void open_standard_streams(void)
{
    int fd;
    do {
        fd = open("/dev/null", O_RDWR);
    } while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd > STDERR_FILENO)
        close(fd);
}

int main(int argc, char **argv)
{
    open_standard_streams();
    return cli_close(run(argc, argv));
}

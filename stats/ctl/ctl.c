#include "stats/ctl/ctl.h"

#include <getopt.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "runtime/base/check.h"
#include "runtime/base/clock.h"
#include "runtime/base/number.h"
#include "runtime/base/socket_path.h"
#include "runtime/base/text.h"
#include "stats/ctl/ask.h"

enum exit_status { DONE = 0, REFUSED = 1, USAGE = 2, UNREACHABLE = 3 };

#define TIMEOUT_S_DEFAULT 30
#define TIMEOUT_S_MAX     86400u

struct options {
    const char *path;
    int64_t timeout_s; /* 0: none was said */
    struct text line;  /* the command with its line end; owned */
};

/* What is said to be wrong with the command line begins so. */
static const char *command_name = "ctl";

static const char upgrade_usage[] =
    "usage: lbc upgrade [--socket PATH] [--timeout SECONDS] [PROGRAM]\n"
    "\n"
    "Puts a new lbc in the place of the one that runs, and no client notices. That one starts\n"
    "PROGRAM, or the program that it was started as, with its own arguments, and hands its "
    "sockets\n"
    "to it. Once the new one has loaded its files and serves, the old one takes no more\n"
    "connections, ends what is under way, at the latest after its --drain, and is gone. When the\n"
    "new one does not come to serve, the old one goes on, and why is said here.\n"
    "\n"
    "It keeps: sockets, the stats socket, what operators have set of servers, their health, "
    "and\n"
    "which are ejected, changes that are in no file, the folder of --state, where sticky clients\n"
    "belong, what limits have counted, TLS sessions. It begins anew with: numbers. What the old "
    "one\n"
    "still learns while it ends, it keeps. Not while a configuration is on trial, or a canary "
    "serves.\n"
    "\n"
    "options:\n"
    "  --socket PATH      where the running one listens, as 'lbc ctl' has it\n"
    "  --timeout SECONDS  how long to wait for it (default: 30)\n"
    "  --help             this text\n"
    "\n"
    "exit code: 0 the new one serves, 1 the old one goes on (the reason is on standard error), 2 "
    "the\n"
    "command line is wrong, 3 nobody answers at that path\n";

static const char usage[] =
    "usage: lbc ctl [--socket PATH] [--timeout SECONDS] COMMAND...\n"
    "\n"
    "Asks a running lbc to show or do something, over its stats socket.\n"
    "\n"
    "options:\n"
    "  --socket PATH      where it listens; otherwise $LBC_SOCKET, or /run/lbc.sock for\n"
    "                     whoever may write there, or $XDG_RUNTIME_DIR/lbc.sock, or\n"
    "                     /tmp/lbc-UID.sock\n"
    "  --timeout SECONDS  how long to wait for the whole answer (default: 30)\n"
    "  --help             this text\n"
    "\n"
    "commands:\n";

static const char usage_end[] =
    "\n"
    "A show command, and trace, take --json as their last word. What the level of the socket\n"
    "(observer, operator, admin) does not allow is refused; \"help\" lists what it does.\n"
    "\n"
    "exit code: 0 done, 1 refused (the reason is on standard error), 2 the command line is wrong,\n"
    "3 nobody answers at that path\n";

static void print_help(FILE *to)
{
    static const struct {
        const char *words, *arguments, *help;
    } command[] = {
#define COMMAND(id, words, arguments, form, level, help) {words, arguments, help},
#include "stats/socket/commands.def"
#undef COMMAND
    };

    fputs(usage, to);
    for (size_t i = 0; i < COUNT_OF(command); i++) {
        char typed[64];
        snprintf(typed, sizeof(typed), "%s%s%s", command[i].words,
                 command[i].arguments[0] ? " " : "", command[i].arguments);
        fprintf(to, "  %-21s %s\n", typed, command[i].help);
    }
    fputs(usage_end, to);
}

static bool parse_timeout(const char *given, int64_t *out)
{
    uint64_t seconds;
    if (!number_parse(slice_of(given), TIMEOUT_S_MAX, &seconds) || seconds == 0) {
        fprintf(stderr, "lbc %s: --timeout takes 1 to %u seconds, not \"%s\"\n", command_name,
                TIMEOUT_S_MAX, given);
        return false;
    }
    *out = (int64_t)seconds;
    return true;
}

/* One line: a word with a line end inside would be two commands. */
static bool join_words(struct text *line, char **word)
{
    for (; *word; word++) {
        if (strpbrk(*word, "\r\n")) {
            fputs("lbc ctl: a command has no line breaks\n", stderr);
            return false;
        }
        text_addf(line, "%s%s", line->len > 0 ? " " : "", *word);
    }
    if (slice_trim(text_slice(line)).len == 0) {
        fputs("lbc ctl: which command? `lbc ctl --help` lists them\n", stderr);
        return false;
    }
    text_addc(line, '\n');
    return true;
}

/* Returns whether to go on; if not, *status is what to end with. optind is at the first word. */
static bool parse_options(int argc, char **argv, struct options *o, enum exit_status *status)
{
    static const struct option known[] = {{"socket", required_argument, NULL, 's'},
                                          {"timeout", required_argument, NULL, 't'},
                                          {"help", no_argument, NULL, 'h'},
                                          {0}};
    *status = USAGE;
    optind = 0; /* glibc: begin anew, whoever used getopt before */
    for (;;) {
        /* '+': what follows the first word is the command's, --json for one. */
        const int option = getopt_long(argc, argv, "+h", known, NULL);
        if (option == -1)
            return true;
        if (option == 'h') {
            *status = DONE;
            return false;
        }
        if (option == 's')
            o->path = optarg;
        else if (option != 't') {
            fprintf(stderr, "Try `lbc %s --help`.\n", command_name);
            return false;
        } else if (!parse_timeout(optarg, &o->timeout_s))
            return false;
    }
}

static void print(FILE *to, struct slice s)
{
    fwrite(s.at, 1, s.len, to);
}

static void print_now(struct slice lines)
{
    print(stdout, lines);
    (void)fflush(stdout); /* the last one tells */
}

/* Its answer comes as things happen, and it says itself when that is over. */
static bool is_followed(struct slice line)
{
    return slice_starts(line, SLICE("trace "));
}

static enum exit_status converse(int fd, const struct options *o, struct text *answer)
{
    const struct slice line = text_slice(&o->line);
    const bool follows = is_followed(line);
    const int64_t for_s = o->timeout_s ? o->timeout_s : follows ? TIMEOUT_S_MAX : TIMEOUT_S_DEFAULT;
    const int64_t until_ns = clock_now_ns() + for_s * NS_PER_S;
    struct ask_answer a;
    const char *failure = follows ? ask_and_follow(fd, line, until_ns, answer, print_now, &a)
                                  : ask(fd, line, until_ns, answer, &a);
    if (failure) {
        fprintf(stderr, "lbc %s: %s: %s\n", command_name, o->path, failure);
        return UNREACHABLE;
    }
    if (a.ok) {
        print(stdout, a.lines);
        return fflush(stdout) == 0 ? DONE : REFUSED;
    }
    print(stderr, a.lines);
    fprintf(stderr, "lbc %s: " SLICE_FMT "\n", command_name, SLICE_ARG(a.last));
    return REFUSED;
}

/* Asks for what is in o->line, prints the answer, and frees the line. */
static int ask_and_print(struct options *o)
{
    struct text answer = {0};
    char who[16];
    snprintf(who, sizeof(who), "lbc %s", command_name);
    const int fd = ask_open(o->path);
    const enum exit_status status = fd < 0 ? UNREACHABLE : converse(fd, o, &answer);
    if (fd < 0)
        ask_say_unreachable(who, o->path, -fd);
    else
        close(fd);
    text_done(&answer);
    text_done(&o->line);
    return (int)status;
}

int ctl_main(int argc, char **argv)
{
    struct options o = {.path = default_socket_path()};
    enum exit_status status;
    if (!parse_options(argc, argv, &o, &status)) {
        if (status == DONE)
            print_help(stdout);
        return (int)status;
    }
    if (join_words(&o.line, argv + optind))
        return ask_and_print(&o);
    text_done(&o.line);
    return USAGE;
}

/* The running one has a working directory of its own. A name without a slash is looked for in its
 * PATH. */
static bool add_program(struct text *line, const char *program)
{
    char here[PATH_MAX];
    text_addc(line, ' ');
    if (strchr(program, '/') && program[0] != '/') {
        if (!getcwd(here, sizeof(here)))
            return false;
        text_addf(line, "%s/", here);
    }
    text_adds(line, program);
    return !strpbrk(line->at, "\r\n");
}

int upgrade_main(int argc, char **argv)
{
    struct options o = {.path = default_socket_path()};
    enum exit_status status;
    command_name = "upgrade";
    if (!parse_options(argc, argv, &o, &status)) {
        if (status == DONE)
            fputs(upgrade_usage, stdout);
        return (int)status;
    }
    text_adds(&o.line, "upgrade");
    const bool good = argc - optind <= 1 && (argc == optind || add_program(&o.line, argv[optind]));
    text_addc(&o.line, '\n');
    if (good)
        return ask_and_print(&o);
    fputs("lbc upgrade: which one program? Try `lbc upgrade --help`.\n", stderr);
    text_done(&o.line);
    return USAGE;
}

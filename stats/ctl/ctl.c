#include "stats/ctl/ctl.h"

#include <getopt.h>
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
    int64_t timeout_s;
    struct text line; /* the command with its line end; owned */
};

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
    "A show command takes --json as its last word.\n"
    "\n"
    "exit code: 0 done, 1 refused (the reason is on standard error), 2 the command line is wrong,\n"
    "3 nobody answers at that path\n";

static void print_help(FILE *to)
{
    static const struct {
        const char *words, *arguments, *help;
    } command[] = {
#define COMMAND(id, words, arguments, form, help) {words, arguments, help},
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
        fprintf(stderr, "lbc ctl: --timeout takes 1 to %u seconds, not \"%s\"\n", TIMEOUT_S_MAX,
                given);
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

/* Returns whether to go on; if not, *status is what to end with. */
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
            return join_words(&o->line, argv + optind);
        if (option == 'h') {
            print_help(stdout);
            *status = DONE;
            return false;
        }
        if (option == 's')
            o->path = optarg;
        else if (option != 't') {
            fputs("Try `lbc ctl --help`.\n", stderr);
            return false;
        } else if (!parse_timeout(optarg, &o->timeout_s))
            return false;
    }
}

static void print(FILE *to, struct slice s)
{
    fwrite(s.at, 1, s.len, to);
}

static enum exit_status converse(int fd, const struct options *o, struct text *answer)
{
    const int64_t until_ns = clock_now_ns() + o->timeout_s * NS_PER_S;
    struct ask_answer a;
    const char *failure = ask(fd, text_slice(&o->line), until_ns, answer, &a);
    if (failure) {
        fprintf(stderr, "lbc ctl: %s: %s\n", o->path, failure);
        return UNREACHABLE;
    }
    if (a.ok) {
        print(stdout, a.lines);
        return fflush(stdout) == 0 ? DONE : REFUSED;
    }
    print(stderr, a.lines);
    fprintf(stderr, "lbc ctl: " SLICE_FMT "\n", SLICE_ARG(a.last));
    return REFUSED;
}

int ctl_main(int argc, char **argv)
{
    struct options o = {.path = default_socket_path(), .timeout_s = TIMEOUT_S_DEFAULT};
    enum exit_status status;
    if (!parse_options(argc, argv, &o, &status)) {
        text_done(&o.line);
        return (int)status;
    }

    struct text answer = {0};
    const int fd = ask_open(o.path);
    status = fd < 0 ? UNREACHABLE : converse(fd, &o, &answer);
    if (fd < 0)
        ask_say_unreachable("lbc ctl", o.path, -fd);
    else
        close(fd);
    text_done(&answer);
    text_done(&o.line);
    return (int)status;
}

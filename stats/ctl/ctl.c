#include "stats/ctl/ctl.h"

#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "runtime/base/check.h"
#include "runtime/base/clock.h"
#include "runtime/base/number.h"
#include "runtime/base/socket_path.h"
#include "runtime/base/text.h"

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

static void say_unreachable(const char *path, int error)
{
    fprintf(stderr, "lbc ctl: cannot connect to %s: %s\n", path, strerror(error));
    if (error == EACCES || error == EPERM)
        fputs("Only the user that runs lbc, and root, may use its socket.\n", stderr);
    else
        fputs("Is lbc running? `lbc run FILE` starts it; --socket PATH or $LBC_SOCKET names\n"
              "another socket.\n",
              stderr);
}

/* The connected descriptor, or -1 when it has said why not. */
static int connect_to(const char *path)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof(un.sun_path)) {
        say_unreachable(path, ENAMETOOLONG);
        return -1;
    }
    memcpy(un.sun_path, path, strlen(path));
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd != -1 && connect(fd, (const struct sockaddr *)&un, sizeof(un)) == 0)
        return fd;
    say_unreachable(path, errno);
    if (fd != -1)
        close(fd);
    return -1;
}

/* Waits until it is ready. False when the time is up. */
static bool wait_for(int fd, short what, int64_t until_ns)
{
    for (;;) {
        const int64_t left_ns = until_ns - clock_now_ns();
        if (left_ns <= 0)
            return false;
        struct pollfd p = {.fd = fd, .events = what};
        const int n = poll(&p, 1, (int)(left_ns / NS_PER_MS + 1));
        if (n > 0)
            return true;
        if (n == -1 && errno != EINTR)
            return false;
    }
}

/* A socket that turns us away may close before it has read: then its answer is there all the same.
 */
static bool send_line(int fd, struct slice line, int64_t until_ns)
{
    while (line.len > 0) {
        const ssize_t n = send(fd, line.at, line.len, MSG_NOSIGNAL);
        if (n >= 0)
            line = slice_from(line, (size_t)n);
        else if (errno == EAGAIN) {
            if (!wait_for(fd, POLLOUT, until_ns))
                return false;
        } else if (errno != EINTR)
            return true;
    }
    return true;
}

/* The last line of `answer`, when it is whole and ends it. */
static bool find_end(struct slice answer, struct slice *lines, struct slice *last)
{
    if (answer.len == 0 || answer.at[answer.len - 1] != '\n')
        return false;
    answer.len--;
    const char *before = answer.len > 0 ? memrchr(answer.at, '\n', answer.len) : NULL;
    const size_t at = before ? (size_t)(before - answer.at) + 1 : 0;
    *lines = (struct slice){answer.at, at};
    *last = slice_from(answer, at);
    return slice_eq(*last, SLICE("ok")) || slice_starts(*last, SLICE("refused: "));
}

/* Reads until the answer is whole. NULL, or a sentence about what went wrong. */
static const char *read_answer(int fd, int64_t until_ns, struct text *answer, struct slice *lines,
                               struct slice *last)
{
    char piece[16384];
    while (!find_end(text_slice(answer), lines, last)) {
        if (!wait_for(fd, POLLIN, until_ns))
            return "no answer in time";
        const ssize_t n = recv(fd, piece, sizeof(piece), 0);
        if (n > 0)
            text_add(answer, (struct slice){piece, (size_t)n});
        else if (n == 0 || errno == ECONNRESET)
            return "the connection was closed before the answer was complete";
        else if (errno != EAGAIN && errno != EINTR)
            return strerror(errno);
    }
    return NULL;
}

static void print(FILE *to, struct slice s)
{
    fwrite(s.at, 1, s.len, to);
}

static enum exit_status converse(int fd, const struct options *o, struct text *answer)
{
    const int64_t until_ns = clock_now_ns() + o->timeout_s * NS_PER_S;
    struct slice lines = SLICE_NONE, last = SLICE_NONE;
    const char *failure = "it takes no command";
    if (send_line(fd, text_slice(&o->line), until_ns))
        failure = read_answer(fd, until_ns, answer, &lines, &last);
    if (failure) {
        fprintf(stderr, "lbc ctl: %s: %s\n", o->path, failure);
        return UNREACHABLE;
    }
    if (slice_eq(last, SLICE("ok"))) {
        print(stdout, lines);
        return fflush(stdout) == 0 ? DONE : REFUSED;
    }
    print(stderr, lines);
    fprintf(stderr, "lbc ctl: " SLICE_FMT "\n", SLICE_ARG(last));
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
    const int fd = connect_to(o.path);
    status = fd == -1 ? UNREACHABLE : converse(fd, &o, &answer);
    if (fd != -1)
        close(fd);
    text_done(&answer);
    text_done(&o.line);
    return (int)status;
}

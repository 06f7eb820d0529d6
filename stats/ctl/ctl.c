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
#include "stats/ctl/ctl_priv.h"

#define TIMEOUT_S_DEFAULT 30
#define TIMEOUT_S_MAX     86400u

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

static bool parse_timeout(struct ctl *c, const char *given)
{
    uint64_t seconds;
    if (!number_parse(slice_of(given), TIMEOUT_S_MAX, &seconds) || seconds == 0) {
        fprintf(stderr, "lbc %s: --timeout takes 1 to %u seconds, not \"%s\"\n", c->name,
                TIMEOUT_S_MAX, given);
        return false;
    }
    c->timeout_s = (int64_t)seconds;
    return true;
}

bool ctl_join(struct ctl *c, char **word)
{
    for (; *word; word++) {
        if (strpbrk(*word, "\r\n")) {
            fprintf(stderr, "lbc %s: a command has no line breaks\n", c->name);
            return false;
        }
        text_addf(&c->line, "%s%s", c->line.len > 0 ? " " : "", *word);
    }
    if (slice_trim(text_slice(&c->line)).len == 0) {
        fprintf(stderr, "lbc %s: which command? `lbc ctl --help` lists them\n", c->name);
        return false;
    }
    text_addc(&c->line, '\n');
    return true;
}

static const struct {
    struct option option;
    unsigned of; /* CTL_ bit; 0: every command takes it */
} options[] = {{{"confirm", required_argument, NULL, 'o'}, CTL_TRIAL},
               {{"canary", required_argument, NULL, 'c'}, CTL_TRIAL},
               {{"json", no_argument, NULL, 'j'}, CTL_JSON},
               {{"socket", required_argument, NULL, 's'}, 0},
               {{"timeout", required_argument, NULL, 't'}, 0},
               {{"help", no_argument, NULL, 'h'}, 0}};

bool ctl_options(struct ctl *c, int argc, char **argv, enum ctl_status *status)
{
    struct option known[COUNT_OF(options) + 1] = {0};
    for (size_t i = 0, n = 0; i < COUNT_OF(options); i++)
        if ((options[i].of & ~c->also) == 0)
            known[n++] = options[i].option;
    *status = CTL_USAGE;
    opterr = 0; /* we say it ourselves */
    optind = 0; /* glibc: begin anew, whoever used getopt before */
    for (;;) {
        switch (getopt_long(argc, argv, c->any_words ? "+h" : "h", known, NULL)) {
        case -1: return true;
        case 'h': *status = CTL_DONE; return false;
        case 's': c->path = optarg; break;
        case 'o': c->confirm = optarg; break;
        case 'c': c->canary = optarg; break;
        case 'j': c->json = true; break;
        case 't':
            if (!parse_timeout(c, optarg))
                return false;
            break;
        default:
            fprintf(stderr, "lbc %s: %s is no option here, or has no value. Try `lbc %s --help`.\n",
                    c->name, argv[optind - 1], c->name);
            return false;
        }
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

static enum ctl_status converse(int fd, const struct ctl *c, struct text *answer)
{
    const struct slice line = text_slice(&c->line);
    const bool follows = is_followed(line);
    const int64_t for_s = c->timeout_s ? c->timeout_s : follows ? TIMEOUT_S_MAX : TIMEOUT_S_DEFAULT;
    const int64_t until_ns = clock_now_ns() + for_s * NS_PER_S;
    struct ask_answer a;
    const char *failure = follows ? ask_and_follow(fd, line, until_ns, answer, print_now, &a)
                                  : ask(fd, line, until_ns, answer, &a);
    if (failure) {
        fprintf(stderr, "lbc %s: %s: %s\n", c->name, c->path, failure);
        return CTL_UNREACHABLE;
    }
    if (a.ok) {
        print(stdout, a.lines);
        return fflush(stdout) == 0 ? CTL_DONE : CTL_REFUSED;
    }
    print(stderr, a.lines);
    fprintf(stderr, "lbc %s: " SLICE_FMT "\n", c->name, SLICE_ARG(a.last));
    return CTL_REFUSED;
}

enum ctl_status ctl_ask(struct ctl *c)
{
    struct text answer = {0};
    char who[16];
    snprintf(who, sizeof(who), "lbc %s", c->name);
    const int fd = ask_open(c->path);
    const enum ctl_status status = fd < 0 ? CTL_UNREACHABLE : converse(fd, c, &answer);
    if (fd < 0)
        ask_say_unreachable(who, c->path, -fd);
    else
        close(fd);
    text_done(&answer);
    text_done(&c->line);
    return status;
}

int ctl_main(int argc, char **argv)
{
    struct ctl c = {.name = "ctl", .path = default_socket_path(), .any_words = true};
    enum ctl_status status;
    if (!ctl_options(&c, argc, argv, &status)) {
        if (status == CTL_DONE)
            print_help(stdout);
        return (int)status;
    }
    if (ctl_join(&c, argv + optind))
        return (int)ctl_ask(&c);
    text_done(&c.line);
    return CTL_USAGE;
}

/* lbc replay - how would this configuration have decided what the log tells of? */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "compiler/cli/cli.h"
#include "compiler/tools/replay.h"
#include "runtime/base/text.h"

/* No line of a log is longer; one that is counts as unreadable. */
#define LINE_BYTES_MAX ((size_t)1024 * 1024)

enum { OPTION_AGAINST, OPTION_HOST, OPTION_SCHEME, OPTION_LISTENER, OPTION_FORMAT };

static const struct cli_option options[] = {
    [OPTION_AGAINST] = {"--against", "OLD", "compare with this configuration, not with the log"},
    [OPTION_HOST] = {"--host", "NAME", "the host of lines that have none (empty)"},
    [OPTION_SCHEME] = {"--scheme", "http|https", "the scheme of lines that have none (http)"},
    [OPTION_LISTENER] = {"--listener", "NAME", "the listener of lines that have none (the first)"},
    [OPTION_FORMAT] = {"--format", "human|json", "how to tell it (human)"},
    {0},
};

static const struct cli_command replay = {
    .name = "replay",
    .arguments = "LOG FILE",
    .what =
        "Reads the requests of an access log, decides each by FILE, and tells which are decided\n"
        "otherwise than they were: counted, grouped by the old and the new decision, with an\n"
        "example each. LOG is lbc's own (JSON), or in the Common or Combined Log Format of\n"
        "nginx and Apache, of any length; - is standard input.",
    .option = options,
    .more =
        "A log does not have everything that conditions may ask for: headers, above all. Where a\n"
        "decision went by such a thing, that is said. The Common and Combined formats have no\n"
        "decisions, only statuses; compare two configurations with --against.\n"
        "\n"
        "examples:\n"
        "  lbc replay access.log new.lbconf\n"
        "  lbc replay access.log new.lbconf --against old.lbconf\n"
        "  zcat access.log.*.gz | lbc replay - new.lbconf --against old.lbconf --host example.com\n"
        "\n"
        "Ends with 1 when any request is decided otherwise.",
};

/* Gives every line of what is read to `r`. Returns 0 or a negative errno. */
static int read_lines(int fd, struct replay *r)
{
    char *const buffer = MUST_ARRAY(char, LINE_BYTES_MAX);
    size_t len = 0;
    int error = 0;
    bool skipping = false; /* the rest of a line that was too long */
    for (;;) {
        const ssize_t n = read(fd, buffer + len, LINE_BYTES_MAX - len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            error = n < 0 ? -errno : 0;
            break;
        }
        len += (size_t)n;
        const char *at = buffer, *const end = buffer + len, *newline;
        while ((newline = memchr(at, '\n', (size_t)(end - at)))) {
            if (!skipping)
                replay_line(r, (struct slice){at, (size_t)(newline - at)});
            skipping = false;
            at = newline + 1;
        }
        len = (size_t)(end - at);
        if (len == LINE_BYTES_MAX) {
            if (!skipping)
                replay_line(r, SLICE("too long"));
            skipping = true;
            len = 0;
        }
        memmove(buffer, at, len);
    }
    if (len > 0 && !skipping && !error)
        replay_line(r, (struct slice){buffer, len});
    free(buffer);
    return error;
}

static int read_log(const char *path, struct replay *r)
{
    const bool standard = strcmp(path, "-") == 0;
    const int fd = standard ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    int error = fd < 0 ? -errno : read_lines(fd, r);
    if (fd >= 0 && !standard)
        close(fd);
    if (error)
        fprintf(stderr, "lbc: cannot read %s: %s\n", path, strerror(-error));
    return error ? EXIT_UNREADABLE : EXIT_CLEAN;
}

/* Loads a configuration, and says what is wrong with it. */
static int load_said(const char *path, struct loaded *l)
{
    const int code = load(path, l);
    if (code == EXIT_ERRORS)
        report(l, DIAG_HUMAN);
    return code;
}

static bool has_listener(const struct loaded *l, const char *name)
{
    if (!name)
        return l->table->n_listeners > 0;
    for (uint32_t i = 0; i < l->table->n_listeners; i++)
        if (slice_eq(l->table->listener[i].name, slice_of(name)))
            return true;
    return false;
}

static struct slice or_empty(const char *value)
{
    return value ? slice_of(value) : SLICE("");
}

static int run(const char *log, const struct loaded *l, const struct loaded *old,
               const char *const *value)
{
    if (!has_listener(l, value[OPTION_LISTENER]))
        return cli_usage(&replay, "the configuration has no such listener");
    const struct replay_options o = {.table = l->table,
                                     .against = old ? old->table : NULL,
                                     .host = or_empty(value[OPTION_HOST]),
                                     .scheme = or_empty(value[OPTION_SCHEME]),
                                     .listener = or_empty(value[OPTION_LISTENER])};
    const bool json = value[OPTION_FORMAT] && strcmp(value[OPTION_FORMAT], "json") == 0;
    struct replay *r = replay_new(&o);
    int code = read_log(log, r);
    if (code == EXIT_CLEAN) {
        struct text out = {0};
        if (json)
            replay_report_json(r, &out);
        else
            replay_report(r, cli_color(stdout), &out);
        cli_print(&out);
        code = replay_differs(r) ? EXIT_ERRORS : EXIT_CLEAN;
    }
    replay_free(r);
    return code;
}

int replay_main(int argc, char **argv)
{
    const char *value[COUNT_OF(options)] = {0};
    const int n = cli_parse(&replay, argc, argv, value);
    if (n < 0)
        return -1 - n;
    const char *format = value[OPTION_FORMAT], *scheme = value[OPTION_SCHEME];
    if (format && strcmp(format, "json") != 0 && strcmp(format, "human") != 0)
        return cli_usage(&replay, "--format is human or json");
    if (scheme && strcmp(scheme, "http") != 0 && strcmp(scheme, "https") != 0)
        return cli_usage(&replay, "--scheme is http or https");
    if (n != 2)
        return cli_usage(&replay, "a log and a configuration");

    struct loaded l, old = {0};
    const char *against = value[OPTION_AGAINST];
    int code = load_said(argv[2], &l);
    if (code == EXIT_CLEAN && against)
        code = load_said(against, &old);
    if (code == EXIT_CLEAN)
        code = run(argv[1], &l, against ? &old : NULL, value);
    loaded_done(&l);
    loaded_done(&old);
    return code;
}

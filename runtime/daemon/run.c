#include "runtime/daemon/run.h"

#include <getopt.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "compiler/compile.h"
#include "grammar/diag.h"
#include "runtime/base/clock.h"
#include "runtime/base/number.h"
#include "runtime/base/socket_path.h"
#include "runtime/control/process.h"
#include "stats/socket/socket.h"

enum { EXIT_ERRORS = 1, EXIT_USAGE = 2, EXIT_UNREADABLE = 3 };

#define DRAIN_S_DEFAULT 30u

static const char HELP[] =
    "usage: lbc run FILE [options]\n"
    "\n"
    "Compiles FILE and serves it. Nothing is served when the file has an error.\n"
    "\n"
    "  --workers N         threads that serve traffic, 1 to 256 (default: one per processor)\n"
    "  --socket PATH       where 'lbc ctl' reaches this process (default: as 'lbc ctl' does),\n"
    "                      or 'off'\n"
    "  --access-log PATH   one line of JSON per request, appended to PATH; '-' is standard\n"
    "                      output (default), 'off' none\n"
    "  --drain SECONDS     how long a shutdown waits for what is under way (default: 30)\n"
    "  --help\n"
    "\n"
    "Signals: SIGTERM and SIGINT shut down, and at once when they come a second time; SIGHUP loads\n"
    "FILE anew, and keeps serving the old one when the new one has errors; SIGUSR1 opens the access\n"
    "log anew, after it has been rotated.\n"
    "\n"
    "Exit status: 0 after a shutdown, 1 the file has errors or can't be served, 2 wrong usage, 3 the\n"
    "file can't be read.\n";

struct run {
    const char *file;
    struct control_config config;
    const char *socket; /* NULL: none */
};

static int usage(const char *what, const char *value)
{
    fprintf(stderr, "lbc run: %s%s%s\nTry 'lbc run --help'.\n", what, value ? ": " : "",
            value ? value : "");
    return EXIT_USAGE;
}

static uint32_t processors(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof(set), &set) != 0)
        return 1;
    const int n = CPU_COUNT(&set);
    return n < 1 ? 1 : n > (int)CONTROL_WORKERS_MAX ? CONTROL_WORKERS_MAX : (uint32_t)n;
}

static const char *unless_off(const char *value)
{
    return strcmp(value, "off") == 0 ? NULL : value;
}

/* 0, or the exit status. */
static int set_option(struct run *r, int option)
{
    uint64_t n;
    switch (option) {
    case 'w':
        if (!number_parse(slice_of(optarg), CONTROL_WORKERS_MAX, &n) || n == 0)
            return usage("--workers takes a number from 1 to 256", optarg);
        r->config.workers = (uint32_t)n;
        return 0;
    case 'd':
        if (!number_parse(slice_of(optarg), 86400, &n))
            return usage("--drain takes seconds, 0 to 86400", optarg);
        r->config.drain_ns = (int64_t)n * NS_PER_S;
        return 0;
    case 's': r->socket = unless_off(optarg); return 0;
    case 'l': r->config.access_log = unless_off(optarg); return 0;
    default: return usage("wrong option", NULL);
    }
}

/* -1: go on and run; else the exit status. */
static int read_options(struct run *r, int argc, char **argv)
{
    static const struct option options[] = {{"workers", required_argument, NULL, 'w'},
                                            {"socket", required_argument, NULL, 's'},
                                            {"access-log", required_argument, NULL, 'l'},
                                            {"drain", required_argument, NULL, 'd'},
                                            {"help", no_argument, NULL, 'h'},
                                            {0}};
    for (int option; (option = getopt_long(argc, argv, "h", options, NULL)) != -1;) {
        if (option == 'h') {
            fputs(HELP, stdout);
            return 0;
        }
        const int status = set_option(r, option);
        if (status != 0)
            return status;
    }
    if (optind + 1 != argc)
        return usage(optind == argc ? "which FILE?" : "one FILE, please", NULL);
    r->file = r->config.file = argv[optind];
    return -1;
}

static const char *environment(void *from, const char *name)
{
    (void)from;
    return getenv(name);
}

/* Everything there is to say goes into `report`; *unreadable when the file was. */
static struct table *load(const struct run *r, struct text *report, bool color, bool *unreadable)
{
    struct sources *sources = sources_new();
    struct diags *diags = diags_new(sources, 0);
    struct arena arena = {0};
    struct table *table = NULL;

    const int rc = sources_load(sources, r->file);
    *unreadable = rc < 0;
    if (rc < 0) {
        text_addf(report, "cannot read %s: %s\n", r->file, strerror(-rc));
    } else {
        const struct compile_options options = {.env = environment};
        table = compile(sources, &options, &arena, diags, NULL);
        if (diag_errors(diags) + diag_warnings(diags) > 0)
            diag_render(diags, color ? DIAG_HUMAN_COLOR : DIAG_HUMAN, report);
    }
    arena_free(&arena);
    diags_free(diags);
    sources_free(sources);
    return table;
}

static struct table *load_again(void *of, struct text *report)
{
    bool unreadable;
    return load(of, report, false, &unreadable);
}

static bool open_socket(const struct run *r, struct control *c, struct stats_socket **out,
                        struct text *why)
{
    if (!r->socket)
        return true;
    const int rc = stats_socket_open(r->socket, control_loop(c), c, out);
    if (rc != 0)
        text_addf(why, "cannot listen on the stats socket %s: %s", r->socket, strerror(-rc));
    return rc == 0;
}

static int serve(const struct run *r, struct table *table)
{
    struct text why = {0};
    struct stats_socket *socket = NULL;
    struct control *c = control_new(&r->config, &why);
    const bool reachable = c && open_socket(r, c, &socket, &why);
    if (!reachable)
        table_free(table);
    const bool ok = reachable && control_start(c, table, &why);
    if (ok)
        control_run(c);
    else
        fprintf(stderr, "lbc run: " SLICE_FMT "\n", SLICE_ARG(text_slice(&why)));
    stats_socket_close(socket);
    control_free(c);
    text_done(&why);
    return ok ? EXIT_SUCCESS : EXIT_ERRORS;
}

int run_main(int argc, char **argv)
{
    struct run r = {.config = {.version = LBC_VERSION,
                               .workers = processors(),
                               .access_log = "-",
                               .drain_ns = DRAIN_S_DEFAULT * NS_PER_S,
                               .load = load_again,
                               .load_of = &r},
                    .socket = default_socket_path()};
    const int status = read_options(&r, argc, argv);
    if (status >= 0)
        return status;

    struct text report = {0};
    bool unreadable;
    struct table *table = load(&r, &report, isatty(STDERR_FILENO), &unreadable);
    fwrite(report.at ? report.at : "", 1, report.len, stderr);
    text_done(&report);
    if (!table)
        return unreadable ? EXIT_UNREADABLE : EXIT_ERRORS;
    return serve(&r, table);
}

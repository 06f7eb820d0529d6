#include "runtime/daemon/run.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

#include "compiler/cli/cli.h"
#include "runtime/base/clock.h"
#include "runtime/base/number.h"
#include "runtime/base/socket_path.h"
#include "runtime/control/process.h"
#include "runtime/daemon/revisions.h"
#include "runtime/daemon/served.h"
#include "runtime/net/inherited.h"
#include "stats/server/server.h"
#include "stats/socket/socket.h"

#define DRAIN_S_DEFAULT 30
#define DRAIN_S_MAX     86400

/* Twice what all changes together may be. */
#define JOURNAL_BYTES_MAX (2u * CONTROL_CHANGES_MAX * CONTROL_CHANGE_BYTES_MAX)

enum {
    OPTION_WORKERS,
    OPTION_SOCKET,
    OPTION_ACCESS_LOG,
    OPTION_DRAIN,
    OPTION_STATE,
    OPTION_HAPROXY
};

static const struct cli_option options[] = {
    [OPTION_WORKERS] = {"--workers", "N", "threads that serve traffic (one per processor)"},
    [OPTION_SOCKET] = {"--socket", "PATH",
                       "where 'lbc ctl' reaches this process, or 'off' (as 'lbc ctl' has it)"},
    [OPTION_ACCESS_LOG] = {"--access-log", "PATH",
                           "a line of JSON per request; - is standard output (-), 'off' none"},
    [OPTION_DRAIN] = {"--drain", "SECONDS", "how long a shutdown waits for what is under way (30)"},
    [OPTION_STATE] = {"--state", "FOLDER",
                      "where changes and revisions are kept ($STATE_DIRECTORY, or nowhere)"},
    [OPTION_HAPROXY] = {"--haproxy-socket", "PATH",
                        "another socket, for programs that ask HAProxy: exporters, hatop"},
    {0},
};

static const struct cli_command command = {
    .name = "run",
    .arguments = "FILE",
    .what = "Compiles FILE and serves it. Nothing is served when the file has an error.",
    .option = options,
    .more =
        "SIGTERM and SIGINT shut down, and at once when they come a second time. SIGHUP loads\n"
        "FILE anew, and goes on with the old one when the new one has errors. SIGUSR1 opens the\n"
        "access log anew, after it has been rotated. The exit code is 0 after a shutdown, and 1\n"
        "too when FILE can't be served.\n"
        "\n"
        "Sockets that a service manager hands over (LISTEN_FDS, LISTEN_PID) are used for the "
        "binds\n"
        "of the same address; all workers then accept from the one.",
};

struct run {
    struct control_config config;
    const char *socket;                  /* NULL: none */
    const char *haproxy_socket, *folder; /* the same */
    struct state *state;
    struct history *history;
    struct text journal;
    struct admin *admin;
    struct served *served;
};

static uint32_t processors(void)
{
    cpu_set_t set;
    const int n = sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : 1;
    return n > (int)CONTROL_WORKERS_MAX ? CONTROL_WORKERS_MAX : (uint32_t)n;
}

static const char *unless_off(const char *value)
{
    return strcmp(value, "off") == 0 ? NULL : value;
}

/* NULL, or what is wrong. */
static const char *set_options(struct run *r, const char *const *value)
{
    uint64_t n;
    if (value[OPTION_WORKERS]) {
        if (!number_parse(slice_of(value[OPTION_WORKERS]), CONTROL_WORKERS_MAX, &n) || n == 0)
            return "--workers takes a number from 1 to 256";
        r->config.workers = (uint32_t)n;
    }
    if (value[OPTION_DRAIN]) {
        if (!number_parse(slice_of(value[OPTION_DRAIN]), DRAIN_S_MAX, &n))
            return "--drain takes seconds, 0 to 86400";
        r->config.drain_ns = (int64_t)n * NS_PER_S;
    }
    if (value[OPTION_SOCKET])
        r->socket = unless_off(value[OPTION_SOCKET]);
    if (value[OPTION_ACCESS_LOG])
        r->config.access_log = unless_off(value[OPTION_ACCESS_LOG]);
    r->haproxy_socket = value[OPTION_HAPROXY];
    r->folder = value[OPTION_STATE] ? value[OPTION_STATE] : getenv("STATE_DIRECTORY");
    return NULL;
}

/* What the process keeps of a loaded file is its table. */
static struct table *take_table(struct loaded *l)
{
    struct table *t = l->table;
    l->table = NULL;
    loaded_done(l);
    return t;
}

/* A reload, on the compile thread. */
static struct table *load_again(void *of, struct control_loading *what, struct text *said)
{
    const struct run *r = of;
    return served_load(r->served, what, said);
}

static void loaded_again(void *of, bool served)
{
    const struct run *r = of;
    served_settle(r->served, served);
}

/* False: why not has been said. */
static bool open_state(struct run *r)
{
    if (!r->folder)
        return true;
    int error = state_open(r->folder, &r->state);
    if (!error)
        error = history_open(r->state, &r->history);
    if (!error)
        error = state_read(r->state, SERVED_JOURNAL, JOURNAL_BYTES_MAX, &r->journal);
    if (error && error != -ENOENT) {
        fprintf(stderr, "lbc run: cannot use the folder %s: %s\n", r->folder,
                error == -EWOULDBLOCK ? "another process does" : strerror(-error));
        return false;
    }
    r->config.journal = text_slice(&r->journal);
    r->config.revisions = revisions_of(r->history);
    return true;
}

static void close_state(struct run *r)
{
    history_free(r->history);
    state_close(r->state);
    text_done(&r->journal);
}

/* NULL, where there is no path. */
static bool open_socket(const char *path, enum stats_speech speech, struct control *c,
                        struct stats_socket **out, struct text *why)
{
    if (!path)
        return true;
    const int rc = stats_socket_open(path, speech, control_loop(c), c, out);
    if (rc != 0)
        text_addf(why, "cannot listen on the stats socket %s: %s", path, strerror(-rc));
    return rc == 0;
}

/* Sockets that a service manager opened for us; children of ours must not take them for theirs. */
static bool take_sockets(void)
{
    const int n = inherited_adopt(getenv("LISTEN_PID"), getenv("LISTEN_FDS"));
    unsetenv("LISTEN_PID");
    unsetenv("LISTEN_FDS");
    unsetenv("LISTEN_FDNAMES");
    if (n < 0)
        fprintf(stderr, "lbc run: LISTEN_FDS hands over what is no listening stream socket\n");
    return n >= 0;
}

static void say_left(void)
{
    const struct endpoint *e;
    for (uint32_t i = 0; (e = inherited_left(i)); i++) {
        char where[ENDPOINT_TEXT_MAX];
        endpoint_format(e, where);
        fprintf(stderr, "lbc run: a socket was handed over for %s, which no listener binds\n",
                where);
    }
}

static int serve(const struct run *r, struct table *table)
{
    struct text why = {0};
    struct stats_socket *socket = NULL, *haproxy = NULL;
    struct control *c = control_new(&r->config, &why);
    if (c)
        admin_attach(r->admin, c);
    const bool reachable = c && open_socket(r->socket, STATS_LBC, c, &socket, &why) &&
                           open_socket(r->haproxy_socket, STATS_HAPROXY, c, &haproxy, &why);
    if (!reachable)
        table_free(table);
    const bool ok = reachable && control_start(c, table, &why);
    if (ok) {
        say_left();
        served_started(r->served);
        control_run(c);
    } else {
        fprintf(stderr, "lbc run: " SLICE_FMT "\n", SLICE_ARG(text_slice(&why)));
    }
    inherited_close();
    stats_socket_close(socket);
    stats_socket_close(haproxy);
    admin_stop(r->admin);
    control_free(c);
    text_done(&why);
    return ok ? EXIT_CLEAN : EXIT_ERRORS;
}

int run_main(int argc, char **argv)
{
    struct run r = {.config = {.version = LBC_VERSION,
                               .workers = processors(),
                               .access_log = "-",
                               .drain_ns = DRAIN_S_DEFAULT * NS_PER_S,
                               .load = load_again,
                               .loaded = loaded_again,
                               .load_of = &r},
                    .socket = default_socket_path()};
    const char *value[COUNT_OF(options)] = {0};
    const int n = cli_parse(&command, argc, argv, value);
    if (n < 0)
        return -1 - n;
    const char *wrong = n == 1 ? set_options(&r, value) : n ? "one file at a time" : "which file?";
    if (wrong)
        return cli_usage(&command, wrong);

    r.admin = admin_new();
    r.config.admin = admin_hooks(r.admin);
    struct loaded l;
    r.config.file = argv[1];
    const int rc = load_to_run(r.config.file, &l);
    if (rc < 0) {
        fprintf(stderr, "lbc: cannot read %s: %s\n", r.config.file, strerror(-rc));
        loaded_done(&l);
        admin_free(r.admin);
        return EXIT_UNREADABLE;
    }
    if (diag_errors(l.diags) + diag_warnings(l.diags) > 0)
        report(&l, DIAG_HUMAN);
    if (l.table && open_state(&r)) {
        r.served = served_new(r.config.file, r.state, r.history, r.config.journal);
        served_start(r.served, &l);
    }
    struct table *table = take_table(&l);
    int code = EXIT_ERRORS;
    if (table && r.served && take_sockets())
        code = serve(&r, table);
    else
        table_free(table);
    served_free(r.served);
    close_state(&r);
    admin_free(r.admin);
    return code;
}

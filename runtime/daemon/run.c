#include "runtime/daemon/run.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "compiler/cli/cli.h"
#include "runtime/base/clock.h"
#include "runtime/base/number.h"
#include "runtime/control/process.h"
#include "runtime/daemon/explained.h"
#include "runtime/daemon/reach.h"
#include "runtime/daemon/revisions.h"
#include "runtime/daemon/served.h"
#include "runtime/log/log.h"
#include "runtime/net/inherited.h"
#include "stats/server/server.h"

#define DRAIN_S_DEFAULT 30
#define DRAIN_S_MAX     86400

/* Twice what all changes together may be. */
#define JOURNAL_BYTES_MAX   ((size_t)2 * CONTROL_CHANGES_MAX * CONTROL_CHANGE_BYTES_MAX)
#define OVERRIDES_BYTES_MAX ((size_t)2 * CONTROL_OVERRIDES_MAX * CONTROL_CHANGE_BYTES_MAX)

enum {
    OPTION_WORKERS,
    OPTION_SOCKET,
    OPTION_ACCESS_LOG,
    OPTION_DRAIN,
    OPTION_STATE,
    OPTION_HAPROXY
};

static const char *take_socket(void *to, const char *value);
static const char *take_haproxy_socket(void *to, const char *value);

static const struct cli_option options[] = {
    [OPTION_WORKERS] = {"--workers", "N", "threads that serve traffic (one per processor)"},
    [OPTION_SOCKET] = {"--socket", "PATH[,RIGHTS]",
                       "where 'lbc ctl' reaches this process, or 'off' (as 'lbc ctl' has it)",
                       take_socket},
    [OPTION_ACCESS_LOG] = {"--access-log", "PATH",
                           "a line of JSON per request; - is standard output (-), 'off' none"},
    [OPTION_DRAIN] = {"--drain", "SECONDS", "how long a shutdown waits for what is under way (30)"},
    [OPTION_STATE] = {"--state", "FOLDER",
                      "where changes and revisions are kept ($STATE_DIRECTORY, or nowhere)"},
    [OPTION_HAPROXY] = {"--haproxy-socket", "PATH[,RIGHTS]",
                        "the same for programs that ask HAProxy: exporters, hatop",
                        take_haproxy_socket},
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
        "of the same address; all workers then accept from the one. One that wants to know\n"
        "(NOTIFY_SOCKET, WATCHDOG_USEC) is told when it serves, loads, ends and lives.\n"
        "\n"
        "RIGHTS of a stats socket are level=observer, operator or admin (admin), mode=MODE (0600)\n"
        "and group=NAME, each after a comma: what may be done there, and who may connect. An\n"
        "observer looks; an operator acts on what is served, on servers and with changes that are\n"
        "in no file and name no new one; an admin decides what is. There may be several sockets, "
        "at most 8.\n"
        "\n"
        "'lbc upgrade' starts the program again, with the same arguments, and hands everything\n"
        "to it.",
};

struct run {
    struct control_config config;
    struct reach reach;
    const char *folder; /* NULL: none */
    struct state *state;
    struct history *history;
    struct text journal, overrides;
    struct admin *admin;
    struct served *served;
    struct handed handed; /* by the process before us; config.handed points to it, or is NULL */
};

static const char *take_socket(void *to, const char *value)
{
    struct run *r = to;
    return reach_add(&r->reach, "--socket", STATS_LBC, value);
}

static const char *take_haproxy_socket(void *to, const char *value)
{
    struct run *r = to;
    return reach_add(&r->reach, "--haproxy-socket", STATS_HAPROXY, value);
}

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
    if (value[OPTION_ACCESS_LOG])
        r->config.access_log = unless_off(value[OPTION_ACCESS_LOG]);
    r->folder = value[OPTION_STATE] ? value[OPTION_STATE] : getenv("STATE_DIRECTORY");
    return reach_complete(&r->reach);
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

static void loaded_again(void *of, bool served, struct text *said)
{
    const struct run *r = of;
    served_settle(r->served, served, said);
}

/* Takes it over from `handed`. */
static int handed_lock(struct run *r)
{
    const int fd = r->handed.fd[HANDED_STATE];
    r->handed.fd[HANDED_STATE] = -1;
    return fd;
}

/* A control_config.keep. */
static bool keep_overrides(void *of, struct slice overrides, struct text *why)
{
    const struct run *r = of;
    int error = state_write(r->state, SERVED_OVERRIDES, overrides);
    if (!error)
        error = state_take(r->state, SERVED_OVERRIDES, SERVED_OVERRIDES);
    if (error)
        text_addf(why, "cannot write %s/" SERVED_OVERRIDES ": %s", state_path(r->state),
                  strerror(-error));
    return !error;
}

/* Nothing is read where there is none; nor where it can't be, for there is a configuration to
 * serve. */
static void read_journal(const struct run *r, const char *name, size_t most, struct text *out)
{
    const int error = state_read(r->state, name, most, out);
    if (!error)
        return;
    text_clear(out);
    if (error != -ENOENT)
        log_line(LOG_ERROR, "cannot read %s/%s, what it has is left out: %s", r->folder, name,
                 strerror(-error));
}

/* What the process before us says holds rather than what is on the disk: it may be about to write
 * there, or not have been able to. */
static void take_journals(struct run *r)
{
    const struct handed *h = &r->handed;
    r->config.journal = text_slice(h->journal.len > 0 ? &h->journal : &r->journal);
    r->config.overrides = text_slice(h->overrides.len > 0 ? &h->overrides : &r->overrides);
}

/* False: why not has been said. */
static bool open_state(struct run *r)
{
    if (!r->folder) { /* changes end with the process, unless the next one gets them from it */
        take_journals(r);
        return true;
    }
    int error = state_open(r->folder, handed_lock(r), &r->state);
    if (!error)
        error = history_open(r->state, &r->history);
    if (error) {
        fprintf(stderr, "lbc run: cannot use the folder %s: %s\n", r->folder,
                error == -EWOULDBLOCK ? "another process does" : strerror(-error));
        return false;
    }
    read_journal(r, SERVED_JOURNAL, JOURNAL_BYTES_MAX, &r->journal);
    read_journal(r, SERVED_OVERRIDES, OVERRIDES_BYTES_MAX, &r->overrides);
    take_journals(r);
    r->config.keep = keep_overrides;
    r->config.revisions = revisions_of(r->history);
    return true;
}

static void close_state(struct run *r)
{
    history_free(r->history);
    state_close(r->state);
    text_done(&r->journal);
    text_done(&r->overrides);
}

/* What the next process gets, beside what control knows of. */
static void hand_on(const struct run *r, struct control *c)
{
    reach_hand_on(&r->reach, c);
    if (r->state)
        control_hands_on(c, HANDED_STATE, state_lock(r->state));
}

static void begun(void *of)
{
    struct run *r = of;
    served_started(r->served);
    reach_take_over(&r->reach);
    handed_close_left(&r->handed);
}

static bool asked(void *of)
{
    const struct run *r = of;
    return reach_has_clients(&r->reach);
}

static void succeeded(void *of)
{
    struct run *r = of;
    reach_let_go(&r->reach);
}

/* Sockets that a service manager opened for us; children of ours must not take them for theirs. */
static bool take_sockets(struct run *r)
{
    bool good = true;
    for (uint32_t i = 0; i < r->handed.socket.n; i++)
        good &= inherited_add(r->handed.socket.at[i].fd, r->handed.socket.at[i].own);
    if (!good)
        fprintf(stderr, "lbc run: what was handed over is no listening stream socket\n");

    const int n = inherited_adopt(getenv("LISTEN_PID"), getenv("LISTEN_FDS"));
    unsetenv("LISTEN_PID");
    unsetenv("LISTEN_FDS");
    unsetenv("LISTEN_FDNAMES");
    if (n < 0)
        fprintf(stderr, "lbc run: LISTEN_FDS hands over what is no listening stream socket\n");
    return good && n >= 0;
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

static int serve(struct run *r, struct table *table)
{
    struct text why = {0};
    struct control *c = control_new(&r->config, &why);
    if (c)
        admin_attach(r->admin, c);
    const bool reachable = c && reach_open(&r->reach, c, &r->handed, &why);
    if (!reachable)
        table_free(table);
    else
        hand_on(r, c);
    const bool ok = reachable && control_start(c, table, &why);
    if (ok) {
        say_left();
        if (!r->config.handed)
            served_started(r->served);
        control_run(c);
    } else {
        fprintf(stderr, "lbc run: " SLICE_FMT "\n", SLICE_ARG(text_slice(&why)));
    }
    inherited_close();
    reach_done(&r->reach);
    admin_stop(r->admin);
    control_free(c);
    text_done(&why);
    return ok ? EXIT_CLEAN : EXIT_ERRORS;
}

/* As it was called, for arguments change places when they are parsed. NULL: see
 * control_config.command. */
static char **command_line(int argc, char **argv)
{
    char **copy = MUST_ARRAY(char *, (size_t)argc + 2);
    copy[0] = program_invocation_name;
    memcpy(copy + 1, argv, (size_t)argc * sizeof(*argv));
    return copy;
}

/* How often the service manager wants to hear from us; 0: never. */
static int64_t watchdog_ns(void)
{
    const char *every = getenv("WATCHDOG_USEC"), *whose = getenv("WATCHDOG_PID");
    uint64_t us, pid;
    if (!every || !number_parse(slice_of(every), INT64_MAX / NS_PER_US, &us))
        return 0;
    if (whose && (!number_parse(slice_of(whose), INT32_MAX, &pid) || pid != (uint64_t)getpid()))
        return 0;
    return (int64_t)us * NS_PER_US;
}

/* What the process before us hands over. False: why not has been said. */
static bool take_over(struct run *r)
{
    const int rc = handed_open(&r->handed);
    if (rc < 0)
        fprintf(stderr, "lbc run: cannot take over from the process before: %s\n",
                rc == -EPROTO ? "it is of another version" : strerror(-rc));
    r->config.handed = rc > 0 ? &r->handed : NULL;
    return rc >= 0;
}

static int load_and_serve(struct run *r)
{
    r->admin = admin_new();
    r->config.admin = admin_hooks(r->admin);
    struct loaded l;
    const int rc = load_to_run(r->config.file, &l);
    if (rc < 0) {
        fprintf(stderr, "lbc: cannot read %s: %s\n", r->config.file, strerror(-rc));
        loaded_done(&l);
        admin_free(r->admin);
        return EXIT_UNREADABLE;
    }
    if (diag_errors(l.diags) + diag_warnings(l.diags) > 0)
        report(&l, DIAG_HUMAN);
    if (l.table && open_state(r)) {
        r->served = served_new(r->config.file, r->state, r->history, text_slice(&r->journal));
        served_start(r->served, &l, r->config.handed ? SLICE("upgrade") : SLICE("start"));
    }
    struct table *table = take_table(&l);
    int code = EXIT_ERRORS;
    if (table && r->served && take_sockets(r))
        code = serve(r, table);
    else
        table_free(table);
    served_free(r->served);
    close_state(r);
    admin_free(r->admin);
    return code;
}

int run_main(int argc, char **argv)
{
    struct run r = {.config = {.version = LBC_VERSION,
                               .workers = processors(),
                               .access_log = "-",
                               .drain_ns = DRAIN_S_DEFAULT * NS_PER_S,
                               .load = load_again,
                               .explain = explained,
                               .loaded = loaded_again,
                               .load_of = &r,
                               .begun = begun,
                               .succeeded = succeeded,
                               .asked = asked,
                               .notify = getenv("NOTIFY_SOCKET"),
                               .watchdog_ns = watchdog_ns()}};
    const char *value[COUNT_OF(options)] = {0};
    char **called = command_line(argc, argv);
    const int n = cli_parse_into(&command, argc, argv, value, &r);
    if (n < 0) {
        reach_done(&r.reach);
        free(called);
        return -1 - n;
    }
    const char *wrong = n == 1 ? set_options(&r, value) : n ? "one file at a time" : "which file?";
    int code = EXIT_ERRORS;
    if (wrong) {
        code = cli_usage(&command, wrong);
    } else if (take_over(&r)) {
        r.config.file = argv[1];
        r.config.command = strcmp(argv[1], "-") == 0 ? NULL : called;
        code = load_and_serve(&r);
    }
    reach_done(&r.reach);
    handed_done(&r.handed);
    free(called);
    return code;
}

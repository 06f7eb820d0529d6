/*
 * Another process takes our place: started, waited for, and given what we have. Until it says that
 * it serves nothing is lost here, so whatever goes wrong with it, we go on.
 *
 *     we                                  the other (takeover.c)
 *     start it with all our sockets  -->  loads, opens, checks
 *                                    <--  ready
 *     write what clients we remember
 *     go, with what is known by now  -->  accepts beside us
 *                                    <--  serving
 *     yours                          -->  is who the service manager asks
 *     drain; left ...                -->  shows it
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "runtime/base/clock.h"
#include "runtime/control/control_priv.h"
#include "runtime/control/handed.h"
#include "runtime/log/log.h"
#include "runtime/net/inherited.h"

/* How long it may take to load and check; and, once it has, to begin. */
#define READY_NS   (25 * NS_PER_S)
#define SERVING_NS (10 * NS_PER_S)
#define HUNG_UP_NS NS_PER_S

/* Of what it says before that, for whoever asked. */
#define SAID_MAX ((size_t)16 * 1024)

/* --- what is handed over --------------------------------------------------------------------- */

static void add_servers(const struct generation *g, struct text *out)
{
    for (uint32_t i = 0; i < g->n_servers; i++) {
        const struct server *s = g->server[i];
        const struct handed_server line = {
            .cluster = slice_of(s->cluster_name),
            .name = slice_of(s->name),
            .endpoint = s->endpoint,
            .health = (enum health_state)atomic_load_explicit(&s->health, memory_order_relaxed),
            .ejected = {.until_ns = s->outlier.ejected ? s->outlier.until_ns : 0,
                        .times = s->outlier.times,
                        .why = s->outlier.why}};
        handed_add_server(out, &line);
        if (s->outlier.times > 0)
            handed_add_ejected(out, &line);
    }
}

void control_each_listener(const struct control *c, void (*each)(void *to, struct listener *l),
                           void *to)
{
    for (uint32_t i = 0; i < c->newest->n_sockets; i++)
        each(to, c->newest->socket[i]);
    if (c->config.admin.listeners)
        c->config.admin.listeners(c->config.admin.of, each, to);
}

struct to_each {
    void (*each)(void *to, int fd, bool own);
    void *to;
};

static void each_of_listener(void *of, struct listener *l)
{
    const struct to_each *all = of;
    for (uint32_t k = 0; k < l->n_sockets; k++)
        all->each(all->to, l->socket[k].fd, !l->lent);
}

/* Calls `each` for every descriptor that goes along. */
static void each_socket(const struct control *c, void (*each)(void *to, int fd, bool own), void *to)
{
    const struct inherited_socket *left;
    struct to_each all = {each, to};
    control_each_listener(c, each_of_listener, &all);
    for (uint32_t i = 0; (left = inherited_left_socket(i)); i++)
        each(to, left->fd, left->own);
}

static void add_socket_line(void *to, int fd, bool own)
{
    handed_add_socket(to, fd, own);
}

static void add_socket_action(void *to, int fd, bool own)
{
    (void)own;
    (void)posix_spawn_file_actions_adddup2(to, fd, fd); /* which is: not closed on exec */
}

static void write_text(const struct control *c, struct text *out)
{
    handed_begin(out);
    for (enum handed_descriptor d = 0; d < HANDED_DESCRIPTOR_COUNT; d++)
        if (c->upgrade.hands_on[d] > 0)
            handed_add_descriptor(out, d, c->upgrade.hands_on[d]);
    for (uint32_t i = 0; i < c->upgrade.stats.n; i++)
        handed_add_stats(out, c->upgrade.stats.at[i]);
    if (c->upgrade.memory_fd > 0)
        handed_add_descriptor(out, HANDED_MEMORY, c->upgrade.memory_fd);
    each_socket(c, add_socket_line, out);
    add_servers(c->newest, out);
    changes_hand_over(c, out);
    overrides_hand_over(c, out);
}

/* In place of what was there. */
static bool write_file(const struct control *c, int fd)
{
    struct text text = {0};
    write_text(c, &text);
    const bool written =
        ftruncate(fd, 0) == 0 && pwrite(fd, text.at, text.len, 0) == (ssize_t)text.len;
    text_done(&text);
    return written;
}

/* --- the start ------------------------------------------------------------------------------- */

/* Ours, but for what is about this process. */
static char **environment(char *variable)
{
    size_t n = 0, kept = 0;
    while (environ[n])
        n++;
    char **all = MUST_ARRAY(char *, n + 2);
    for (size_t i = 0; i < n; i++)
        if (!slice_starts(slice_of(environ[i]), SLICE("WATCHDOG_PID=")) &&
            !slice_starts(slice_of(environ[i]), SLICE(HANDED_VARIABLE "=")))
            all[kept++] = environ[i];
    all[kept] = variable;
    return all;
}

/* Ours, under the name of the program: the next upgrade starts the same one. */
static char **arguments(const struct control *c, char *path)
{
    size_t n = 0;
    while (c->config.command[n])
        n++;
    char **all = MUST_ARRAY(char *, n + 1);
    memcpy(all, c->config.command, n * sizeof(*all));
    all[0] = path;
    return all;
}

static void set_attributes(posix_spawnattr_t *a)
{
    sigset_t none, defaults;
    sigemptyset(&none);
    sigemptyset(&defaults);
    sigaddset(&defaults, SIGPIPE);
    posix_spawnattr_init(a);
    posix_spawnattr_setsigmask(a, &none);
    posix_spawnattr_setsigdefault(a, &defaults);
    posix_spawnattr_setpgroup(a, 0);
    posix_spawnattr_setflags(a, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
                                    POSIX_SPAWN_SETPGROUP);
}

static int spawn(struct control *c, char *path, int said_to)
{
    struct upgrade *u = &c->upgrade;
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    char variable[32];
    snprintf(variable, sizeof(variable), HANDED_VARIABLE "=%d", u->text_fd);
    char **env = environment(variable), **argv = arguments(c, path);
    set_attributes(&attributes);
    posix_spawn_file_actions_init(&actions);
    add_socket_action(&actions, u->text_fd, true);
    add_socket_action(&actions, u->memory_fd, true);
    for (uint32_t d = 0; d < HANDED_DESCRIPTOR_COUNT; d++)
        if (u->hands_on[d] > 0)
            add_socket_action(&actions, u->hands_on[d], true);
    for (uint32_t i = 0; i < u->stats.n; i++)
        add_socket_action(&actions, u->stats.at[i], true);
    each_socket(c, add_socket_action, &actions);
    posix_spawn_file_actions_adddup2(&actions, said_to, STDERR_FILENO);
    const int error = posix_spawnp(&u->pid, path, &actions, &attributes, argv, env);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    free(env);
    free(argv);
    return error;
}

static void close_if_open(int *fd)
{
    if (*fd > 0)
        close(*fd);
    *fd = -1;
}

static void close_files(struct upgrade *u)
{
    close_if_open(&u->text_fd);
    close_if_open(&u->memory_fd);
}

static void close_channel(struct upgrade *u)
{
    if (u->channel == -1)
        return;
    watch_done(&u->watch);
    close_if_open(&u->channel);
}

static void close_saying(struct upgrade *u)
{
    if (u->said_fd == -1)
        return;
    watch_done(&u->saying);
    close_if_open(&u->said_fd);
}

static void heard(void *of, unsigned what);
static void read_said(void *of, unsigned what);

/* All descriptors, or a negative errno. */
static int open_all(struct control *c, int *theirs, int *said_to)
{
    struct upgrade *u = &c->upgrade;
    int pair[2], pipe[2];
    u->text_fd = remembered_file("lbc hands over");
    u->memory_fd = remembered_file("lbc memory");
    u->hands_on[HANDED_KEYS] = remembered_keys(c);
    if (u->text_fd < 0 || u->memory_fd < 0 || u->hands_on[HANDED_KEYS] < 0)
        return -EMFILE;
    u->hands_on[HANDED_STDERR] = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
    if (u->hands_on[HANDED_STDERR] == -1 ||
        socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) == -1)
        return -errno;
    u->channel = pair[0];
    u->hands_on[HANDED_CHANNEL] = *theirs = pair[1];
    watch_init(&u->watch, c->loop, u->channel, heard, c);
    if (pipe2(pipe, O_CLOEXEC) == -1 || fcntl(pipe[0], F_SETFL, O_NONBLOCK) == -1)
        return -errno;
    u->said_fd = pipe[0];
    *said_to = pipe[1];
    watch_init(&u->saying, c->loop, u->said_fd, read_said, c);
    return write_file(c, u->text_fd) ? 0 : -EIO;
}

static int start(struct control *c, char *path)
{
    struct upgrade *u = &c->upgrade;
    int theirs = -1, said_to = -1;
    int rc = open_all(c, &theirs, &said_to);
    if (rc == 0)
        rc = -spawn(c, path, said_to);
    close_if_open(&theirs);
    close_if_open(&said_to);
    close_if_open(&u->hands_on[HANDED_STDERR]);
    close_if_open(&u->hands_on[HANDED_KEYS]);
    u->hands_on[HANDED_CHANNEL] = -1;
    if (rc == 0) {
        watch_want(&u->watch, WATCH_READ);
        watch_want(&u->saying, WATCH_READ);
        return 0;
    }
    close_channel(u);
    close_saying(u);
    close_files(u);
    return rc;
}

/* --- the end of it --------------------------------------------------------------------------- */

/* What it says is the log's, as if we had said it; the first of it is for whoever asked, too. */
static void read_said(void *of, unsigned what)
{
    struct control *c = of;
    struct upgrade *u = &c->upgrade;
    char some[4096];
    ssize_t n;
    (void)what;
    while ((n = read(u->said_fd, some, sizeof(some))) > 0) {
        (void)!write(STDERR_FILENO, some, (size_t)n);
        const size_t room = SAID_MAX - u->said.len;
        text_add(&u->said, (struct slice){some, (size_t)n < room ? (size_t)n : room});
    }
    if (n == 0)
        close_saying(u);
}

static void answer(struct control *c, const struct control_reload *result)
{
    const struct control_asker asker = c->upgrade.asker;
    c->upgrade.asker = (struct control_asker){0};
    if (asker.done)
        asker.done(asker.of, result);
    text_done(&c->upgrade.said);
}

/* It never served. `why` NULL: it ended by itself. What it had is still ours. */
static void give_up(struct control *c, const char *why)
{
    struct upgrade *u = &c->upgrade;
    u->under_way = false;
    timer_stop(&u->late);
    remembered_abandon(c);
    const int status = child_end(&u->child); /* its children go, too: they have our sockets */
    if (u->said_fd != -1)
        read_said(c, WATCH_READ);
    close_channel(u);
    close_saying(u);
    close_files(u);
    struct text reason = {0};
    if (why) {
        text_adds(&reason, why);
    } else {
        text_adds(&reason, "the new process ");
        child_describe_end(status, &reason);
    }
    event_log(EVENT_UPGRADE, LOG_ERROR, ABOUT_PROCESS,
              "upgrade refused, this process goes on: " SLICE_FMT, SLICE_ARG(text_slice(&reason)));
    const struct control_reload result = {.upgrade = true,
                                          .generation = c->newest->id,
                                          .why = text_slice(&reason),
                                          .report = text_slice(&u->said)};
    answer(c, &result);
    text_done(&reason);
    overrides_keep(c); /* what ended meanwhile */
    for (int i = 0; i < UPGRADE_SIGNALS; i++)
        if (u->signal[i])
            kill(getpid(), u->signal[i]);
    memset(u->signal, 0, sizeof(u->signal));
}

void upgrade_abandon(struct control *c, const char *why)
{
    if (c->upgrade.under_way)
        give_up(c, why);
}

/* By itself: what it has started may have the channel, and say nothing. */
static void has_ended(void *of)
{
    give_up(of, NULL);
}

bool upgrade_is_held_up(const struct control *c)
{
    const struct upgrade *u = &c->upgrade;
    return u->under_way && u->ready && !u->goes && !u->remembering;
}

static void is_late(void *of)
{
    struct control *c = of;
    give_up(c, c->upgrade.channel == -1
                   ? "the new process closed its channel and did not begin to serve"
               : upgrade_is_held_up(c)
                   ? "the disk does not answer: what is set of servers is still being written"
               : c->upgrade.ready ? "the new process was ready and did not begin to serve"
                                  : "the new process was not ready in time");
}

/* Then it ends as a rule, and how says more. */
static void has_hung_up(struct control *c)
{
    close_channel(&c->upgrade);
    timer_set(&c->upgrade.late, HUNG_UP_NS);
}

/* --- what it says ---------------------------------------------------------------------------- */

static bool say(const struct upgrade *u, const char *what)
{
    return send(u->channel, what, strlen(what), MSG_NOSIGNAL | MSG_DONTWAIT) != -1;
}

/* It is ready. */
static void let_go(struct control *c)
{
    struct upgrade *u = &c->upgrade;
    u->ready = true;
    timer_set(&u->late, SERVING_NS);
    if (!remembered_begin(c, u->memory_fd))
        upgrade_goes(c);
}

void upgrade_goes(struct control *c)
{
    struct upgrade *u = &c->upgrade;
    ASSERT(u->under_way && u->ready && !u->goes);
    if (overrides_are_being_written(c))
        return;         /* a disk that does not answer holds it up, and not us */
    overrides_flush(c); /* from now on it is the other one who writes there */
    if (!write_file(c, u->text_fd) || !say(u, "go")) {
        give_up(c, "the new process could not be told to begin");
        return;
    }
    u->goes = true;
    timer_set(&u->late, SERVING_NS);
}

static void let_path(void *to, struct listener *l)
{
    (void)to;
    listener_let_path(l);
}

/* It serves: from now on there is no way back. */
static void succeed(struct control *c)
{
    struct upgrade *u = &c->upgrade;
    u->under_way = false;
    u->successor = u->pid;
    child_forget(&u->child);
    timer_stop(&u->late);
    close_files(u);
    control_each_listener(c, let_path, NULL);
    if (c->config.admin.succeeded)
        c->config.admin.succeeded(c->config.admin.of);
    service_passes_on(c, u->pid);
    (void)say(u, "yours");
    c->config.succeeded(c->config.load_of);
    event_log(EVENT_UPGRADE, LOG_INFO, ABOUT_PROCESS,
              "process %lld serves; what is under way here has %.0f s", (long long)u->pid,
              (double)c->config.drain_ns / (double)NS_PER_S);
    const struct control_reload result = {.done = true,
                                          .upgrade = true,
                                          .generation = c->newest->id,
                                          .took_ns = clock_now_ns() - u->begun_ns,
                                          .successor = u->pid};
    answer(c, &result);
    for (int i = 0; i < UPGRADE_SIGNALS; i++)
        if (u->signal[i])
            kill(u->pid, u->signal[i]);
    control_drain(c);
}

static void heard(void *of, unsigned what)
{
    struct control *c = of;
    struct upgrade *u = &c->upgrade;
    char word[64];
    (void)what;
    const ssize_t n = recv(u->channel, word, sizeof(word), MSG_DONTWAIT);
    if (n == -1 && (errno == EAGAIN || errno == EINTR))
        return;
    const struct slice said = {word, n > 0 ? (size_t)n : 0};
    if (n <= 0 && u->under_way)
        has_hung_up(c);
    else if (n <= 0)
        close_channel(u); /* whom we are followed by has ended; our own end comes all the same */
    else if (u->under_way && !u->ready && slice_eq(said, SLICE("ready")))
        let_go(c);
    else if (u->under_way && u->goes && slice_eq(said, SLICE("serving")))
        succeed(c);
    else if (u->under_way)
        give_up(c, "the new process says what this one does not understand");
}

void upgrade_tell_left(struct control *c, const struct control_left *left)
{
    char line[128];
    if (c->upgrade.channel == -1)
        return;
    snprintf(line, sizeof(line), "left %" PRId64 " %" PRId64 " %" PRId64 " %" PRId64,
             left->connections, left->requests, left->tunnels, left->for_ns / NS_PER_MS);
    (void)say(&c->upgrade, line);
}

/* --- the door -------------------------------------------------------------------------------- */

bool upgrade_takes_signal(struct control *c, int number)
{
    if (!c->upgrade.under_way)
        return false;
    int i = 0;
    while (i < UPGRADE_SIGNALS - 1 && c->upgrade.signal[i] && c->upgrade.signal[i] != number)
        i++;
    c->upgrade.signal[i] = number;
    return true;
}

bool upgrade_is_over(const struct control *c)
{
    return c->upgrade.successor != 0;
}

bool upgrade_lets_go(const struct control *c)
{
    return (c->upgrade.under_way && c->upgrade.goes) || upgrade_is_over(c);
}

static const char *why_not(const struct control *c)
{
    if (!c->config.command)
        return "a configuration that came from standard input cannot be read again";
    if (!c->serving)
        return "this process does not serve yet";
    const bool may = !c->reload.under_way && !c->draining && !trial_is_on(c) && !canary_is_on(c) &&
                     !c->upgrade.under_way && !takeover_waits(c);
    return may ? NULL : control_why_not_now(c);
}

bool control_upgrade(struct control *c, struct slice path, const struct control_asker *asker)
{
    struct upgrade *u = &c->upgrade;
    const char *why = why_not(c);
    if (why) {
        text_adds(asker->why, why);
        return false;
    }
    struct text file = {0};
    text_add(&file, path.len > 0 ? path : slice_of(c->config.command[0]));
    const int rc = start(c, file.at);
    if (rc != 0)
        text_addf(asker->why, "cannot start %s: %s", file.at, strerror(-rc));
    else
        event_log(EVENT_UPGRADE, LOG_INFO, ABOUT_PROCESS,
                  "upgrade by " SLICE_FMT ": process %lld of %s is to take over",
                  SLICE_ARG(asker->who), (long long)u->pid, file.at);
    text_done(&file);
    if (rc != 0)
        return false;
    u->asker = *asker;
    u->asker.why = NULL; /* and `who` are not there any more once it is done */
    u->begun_ns = clock_now_ns();
    u->under_way = true;
    u->ready = u->goes = false;
    child_watch(&u->child, u->pid);
    timer_set(&u->late, READY_NS);
    return true;
}

void control_hands_on(struct control *c, enum handed_descriptor what, int fd)
{
    c->upgrade.hands_on[what] = fd;
}

void control_hands_on_stats(struct control *c, int fd)
{
    VEC_ADD(&c->upgrade.stats, fd);
}

void upgrade_init(struct control *c)
{
    struct upgrade *u = &c->upgrade;
    u->channel = u->said_fd = u->text_fd = u->memory_fd = -1;
    for (uint32_t d = 0; d < HANDED_DESCRIPTOR_COUNT; d++)
        u->hands_on[d] = -1;
    timer_init(&u->late, c->loop, is_late, c);
    child_init(&u->child, c->loop, has_ended, c);
}

void upgrade_done(struct control *c)
{
    struct upgrade *u = &c->upgrade;
    upgrade_abandon(c, "the process is shutting down");
    timer_stop(&u->late);
    close_channel(u);
    close_saying(u);
    text_done(&u->said);
    VEC_DONE(&u->stats);
}

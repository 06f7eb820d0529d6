#include "stats/socket/client.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "runtime/base/clock.h"
#include "runtime/control/control.h"
#include "stats/socket/command.h"
#include "stats/socket/wait.h"

#define IDLE_NS (600 * NS_PER_S)

struct wait {
    struct client *client; /* NULL once it is gone */
};

static void go_on(struct client *c);

/*
 * A payload line must not look like the end of the answer. Nothing we write does, but a reload's
 * report quotes what others wrote: there, a blank in front tells the difference.
 */
static void add_payload(struct text *out, struct slice lines)
{
    struct slice line;
    while (slice_split(&lines, '\n', &line)) {
        if (slice_eq(line, SLICE("ok")) || slice_starts(line, SLICE("refused: ")))
            text_addc(out, ' ');
        text_add(out, line);
        text_addc(out, '\n');
    }
}

static void add_reason(struct text *out, struct slice why)
{
    for (size_t i = 0; i < why.len; i++)
        text_addc(out, (unsigned char)why.at[i] < 0x20 ? ' ' : why.at[i]);
}

static void answer(struct client *c, enum command_end end, struct text *lines, struct text *why)
{
    switch (end) {
    case COMMAND_DONE:
        add_payload(&c->out, text_slice(lines));
        text_adds(&c->out, "ok\n");
        break;
    case COMMAND_REFUSED:
        add_payload(&c->out, text_slice(lines));
        text_adds(&c->out, "refused: ");
        add_reason(&c->out, text_slice(why));
        text_addc(&c->out, '\n');
        break;
    case COMMAND_LATER: break;
    }
    text_done(lines);
    text_done(why);
}

/* --- what takes longer than its call --------------------------------------------------------- */

void wait_end(struct wait *wait, enum command_end end, struct text *lines, struct text *why)
{
    struct client *c = wait->client;
    free(wait);
    if (!c) {
        text_done(lines);
        text_done(why);
        return;
    }
    CHECK_OBJ(c, CLIENT_MAGIC);
    c->wait = NULL;
    answer(c, end, lines, why);
    if (!c->running)
        go_on(c);
}

bool wait_say(struct wait *wait, struct slice lines)
{
    struct client *c = wait->client;
    if (!c || c->out.len - c->sent >= CLIENT_PENDING_MAX)
        return false;
    CHECK_OBJ(c, CLIENT_MAGIC);
    add_payload(&c->out, lines);
    if (!c->running)
        go_on(c);
    return true;
}

/* One that has only ended its own sending still reads. */
bool wait_is_left(const struct wait *wait)
{
    if (!wait->client)
        return true;
    struct pollfd p = {.fd = wait->client->fd};
    return poll(&p, 1, 0) == 1 && (p.revents & (POLLHUP | POLLERR));
}

static void reloaded(void *of, const struct control_reload *r)
{
    struct text lines = {0}, why = {0};
    struct command command = {.out = &lines, .why = &why};
    const enum command_end end = command_reload_answer(&command, r);
    wait_end(of, end, &lines, &why);
}

static bool is_blank(struct slice line)
{
    return slice_trim(line).len == 0;
}

static void run(struct client *c, struct slice line)
{
    if (line.len > 0 && line.at[line.len - 1] == '\r')
        line.len--;
    if (is_blank(line))
        return; /* somebody pressed Enter */

    /* Made in advance: a reload may call back before its command returns. */
    struct wait *wait = MUST_NEW(struct wait);
    wait->client = c;
    c->wait = wait;
    c->running = true;
    struct text lines = {0}, why = {0};
    const struct control_asker asker = {
        .who = slice_of(c->who), .done = reloaded, .of = wait, .why = &why};
    struct command command = {.control = c->all->control,
                              .level = c->at->level,
                              .sockets = c->all,
                              .out = &lines,
                              .why = &why,
                              .asker = &asker,
                              .wait = wait};
    const enum command_end end = command_line(&command, line);
    c->running = false;
    if (end != COMMAND_LATER) {
        c->wait = NULL;
        free(wait);
    }
    answer(c, end, &lines, &why);
}

static bool has_line(const struct client *c)
{
    return memchr(c->line, '\n', c->line_bytes) || (c->at_end && c->line_bytes > 0);
}

/* Takes the first line out of what has arrived, into `room`. */
static bool next_line(struct client *c, char room[CLIENT_LINE_MAX + 1], struct slice *out)
{
    if (!has_line(c))
        return false;
    const char *end = memchr(c->line, '\n', c->line_bytes);
    const size_t len = end ? (size_t)(end - c->line) : c->line_bytes;
    const size_t used = end ? len + 1 : len;
    memcpy(room, c->line, len);
    c->line_bytes -= used;
    memmove(c->line, c->line + used, c->line_bytes);
    *out = (struct slice){room, len};
    return true;
}

/* A line that does not fit is refused once, and skipped to its end. */
static void refuse_long_line(struct client *c)
{
    if (!c->skipping)
        text_addf(&c->out, "refused: a line has at most %u bytes\n", CLIENT_LINE_MAX);
    c->skipping = true;
    c->line_bytes = 0;
}

/* Answers come in the order of the commands: none is run while one is not answered yet. */
static bool may_run(const struct client *c)
{
    return !c->wait && c->out.len - c->sent < CLIENT_PENDING_MAX;
}

/* What is left of the line that was taken out last is the first one again. */
static void put_back(struct client *c, struct slice line)
{
    ASSERT(c->line_bytes + line.len + 1 <= sizeof(c->line));
    memmove(c->line + line.len + 1, c->line, c->line_bytes);
    memcpy(c->line, line.at, line.len);
    c->line[line.len] = '\n';
    c->line_bytes += line.len + 1;
}

/* One line to a connection, unless it has asked for more. A line of many commands waits, as many
 * lines do, while the answers to the first of them are on their way. */
static void run_haproxy(struct client *c, struct slice line)
{
    if (line.len > 0 && line.at[line.len - 1] == '\r')
        line.len--;
    const struct slice rest =
        haproxy_line(c->all->control, line, &c->haproxy, CLIENT_PENDING_MAX, &c->out);
    if (rest.len > 0) {
        put_back(c, rest);
        return;
    }
    if (c->haproxy.prompts && !c->haproxy.quits)
        return;
    c->at_end = true;
    c->line_bytes = 0;
}

static void run_line(struct client *c, struct slice line)
{
    switch (c->at->speech) {
    case STATS_LBC: run(c, line); return;
    case STATS_HAPROXY: run_haproxy(c, line); return;
    }
}

static void run_lines(struct client *c)
{
    char room[CLIENT_LINE_MAX + 1];
    struct slice line;
    while (may_run(c) && next_line(c, room, &line)) {
        if (!c->skipping)
            run_line(c, line);
        else if (c->at->speech == STATS_HAPROXY)
            c->at_end = true;
        c->skipping = false;
    }
    if (may_run(c) && c->line_bytes == sizeof(c->line))
        refuse_long_line(c);
}

/* Writes what it can. False when the client is gone. */
static bool flush(struct client *c)
{
    while (c->sent < c->out.len) {
        const ssize_t n =
            send(c->fd, c->out.at + c->sent, c->out.len - c->sent, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n == -1 && errno == EINTR)
            continue;
        if (n == -1)
            return errno == EAGAIN;
        c->sent += (size_t)n;
        timer_set(&c->idle, IDLE_NS);
    }
    text_done(&c->out); /* one long answer does not keep its memory */
    c->sent = 0;
    return true;
}

/* Reads once. False when the connection broke. */
static bool read_some(struct client *c)
{
    ssize_t n;
    do
        n = recv(c->fd, c->line + c->line_bytes, sizeof(c->line) - c->line_bytes, MSG_DONTWAIT);
    while (n == -1 && errno == EINTR);
    if (n == -1)
        return errno == EAGAIN;
    c->at_end = n == 0;
    c->line_bytes += (size_t)n;
    timer_set(&c->idle, IDLE_NS);
    return true;
}

static unsigned wants(const struct client *c)
{
    unsigned wants = 0;
    if (!c->at_end && c->line_bytes < sizeof(c->line) && c->out.len - c->sent < CLIENT_PENDING_MAX)
        wants |= WATCH_READ;
    if (c->sent < c->out.len)
        wants |= WATCH_WRITE;
    return wants;
}

/* Runs what has arrived and sends what there is to say; frees the client when it is done for. */
static void go_on(struct client *c)
{
    do {
        run_lines(c);
        if (!flush(c)) {
            client_free(c);
            return;
        }
    } while (may_run(c) && has_line(c));

    if (c->at_end && !c->wait && c->line_bytes == 0 && c->sent == c->out.len)
        client_free(c);
    else
        watch_want(&c->watch, wants(c));
}

static void ready(void *of, unsigned what)
{
    struct client *c = of;
    CHECK_OBJ(c, CLIENT_MAGIC);
    if ((what & WATCH_READ) && !read_some(c)) {
        client_free(c);
        return;
    }
    go_on(c);
}

static void idle(void *of)
{
    struct client *c = of;
    CHECK_OBJ(c, CLIENT_MAGIC);
    if (c->wait)
        timer_set(&c->idle, IDLE_NS); /* it is we who are slow */
    else
        client_free(c);
}

static void know(struct client *c)
{
    struct ucred peer;
    socklen_t len = sizeof(peer);
    if (getsockopt(c->fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0)
        snprintf(c->who, sizeof(c->who), "uid %u", (unsigned)peer.uid);
    else
        snprintf(c->who, sizeof(c->who), "somebody");
}

struct client *client_new(int fd, const struct stats_at *at, const struct stats_sockets *all,
                          void (*gone)(void *of, struct client *c), void *gone_of)
{
    struct client *c = MUST_NEW(struct client);
    c->magic = CLIENT_MAGIC;
    list_init(&c->link);
    c->at = at;
    c->all = all;
    c->fd = fd;
    know(c);
    c->haproxy = (struct haproxy_session){.level = at->level, .who = slice_of(c->who)};
    c->gone = gone;
    c->gone_of = gone_of;
    watch_init(&c->watch, all->loop, fd, ready, c);
    timer_init(&c->idle, all->loop, idle, c);
    watch_want(&c->watch, WATCH_READ);
    timer_set(&c->idle, IDLE_NS);
    return c;
}

void client_free(struct client *c)
{
    CHECK_OBJ(c, CLIENT_MAGIC);
    ASSERT(!c->running);
    if (c->wait)
        c->wait->client = NULL;
    list_remove(&c->link);
    c->gone(c->gone_of, c);
    timer_stop(&c->idle);
    watch_done(&c->watch);
    close(c->fd);
    text_done(&c->out);
    c->magic = 0;
    free(c);
}

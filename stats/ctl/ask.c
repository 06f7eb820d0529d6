#include "stats/ctl/ask.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "runtime/base/clock.h"

void ask_say_unreachable(const char *who, const char *path, int error)
{
    fprintf(stderr, "%s: cannot connect to %s: %s\n", who, path, strerror(error));
    if (error == EACCES || error == EPERM)
        fputs("Only the user that runs lbc, and root, may use its socket.\n", stderr);
    else
        fputs("Is lbc running? `lbc run FILE` starts it; --socket PATH or $LBC_SOCKET names\n"
              "another socket.\n",
              stderr);
}

int ask_open(const char *path)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof(un.sun_path))
        return -ENAMETOOLONG;
    memcpy(un.sun_path, path, strlen(path));
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd != -1 && connect(fd, (const struct sockaddr *)&un, sizeof(un)) == 0)
        return fd;
    const int error = -errno;
    if (fd != -1)
        close(fd);
    return error;
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

static bool is_end(struct slice line)
{
    return slice_eq(line, SLICE("ok")) || slice_starts(line, SLICE("refused: "));
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
    return is_end(*last);
}

/* Adds what comes next. NULL, or a sentence about what went wrong. */
static const char *read_piece(int fd, int64_t until_ns, struct text *answer)
{
    char piece[16384];
    for (;;) {
        if (!wait_for(fd, POLLIN, until_ns))
            return "no answer in time";
        const ssize_t n = recv(fd, piece, sizeof(piece), 0);
        if (n > 0)
            text_add(answer, (struct slice){piece, (size_t)n});
        if (n > 0)
            return NULL;
        if (n == 0 || errno == ECONNRESET)
            return "the connection was closed before the answer was complete";
        if (errno != EAGAIN && errno != EINTR)
            return strerror(errno);
    }
}

const char *ask(int fd, struct slice line, int64_t until_ns, struct text *room,
                struct ask_answer *out)
{
    const char *failure = NULL;
    text_clear(room);
    if (!send_line(fd, line, until_ns))
        return "it takes no command";
    while (!failure && !find_end(text_slice(room), &out->lines, &out->last))
        failure = read_piece(fd, until_ns, room);
    out->ok = !failure && slice_eq(out->last, SLICE("ok"));
    return failure;
}

/* Gives all whole lines away, and keeps what is left. True at the last of them, which is kept. */
static bool give_lines(struct text *room, void (*each)(struct slice lines), struct slice *last)
{
    const struct slice all = text_slice(room);
    size_t given = 0;
    const char *end;
    bool over = false;
    while (!over && (end = memchr(all.at + given, '\n', all.len - given))) {
        const struct slice line = {all.at + given, (size_t)(end - all.at) - given};
        over = is_end(line);
        *last = line;
        given += over ? 0 : line.len + 1;
    }
    if (given > 0)
        each((struct slice){all.at, given});
    if (!over && given > 0) {
        memmove(room->at, room->at + given, room->len - given);
        room->len -= given;
    }
    return over;
}

const char *ask_and_follow(int fd, struct slice line, int64_t until_ns, struct text *room,
                           void (*each)(struct slice lines), struct ask_answer *out)
{
    const char *failure = NULL;
    text_clear(room);
    if (!send_line(fd, line, until_ns))
        return "it takes no command";
    while (!failure && !give_lines(room, each, &out->last))
        failure = read_piece(fd, until_ns, room);
    out->lines = (struct slice){room->at, 0};
    out->ok = !failure && slice_eq(out->last, SLICE("ok"));
    return failure;
}

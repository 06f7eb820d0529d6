#include "runtime/log/writer.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/base/clock.h"
#include "runtime/base/text.h"
#include "runtime/log/log.h"

#define BATCH_BYTES ((size_t)64 * 1024)
#define PAUSE_NS    (50 * NS_PER_MS)
#define BUSY_PAUSE_NS                                                                              \
    (5 * NS_PER_MS) /* so that a ring of some thousand records does not overrun                    \
                     */
#define BUSY_RECORDS     500
#define COMPLAINT_NS     (60 * NS_PER_S)
#define STOP_PATIENCE_NS NS_PER_S /* for a reader of a full pipe, once we are to stop */
#define POLL_MS          100

struct writer {
    /* Any thread, under the lock; the thread waits on `wake`. */
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool stop, reopen;

    /* The thread's own. */
    pthread_t thread;
    char *path; /* owned; NULL: standard output, which is not ours to close */
    int fd;
    bool waits;         /* a pipe or the like: writing to it may block for ever */
    bool torn;          /* an error left half a line behind */
    int64_t give_up_ns; /* when to stop waiting for a reader; 0: not yet */
    struct access_ring *const *ring;
    size_t n_rings;
    struct text batch;
    uint64_t batch_records;

    uint64_t lost; /* records, since the last complaint */
    int lost_errno;
    int64_t complain_after_ns;
};

static bool may_block(int fd)
{
    struct stat st;
    return fstat(fd, &st) == 0 && !S_ISREG(st.st_mode);
}

static int open_path(struct writer *w)
{
    int fd = STDOUT_FILENO;
    if (w->path) {
        /* Without O_NONBLOCK, opening a FIFO would wait until somebody reads it. */
        fd = open(w->path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0640);
        if (fd == -1)
            return -errno;
    }
    if (w->path && w->fd != -1)
        close(w->fd);
    w->fd = fd;
    w->waits = may_block(fd);
    w->torn = false; /* that half line is in the old file */
    text_clear(&w->batch);
    return 0;
}

static bool is_stopping(struct writer *w)
{
    pthread_mutex_lock(&w->lock);
    const bool stop = w->stop;
    pthread_mutex_unlock(&w->lock);
    return stop;
}

/* Whether it took the reader's patience to end; a pipe nobody reads must not keep us from stopping.
 */
static bool wait_for_reader(struct writer *w)
{
    for (;;) {
        struct pollfd p = {.fd = w->fd, .events = POLLOUT};
        if (poll(&p, 1, POLL_MS) != 0)
            return true; /* writable, or an error that write() will name */
        if (w->give_up_ns == 0 && is_stopping(w))
            w->give_up_ns = clock_now_ns() + STOP_PATIENCE_NS;
        if (w->give_up_ns != 0 && clock_now_ns() > w->give_up_ns)
            return false;
    }
}

/* Writes all of `s` and returns 0, or a negative errno; *done are the bytes that went out. */
static int write_all(struct writer *w, struct slice s, size_t *done)
{
    *done = 0;
    while (*done < s.len) {
        size_t n = s.len - *done;
        if (w->waits) {
            if (!wait_for_reader(w))
                return -ETIMEDOUT;
            /* Once poll() says yes, a pipe takes this much without blocking. */
            n = n < PIPE_BUF ? n : PIPE_BUF;
        }
        const ssize_t sent = write(w->fd, s.at + *done, n);
        if (sent >= 0)
            *done += (size_t)sent;
        else if (errno == EAGAIN)
            w->waits = true;
        else if (errno != EINTR)
            return -errno;
    }
    return 0;
}

static uint64_t lines_in(struct slice s)
{
    uint64_t n = 0;
    for (size_t i = 0; i < s.len; i++)
        n += s.at[i] == '\n';
    return n;
}

static void complain(struct writer *w, bool at_once)
{
    const int64_t now_ns = clock_now_ns();
    if (w->lost == 0 || (!at_once && now_ns < w->complain_after_ns))
        return;
    log_line(LOG_ERROR, "access log %s: %llu records lost: %s", w->path ? w->path : "(stdout)",
             (unsigned long long)w->lost, strerrordesc_np(w->lost_errno));
    w->lost = 0;
    w->complain_after_ns = now_ns + COMPLAINT_NS;
}

static void flush(struct writer *w)
{
    if (w->batch.len == 0)
        return;
    size_t done;
    const int rc = write_all(w, text_slice(&w->batch), &done);
    if (rc != 0) {
        const struct slice written = {text_slice(&w->batch).at, done};
        w->lost += w->batch_records - lines_in(written) + (w->torn && done > 0);
        w->lost_errno = -rc;
        if (done > 0)
            w->torn = written.at[done - 1] != '\n';
    }
    text_clear(&w->batch);
    w->batch_records = 0;
    /* What comes next must not become the end of half a line. */
    if (rc == 0)
        w->torn = false;
    else if (w->torn)
        text_addc(&w->batch, '\n');
}

/* Takes every ring's records as they were filled, and returns how many there were. */
static uint64_t drain(struct writer *w)
{
    uint64_t records = 0;
    for (size_t i = 0; i < w->n_rings; i++) {
        const struct access_record *a;
        while ((a = access_ring_first(w->ring[i]))) {
            access_format(a, &w->batch);
            text_addc(&w->batch, '\n');
            access_ring_drop(w->ring[i]);
            w->batch_records++;
            records++;
            if (w->batch.len >= BATCH_BYTES)
                flush(w);
        }
    }
    if (w->batch_records > 0)
        flush(w);
    return records;
}

/* Waits for the next turn or a call; returns whether to stop. */
static bool pause_for(struct writer *w, int64_t pause_ns, bool *reopen)
{
    const int64_t until_ns = clock_now_ns() + pause_ns;
    const struct timespec until = {.tv_sec = until_ns / NS_PER_S, .tv_nsec = until_ns % NS_PER_S};
    pthread_mutex_lock(&w->lock);
    while (!w->stop && !w->reopen)
        if (pthread_cond_timedwait(&w->wake, &w->lock, &until) == ETIMEDOUT)
            break;
    const bool stop = w->stop;
    *reopen = w->reopen;
    w->reopen = false;
    pthread_mutex_unlock(&w->lock);
    return stop;
}

static void reopen_path(struct writer *w)
{
    const int rc = w->path ? open_path(w) : 0;
    if (rc != 0)
        log_line(LOG_ERROR, "access log %s cannot be opened again, the old file stays: %s", w->path,
                 strerrordesc_np(-rc));
}

static void *run(void *arg)
{
    struct writer *w = arg;
    bool stop = false, reopen = false;
    while (!stop) {
        const uint64_t records = drain(w);
        complain(w, false);
        stop = pause_for(w, records > BUSY_RECORDS ? BUSY_PAUSE_NS : PAUSE_NS, &reopen);
        if (reopen)
            reopen_path(w);
    }
    drain(w);
    complain(w, true);
    return NULL;
}

/* Signals are the control thread's; and with SIGPIPE blocked, a reader that left is EPIPE. */
static int start_thread(struct writer *w)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    const int rc = pthread_create(&w->thread, NULL, run, w);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return -rc;
}

static void writer_free(struct writer *w)
{
    if (w->path && w->fd != -1)
        close(w->fd);
    free(w->path);
    text_done(&w->batch);
    pthread_cond_destroy(&w->wake);
    pthread_mutex_destroy(&w->lock);
    free(w);
}

int writer_start(const char *path, struct access_ring *const *ring, size_t n, struct writer **out)
{
    struct writer *w = MUST_NEW(struct writer);
    w->fd = -1;
    w->ring = ring;
    w->n_rings = n;
    pthread_mutex_init(&w->lock, NULL);
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&w->wake, &attr);
    pthread_condattr_destroy(&attr);
    if (strcmp(path, "-") != 0) {
        w->path = strdup(path);
        if (!w->path)
            die_out_of_memory(1, strlen(path));
    }

    int rc = open_path(w);
    if (rc == 0)
        rc = start_thread(w);
    if (rc != 0)
        writer_free(w);
    else
        *out = w;
    return rc;
}

void writer_reopen(struct writer *w)
{
    pthread_mutex_lock(&w->lock);
    w->reopen = true;
    pthread_cond_signal(&w->wake);
    pthread_mutex_unlock(&w->lock);
}

void writer_stop(struct writer *w)
{
    if (!w)
        return;
    pthread_mutex_lock(&w->lock);
    w->stop = true;
    pthread_cond_signal(&w->wake);
    pthread_mutex_unlock(&w->lock);
    pthread_join(w->thread, NULL);
    writer_free(w);
}

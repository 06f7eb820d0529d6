#include "runtime/control/child.h"

#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "runtime/base/clock.h"
#include "runtime/base/text.h"

#define LOOK_NS (50 * NS_PER_MS)

/* glibc has no function for it before 2.36. */
static int open_pidfd(pid_t pid)
{
    return (int)syscall(SYS_pidfd_open, pid, 0);
}

static bool has_ended(pid_t pid)
{
    siginfo_t info = {0};
    return waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == pid;
}

static void ends(struct child *c)
{
    child_forget(c);
    c->ended(c->of);
}

static void look(void *of)
{
    struct child *c = of;
    if (has_ended(c->pid))
        ends(c);
    else
        timer_set(&c->look, LOOK_NS);
}

static void readable(void *of, unsigned what)
{
    (void)what;
    ends(of);
}

void child_init(struct child *c, struct loop *l, void (*ended)(void *of), void *of)
{
    *c = (struct child){.fd = -1, .ended = ended, .of = of};
    timer_init(&c->look, l, look, c);
}

void child_watch(struct child *c, pid_t pid)
{
    child_forget(c);
    c->pid = pid;
    c->fd = open_pidfd(pid);
    if (c->fd == -1) {
        timer_set(&c->look, LOOK_NS);
        return;
    }
    watch_init(&c->watch, c->look.loop, c->fd, readable, c);
    watch_want(&c->watch, WATCH_READ);
}

void child_forget(struct child *c)
{
    timer_stop(&c->look);
    if (c->fd == -1)
        return;
    watch_done(&c->watch);
    close(c->fd);
    c->fd = -1;
}

int child_end(struct child *c)
{
    int status = -1;
    const struct timespec a_moment = {.tv_nsec = NS_PER_MS};
    child_forget(c);
    kill(c->pid, SIGKILL); /* one that has ended already has ended as it did */
    kill(-c->pid, SIGKILL);
    /* A disk that does not answer must not hold us up, too. */
    for (int i = 0; i < 1000 && waitpid(c->pid, &status, WNOHANG) == 0; i++)
        nanosleep(&a_moment, NULL);
    return status;
}

void child_describe_end(int status, struct text *out)
{
    if (status == -1)
        text_adds(out, "does not end");
    else if (WIFSIGNALED(status))
        text_addf(out, "was killed by signal %d (%s)", WTERMSIG(status),
                  strsignal(WTERMSIG(status)));
    else
        text_addf(out, "ended with status %d", WEXITSTATUS(status));
}

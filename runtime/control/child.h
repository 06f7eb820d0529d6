/*
 * child - a process that we have started, until it ends.
 *
 * Its end is seen by a pidfd: by that of the process itself, whatever others do that have its
 * descriptors. Where the kernel, or a filter of system calls, gives none, it is looked for as often
 * as people don't notice. A signal (SIGCHLD) was rejected: it says no more, and is the process's,
 * not the child's. Control thread.
 */
#pragma once

#include <sys/types.h>

#include "runtime/event/loop.h"

struct text;

struct child {
    pid_t pid;
    int fd; /* of the process; -1: there is none, and the timer looks */
    struct watch watch;
    struct timer look;
    void (*ended)(void *of); /* once; child_reap() tells how */
    void *of;
};

void child_init(struct child *c, struct loop *l, void (*ended)(void *of), void *of);

/* Of a child that nobody has waited for. `ended` is called from the loop. */
void child_watch(struct child *c, pid_t pid);

/* It matters no more when it ends. */
void child_forget(struct child *c);

/* Ends it and all that is in its process group, unless it has ended: the status of waitpid(), or -1
 * where it does not end within a second, for it hangs in the kernel. Forgets it. */
int child_end(struct child *c);

/* "ended with status 3", "was killed by signal 9 (Killed)" */
void child_describe_end(int status, struct text *out);

/*
 * loop - the one door to libevent: file descriptors to watch, timers, a run loop.
 *
 * A loop belongs to one thread; nothing here locks. Callbacks run on that thread, and may close and
 * free what they were called for.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "runtime/base/check.h"

struct loop;

#define WATCH_READ  1u
#define WATCH_WRITE 2u

/* Called when the descriptor is ready; `ready` is one of the WATCH_ bits: when both sides are, it
 * is called twice, unless the first call gave up the interest. An error or a hang-up counts as
 * ready. */
typedef void watch_ready(void *of, unsigned ready);

/* What libevent keeps of a descriptor that is watched, beside what is embedded here: its place in
 * two arrays that double. */
#define WATCH_LIBRARY_BYTES 128u

/* One descriptor's interests. Embed it; its owner keeps it in place while it is watched. */
struct watch {
    struct loop *loop;
    watch_ready *call;
    void *of;
    int fd;
    uint8_t wants;                             /* WATCH_ bits registered now */
    _Alignas(8) unsigned char library[2][128]; /* libevent's own, for reading and writing */
};

/* A timer that fires once after it was set. Embed it. */
struct timer {
    struct loop *loop;
    void (*call)(void *of);
    void *of;
    _Alignas(8) unsigned char library[128];
};

/* NULL when the kernel gives no epoll instance. */
struct loop *loop_new(void);
void loop_free(struct loop *l);

/* Runs callbacks until loop_stop(). Blocks. */
void loop_run(struct loop *l);

/* From a callback of this loop: loop_run() returns when the callback is over. */
void loop_stop(struct loop *l);

/* Watches nothing yet. The descriptor stays the caller's. */
void watch_init(struct watch *w, struct loop *l, int fd, watch_ready *call, void *of);

/* Sets what is watched to exactly `wants`; costs nothing when that is so already, and a change that
 * is undone before the loop waits again costs no system call. */
void watch_want(struct watch *w, unsigned wants);

static inline void watch_add(struct watch *w, unsigned wants)
{
    if ((w->wants & wants) != wants)
        watch_want(w, w->wants | wants);
}

static inline void watch_drop(struct watch *w, unsigned wants)
{
    if (w->wants & wants)
        watch_want(w, w->wants & ~wants);
}

/* Calls back for `ready` in the next turn of the loop, whatever the descriptor says; nothing that
 * is not wanted any more by then. */
void watch_fire(struct watch *w, unsigned ready);

/* Watches nothing any more. Must come before the descriptor is closed. */
void watch_done(struct watch *w);

void timer_init(struct timer *t, struct loop *l, void (*call)(void *of), void *of);

/* Fires once, `after_ns` from now (at least 0); replaces an earlier setting. Counted on the
 * kernel's coarse clock, which may lag clock_now_ns() by some milliseconds: it can fire as much
 * earlier. */
void timer_set(struct timer *t, int64_t after_ns);
/* Fires in this turn of the loop, when everything that is ready already has been called; costs no
 * system call. Setting it again before that changes nothing. */
void timer_soon(struct timer *t);

void timer_stop(struct timer *t);

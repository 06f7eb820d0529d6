#include "runtime/event/loop.h"

#include <event2/event.h>
#include <event2/event_struct.h>

#include "runtime/base/clock.h"

struct loop {
    struct event_base *base;
};

_Static_assert(sizeof(struct event) <= sizeof(((struct watch *)0)->library[0]),
               "struct watch keeps libevent's events inside itself");
_Static_assert(sizeof(struct event) <= sizeof(((struct timer *)0)->library), "and so does a timer");

enum { READING, WRITING };

static struct event *library_event(struct watch *w, int side)
{
    return (struct event *)(void *)w->library[side];
}

struct loop *loop_new(void)
{
    struct event_config *config = event_config_new();
    if (!config)
        return NULL;
    /* The changelist folds what is added and removed between two waits into what differs. */
    event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
    event_config_set_flag(config, EVENT_BASE_FLAG_EPOLL_USE_CHANGELIST);
    struct event_base *base = event_base_new_with_config(config);
    event_config_free(config);
    if (!base)
        return NULL;

    struct loop *l = MUST_NEW(struct loop);
    l->base = base;
    return l;
}

void loop_free(struct loop *l)
{
    if (!l)
        return;
    event_base_free(l->base);
    free(l);
}

void loop_run(struct loop *l)
{
    const int rc = event_base_loop(l->base, EVLOOP_NO_EXIT_ON_EMPTY);
    ASSERT(rc == 0); /* only a broken epoll descriptor ends it otherwise */
}

void loop_stop(struct loop *l)
{
    event_base_loopbreak(l->base);
}

static void fd_ready(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    struct watch *w = arg;
    w->call(w->of, what & EV_READ ? WATCH_READ : WATCH_WRITE);
}

void watch_init(struct watch *w, struct loop *l, int fd, watch_ready *call, void *of)
{
    *w = (struct watch){.loop = l, .call = call, .of = of, .fd = fd};
    event_assign(library_event(w, READING), l->base, fd, EV_READ | EV_PERSIST, fd_ready, w);
    event_assign(library_event(w, WRITING), l->base, fd, EV_WRITE | EV_PERSIST, fd_ready, w);
}

static void set_side(struct watch *w, int side, bool on)
{
    const int rc = on ? event_add(library_event(w, side), NULL) : event_del(library_event(w, side));
    ASSERT(rc == 0); /* libevent could not allocate its per-descriptor map */
}

void watch_want(struct watch *w, unsigned wants)
{
    const unsigned changed = wants ^ w->wants;
    if (changed & WATCH_READ)
        set_side(w, READING, wants & WATCH_READ);
    if (changed & WATCH_WRITE)
        set_side(w, WRITING, wants & WATCH_WRITE);
    w->wants = (uint8_t)wants;
}

void watch_fire(struct watch *w, unsigned ready)
{
    ASSERT((w->wants & ready) == ready);
    if (ready & WATCH_READ)
        event_active(library_event(w, READING), EV_READ, 0);
    if (ready & WATCH_WRITE)
        event_active(library_event(w, WRITING), EV_WRITE, 0);
}

void watch_done(struct watch *w)
{
    if (w->loop)
        watch_want(w, 0);
}

static struct event *timer_event(struct timer *t)
{
    return (struct event *)(void *)t->library;
}

static void time_is_up(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    struct timer *t = arg;
    t->call(t->of);
}

void timer_init(struct timer *t, struct loop *l, void (*call)(void *of), void *of)
{
    *t = (struct timer){.loop = l, .call = call, .of = of};
    event_assign(timer_event(t), l->base, -1, 0, time_is_up, t);
}

void timer_set(struct timer *t, int64_t after_ns)
{
    ASSERT(after_ns >= 0);
    const int64_t after_us = (after_ns + NS_PER_US - 1) / NS_PER_US; /* rather late than early */
    const struct timeval after = {.tv_sec = after_us / 1000000, .tv_usec = after_us % 1000000};
    const int rc = event_add(timer_event(t), &after);
    ASSERT(rc == 0);
}

void timer_soon(struct timer *t)
{
    event_active(timer_event(t), EV_TIMEOUT, 0);
}

void timer_stop(struct timer *t)
{
    if (t->loop)
        event_del(timer_event(t));
}

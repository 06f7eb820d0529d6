/*
 * Who follows the events. While somebody does, the control thread is asked for a sample each
 * second; what has changed is written once, for all.
 */
#include <sys/socket.h>

#include "runtime/base/clock.h"
#include "stats/server/http_priv.h"

#define TICK_NS NS_PER_S

struct sampling {
    struct message message; /* there, and back */
    struct http *http;
    struct sample *sample;
};

static void forget_all(struct http *h)
{
    hub_forget(&h->hub);
    moment_free(h->moment);
    h->moment = NULL;
}

static void sampled(struct message *m)
{
    struct sampling *s = CONTAINER_OF(m, struct sampling, message);
    struct http *h = s->http;
    h->sampling = false;
    if (h->hub.n == 0) {
        sample_free(s->sample);
    } else {
        struct moment *before = h->moment;
        struct text changes = {0};
        h->moment = moment_new(s->sample, before ? before->now : NULL);
        if (before)
            moment_write_changes(h->moment, before, &changes);
        hub_publish(&h->hub, text_slice(&changes), clock_now_ns());
        text_done(&changes);
        moment_free(before);
    }
    free(s);
}

/* On the control thread. */
static void take_sample(struct message *m)
{
    struct sampling *s = CONTAINER_OF(m, struct sampling, message);
    if (atomic_load(&s->http->stopped)) {
        free(s);
        return;
    }
    s->sample = sample_take(s->http->control);
    m->run = sampled;
    mailbox_post(&s->http->box, m);
}

static void ask_for_sample(struct http *h)
{
    if (h->sampling)
        return; /* it is late; no need to have two of them */
    h->sampling = true;
    struct sampling *s = MUST_NEW(struct sampling);
    *s = (struct sampling){.message = {.run = take_sample}, .http = h};
    control_post(h->control, &s->message);
}

static void end_slow_ones(struct http *h, int64_t now_ns)
{
    LIST_EACH (f, &h->hub.follower, struct follower, link) {
        const struct request *r = CONTAINER_OF(f, struct request, follower);
        if (f->over || !follower_is_slow(f, now_ns))
            continue;
        f->over = true;
        METRIC_ADD(h->metrics->admin_connections_late, 1);
        shutdown(r->peer->fd, SHUT_RDWR);
    }
}

static void tick(void *of)
{
    struct http *h = of;
    const int64_t now_ns = clock_now_ns();
    h->ticks = false;
    if (h->hub.n == 0) {
        forget_all(h);
        return;
    }
    end_slow_ones(h, now_ns);
    hub_keep_alive(&h->hub, now_ns);
    ask_for_sample(h);
    h->ticks = true;
    timer_set(&h->tick, TICK_NS);
}

static void write_all(void *of, struct text *out)
{
    const struct http *h = of;
    ASSERT(h->moment);
    moment_write(h->moment, out);
}

void follow_init(struct http *h)
{
    timer_init(&h->tick, h->loop, tick, h);
    hub_init(&h->hub, write_all, h);
}

void follow_done(struct http *h)
{
    timer_stop(&h->tick);
    forget_all(h);
    hub_done(&h->hub);
}

static void wake(void *of)
{
    struct request *r = of;
    if (r->waits)
        http_resume(r);
}

static ssize_t read_events(void *of, uint64_t at, char *to, size_t room)
{
    (void)at;
    struct request *r = of;
    CHECK_OBJ(r, REQUEST_MAGIC);
    const int64_t n = follower_read(&r->follower, to, room, clock_now_ns());
    if (n < 0)
        return MHD_CONTENT_READER_END_OF_STREAM;
    if (n == 0) {
        r->waits = true;
        MHD_suspend_connection(r->connection);
    }
    return (ssize_t)n;
}

void follow_begin(struct request *r)
{
    struct http *h = r->http;
    r->follower.wake = wake;
    r->follower.of = r;
    r->follows = true;
    hub_join(&h->hub, &r->follower, clock_now_ns());
    METRIC_ADD(h->metrics->admin_streams, 1);
    r->answer = reply_stream(r, read_events);
    if (!h->ticks) {
        h->ticks = true;
        timer_set(&h->tick, 0);
    }
}

void follow_end(struct request *r)
{
    r->follows = false;
    hub_leave(&r->follower);
    METRIC_ADD(r->http->metrics->admin_streams, -1);
}

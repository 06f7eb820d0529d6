#include "stats/server/http.h"

#include <errno.h>
#include <stdlib.h>

#include "runtime/base/clock.h"
#include "runtime/log/log.h"
#include "stats/server/http_priv.h"

/* A turn of the library may give it more to do at once: so often, before others have a turn. */
#define PUMPS_MAX 16u

/* When the library would end a connection by itself: after all of our own times, which are counted
 * (peers.c). */
#define LATE_S 120u

void http_config_free(struct http_config *c)
{
    if (!c)
        return;
    for (uint32_t i = 0; i < c->n_listeners; i++)
        listener_unpin(c->listener[i]);
    free(c->listener);
    free(c->option);
    free(c->range);
    guard_done(&c->guard);
    free(c);
}

void http_pump(struct http *h)
{
    MHD_UNSIGNED_LONG_LONG wait_ms;
    for (uint32_t i = 0; i < PUMPS_MAX; i++) {
        MHD_run(h->daemon);
        if (MHD_get_timeout(h->daemon, &wait_ms) != MHD_YES) {
            timer_stop(&h->again);
            return;
        }
        if (wait_ms > 0)
            break;
    }
    timer_set(&h->again, (int64_t)wait_ms * NS_PER_MS);
}

static void library_ready(void *of, unsigned what)
{
    (void)what;
    http_pump(of);
}

static void library_due(void *of)
{
    http_pump(of);
}

void http_resume(struct request *r)
{
    ASSERT(r->waits);
    r->waits = false;
    MHD_resume_connection(r->connection);
    timer_set(&r->http->again, 0); /* not at once: whoever calls may be called by the library */
}

static void log_library(void *of, const char *fmt, va_list args)
{
    (void)of;
    (void)fmt; /* it tells of broken connections mostly, which are counted elsewhere */
    (void)args;
}

static int open_library(struct http *h)
{
    const unsigned flags =
        MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG;
    h->daemon = MHD_start_daemon(
        flags, 0, NULL, NULL, serve_request, h, MHD_OPTION_EXTERNAL_LOGGER, log_library, NULL,
        MHD_OPTION_CONNECTION_LIMIT, HTTP_PEERS_MAX, MHD_OPTION_CONNECTION_TIMEOUT, LATE_S,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)2 * HTTP_HEAD_BYTES_MAX,
        MHD_OPTION_STRICT_FOR_CLIENT, 0, MHD_OPTION_NOTIFY_CONNECTION, peer_notify, h,
        MHD_OPTION_NOTIFY_COMPLETED, serve_completed, h, MHD_OPTION_URI_LOG_CALLBACK, serve_begins,
        h, MHD_OPTION_END);
    if (!h->daemon)
        return errno ? -errno : -ENOMEM;
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(h->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    ASSERT(info);
    watch_init(&h->library, h->loop, info->epoll_fd, library_ready, h);
    watch_want(&h->library, WATCH_READ);
    return 0;
}

static void *run(void *of)
{
    const struct http *h = of;
    loop_run(h->loop);
    return NULL;
}

int http_start(struct control *control, struct metrics *metrics, struct http **out)
{
    struct http *h = MUST_NEW(struct http);
    h->control = control;
    h->metrics = metrics;
    h->box.fd = -1;
    list_init(&h->port);
    list_init(&h->peer);
    for (uint32_t i = 0; i < ASKS; i++) {
        list_init(&h->asked[i].waiting);
        list_init(&h->asked[i].answered);
    }
    h->loop = loop_new();
    int rc = h->loop ? 0 : -EMFILE;
    if (rc == 0) {
        timer_init(&h->again, h->loop, library_due, h);
        timer_init(&h->sweep, h->loop, peers_sweep, h);
        follow_init(h);
        rc = mailbox_open(&h->box, h->loop);
    }
    if (rc == 0)
        rc = open_library(h);
    if (rc == 0)
        rc = -pthread_create(&h->thread, NULL, run, h);
    if (rc == 0) {
        *out = h;
        return 0;
    }
    atomic_store(&h->stopped, true);
    http_free(h);
    return rc;
}

static void use(struct message *m)
{
    struct http_config *c = CONTAINER_OF(m, struct http_config, message);
    struct http *h = c->http;
    peers_use(h, c);
    http_config_free(h->config);
    h->config = c;
}

void http_use(struct http *h, struct http_config *c)
{
    c->http = h;
    c->message.run = use;
    mailbox_post(&h->box, &c->message);
}

static void stop(struct message *m)
{
    struct http *h = CONTAINER_OF(m, struct http, stop);
    loop_stop(h->loop);
}

void http_stop(struct http *h)
{
    h->stop.run = stop;
    mailbox_post(&h->box, &h->stop);
    pthread_join(h->thread, NULL);
    atomic_store(&h->stopped, true);
}

/* The library wants nobody suspended when it ends. */
static void release_all(struct http *h)
{
    hub_end_all(&h->hub);
    for (uint32_t i = 0; i < ASKS; i++) {
        LIST_EACH (r, &h->asked[i].waiting, struct request, link)
            ask_forget(r);
        LIST_EACH (r, &h->asked[i].answered, struct request, link)
            ask_forget(r);
    }
}

void http_free(struct http *h)
{
    if (!h)
        return;
    ASSERT(atomic_load(&h->stopped));
    mailbox_close(&h->box); /* answers that came too late, and a configuration */
    if (h->daemon) {
        release_all(h);
        peers_close_ports(h);
        watch_done(&h->library);
        MHD_stop_daemon(h->daemon);
        ASSERT(h->n_peers == 0);
    }
    if (h->loop) {
        follow_done(h);
        timer_stop(&h->again);
        timer_stop(&h->sweep);
        loop_free(h->loop);
    }
    http_config_free(h->config);
    free(h);
}

/* What the service manager is told (sd_notify(3)): that we serve, load, end; and, as long as all
 * loops turn, that we live. */
#include <inttypes.h>
#include <stdarg.h>

#include "runtime/base/clock.h"
#include "runtime/control/control_priv.h"
#include "runtime/log/log.h"

static void tell(struct control *c, const char *fmt, ...) PRINTF_LIKE(2, 3);
static void tell(struct control *c, const char *fmt, ...)
{
    char line[512];
    va_list args;
    va_start(args, fmt);
    const int n = vsnprintf(line, sizeof(line), fmt, args);
    va_end(args);
    if (n > 0 && c->service.tells)
        notify_socket_send(&c->service.to, slice_of(line));
}

/* --- the watchdog ---------------------------------------------------------------------------- */

static void turned(struct message *m)
{
    struct worker_turn *t = CONTAINER_OF(m, struct worker_turn, message);
    t->asked_ns = 0;
}

/* The worker whose loop has not turned since it was asked to; NULL: all have. */
static const struct worker_turn *stuck(const struct control *c)
{
    for (uint32_t i = 0; i < c->n_workers; i++)
        if (c->service.turn[i].asked_ns != 0)
            return &c->service.turn[i];
    return NULL;
}

static void ask_all(struct control *c)
{
    for (uint32_t i = 0; c->serving && i < c->n_workers; i++) {
        struct worker_turn *t = &c->service.turn[i];
        if (t->asked_ns != 0)
            continue;
        t->asked_ns = clock_now_ns();
        t->message.run = turned;
        worker_ping(c->worker[i], &t->message);
    }
}

static void watchdog(void *of)
{
    struct control *c = of;
    const struct worker_turn *t = stuck(c);
    if (!t)
        tell(c, "WATCHDOG=1\n");
    else
        log_line(
            LOG_ERROR,
            "worker %u has not come to an end of its turn for %.1f s: the watchdog is not answered",
            (unsigned)(t - c->service.turn),
            (double)(clock_now_ns() - t->asked_ns) / (double)NS_PER_S);
    ask_all(c);
    timer_set(&c->service.watchdog, c->config.watchdog_ns / 2);
}

/* --- what happens ---------------------------------------------------------------------------- */

void service_init(struct control *c)
{
    notify_socket_open(&c->service.to, c->config.notify);
    timer_init(&c->service.watchdog, c->loop, watchdog, c);
    c->service.turn = MUST_ARRAY(struct worker_turn, c->config.workers);
}

void service_done(struct control *c)
{
    timer_stop(&c->service.watchdog);
    notify_socket_close(&c->service.to);
    free(c->service.turn);
}

void service_serves(struct control *c)
{
    tell(c, "READY=1\nSTATUS=Generation %" PRIu64 " serves, %u worker%s\n", c->newest->id,
         c->n_workers, c->n_workers == 1 ? "" : "s");
}

void service_begins(struct control *c)
{
    c->service.tells = true;
    service_serves(c);
    if (c->config.watchdog_ns > 0 && c->service.to.fd != -1)
        watchdog(c);
}

void service_loads(struct control *c)
{
    tell(c, "RELOADING=1\nMONOTONIC_USEC=%" PRId64 "\nSTATUS=Loading the configuration\n",
         clock_now_ns() / NS_PER_US);
}

void service_drains(struct control *c, struct slice left)
{
    tell(c, "%sSTATUS=Draining: " SLICE_FMT "\n", c->service.stopping ? "" : "STOPPING=1\n",
         SLICE_ARG(left));
    c->service.stopping = true;
}

void service_passes_on(struct control *c, int64_t pid)
{
    tell(c, "MAINPID=%" PRId64 "\nSTATUS=Process %" PRId64 " takes over\n", pid, pid);
    c->service.tells = false; /* it is the other's to tell now */
    timer_stop(&c->service.watchdog);
}

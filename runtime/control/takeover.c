/* We take another process's place: see upgrade.c for who says what. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "runtime/base/clock.h"
#include "runtime/base/number.h"
#include "runtime/control/control_priv.h"
#include "runtime/control/handed.h"
#include "runtime/log/log.h"
#include "runtime/net/inherited.h"

static bool say(const struct takeover *t, const char *what)
{
    return send(t->channel, what, strlen(what), MSG_NOSIGNAL | MSG_DONTWAIT) != -1;
}

/* --- servers --------------------------------------------------------------------------------- */

/* It was checked lately: it need not be anew before it is used. */
static void know_health(struct server *s, const struct handed_server *was)
{
    const bool checked = atomic_load_explicit(&s->checked, memory_order_relaxed);
    if (checked && was->health != HEALTH_UNKNOWN &&
        atomic_load_explicit(&s->health, memory_order_relaxed) == HEALTH_UNKNOWN)
        atomic_store_explicit(&s->health, (int)was->health, memory_order_release);
}

/* It is left out for as long as it would have been; or is back already. */
static void eject_as_before(struct server *s, const struct table_outlier *rule,
                            const struct handed_server *was)
{
    const int64_t now_ns = clock_now_ns();
    const bool known = s->outlier.ejected;
    if (!rule->given)
        return;
    outlier_resume(&s->outlier, rule, &was->ejected, now_ns);
    if (s->outlier.ejected && !known)
        event_log(EVENT_SERVER, LOG_INFO, ABOUT(slice_of(s->cluster_name), slice_of(s->name)),
                  "server %s/%s stays ejected, for %.1f s", s->cluster_name, s->name,
                  (double)(s->outlier.until_ns - now_ns) / (double)NS_PER_S);
    atomic_store_explicit(&s->ejected, s->outlier.ejected, memory_order_relaxed);
}

void takeover_apply(struct control *c, struct generation *g)
{
    struct handed *h = c->config.handed;
    if (!h)
        return;
    for (uint32_t i = 0; i < g->n_servers; i++) {
        struct server *s = g->server[i];
        struct handed_server *was =
            handed_find(h, slice_of(s->cluster_name), slice_of(s->name), &s->endpoint);
        if (!was || was->used)
            continue;
        was->used = true;
        know_health(s, was);
        eject_as_before(s, &g->table->cluster[g->spec[i].cluster].outlier, was);
    }
}

/* --- what the other says --------------------------------------------------------------------- */

static void take_path(void *to, struct listener *l)
{
    (void)to;
    listener_take_path(l);
}

static void go(struct control *c)
{
    struct handed *h = c->config.handed;
    const int rc = handed_again(h);
    if (rc != 0) {
        log_line(LOG_ERROR, "cannot read what was handed over: %s", strerror(-rc));
        control_end_now(c);
        return;
    }
    if (h->broken > 0)
        log_line(LOG_WARNING, "%u lines of what was handed over are not understood", h->broken);
    takeover_apply(c, c->newest); /* once more: somebody may have changed something meanwhile */
    if (h->overrides.len > 0)
        overrides_replace(c, text_slice(&h->overrides));
    control_watch_all(c);
    recalled_rest(c);
    (void)dup2(h->fd[HANDED_STDERR], STDERR_FILENO); /* whoever waited for us reads no more */
    control_each_listener(c, take_path, NULL);
    control_serve(c);
    overrides_write_anew(c);
    inherited_close_own();
    c->config.begun(c->config.load_of);
    (void)say(&c->takeover, "serving");
}

/* "left CONNECTIONS REQUESTS TUNNELS MILLISECONDS" */
static void note_left(struct takeover *t, struct slice rest)
{
    uint64_t n[4];
    struct slice word;
    for (int i = 0; i < 4; i++)
        if (!slice_split(&rest, ' ', &word) || !number_parse(word, INT64_MAX / NS_PER_MS, &n[i]))
            return;
    t->left = (struct control_left){.connections = (int64_t)n[0],
                                    .requests = (int64_t)n[1],
                                    .tunnels = (int64_t)n[2],
                                    .for_ns = (int64_t)n[3] * NS_PER_MS};
    t->told = true;
}

static void begin_to_tell(struct control *c)
{
    if (c->serving && !c->service.tells)
        service_begins(c);
}

/* The other has ended. */
static void is_alone(struct control *c)
{
    struct takeover *t = &c->takeover;
    watch_done(&t->watch);
    close(t->channel);
    t->channel = -1;
    if (!c->serving) {
        log_line(LOG_ERROR, "the process that was to be replaced has ended, or wants no other");
        control_end_now(c);
        return;
    }
    event_log(EVENT_UPGRADE, LOG_INFO, ABOUT_PROCESS,
              "process %lld, which served before, has ended", (long long)t->pid);
    begin_to_tell(c);
}

static void heard(void *of, unsigned what)
{
    struct control *c = of;
    struct takeover *t = &c->takeover;
    char word[128];
    (void)what;
    const ssize_t n = recv(t->channel, word, sizeof(word), MSG_DONTWAIT);
    if (n == -1 && (errno == EAGAIN || errno == EINTR))
        return;
    const struct slice said = {word, n > 0 ? (size_t)n : 0};
    if (n <= 0)
        is_alone(c);
    else if (slice_eq(said, SLICE("go")) && !c->serving)
        go(c);
    else if (slice_eq(said, SLICE("yours")))
        begin_to_tell(c);
    else if (slice_starts(said, SLICE("left ")))
        note_left(t, slice_from(said, 5));
}

/* --- the door -------------------------------------------------------------------------------- */

void takeover_init(struct control *c)
{
    struct takeover *t = &c->takeover;
    t->channel = -1;
    if (!c->config.handed)
        return;
    struct ucred peer;
    socklen_t len = sizeof(peer);
    t->channel = c->config.handed->fd[HANDED_CHANNEL];
    c->config.handed->fd[HANDED_CHANNEL] = -1;
    if (getsockopt(t->channel, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0)
        t->pid = peer.pid;
    watch_init(&t->watch, c->loop, t->channel, heard, c);
    watch_want(&t->watch, WATCH_READ);
}

bool takeover_is_ready(struct control *c)
{
    struct takeover *t = &c->takeover;
    if (t->channel == -1 || c->serving)
        return false;
    if (!say(t, "ready"))
        is_alone(c);
    return true;
}

bool takeover_waits(const struct control *c)
{
    return c->config.handed && !c->serving;
}

void takeover_done(struct control *c)
{
    struct takeover *t = &c->takeover;
    if (t->channel == -1)
        return;
    watch_done(&t->watch);
    close(t->channel);
}

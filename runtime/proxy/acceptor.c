#include "runtime/proxy/acceptor.h"

#include <errno.h>

#include "runtime/base/clock.h"
#include "runtime/limit/gcra.h"
#include "runtime/proxy/session.h"
#include "runtime/proxy/worker.h"

/* Connections taken in one turn, so that a flood of new ones does not starve those that are open.
 */
#define TURN_ACCEPTS 64

struct acceptor {
    struct worker *worker;
    struct listener *listener; /* pinned */
    uint32_t socket;           /* of its sockets, this one */
    struct gate *gate;         /* pinned */
    struct tls_context *tls;   /* the current generation's; NULL: plain connections */
    uint32_t max_connections;
    struct gcra handshakes; /* step 0: any number */
    struct watch watch;
    bool paused;
    bool proxied; /* connections begin with a PROXY header */
    bool leaving; /* whoever waits is taken */
};

static void pause_accepting(struct acceptor *a)
{
    a->paused = true;
    watch_want(&a->watch, 0);
}

/* Handshakes cost more than all else that a stranger may ask for. Workers count together, and may
 * be one each above. */
static bool may_shake_hands(const struct acceptor *a)
{
    int64_t after;
    return !a->tls || a->handshakes.step_ns == 0 || a->leaving ||
           gcra_take(a->handshakes,
                     atomic_load_explicit(&a->gate->handshakes, memory_order_relaxed),
                     a->worker->now_ns, &after);
}

static void note_handshake(struct acceptor *a)
{
    if (!a->tls || a->handshakes.step_ns == 0)
        return;
    _Atomic int64_t *at = &a->gate->handshakes;
    int64_t tat = atomic_load_explicit(at, memory_order_relaxed), after;
    do
        (void)gcra_take(a->handshakes, tat, a->worker->now_ns, &after);
    while (!atomic_compare_exchange_weak_explicit(at, &tat, after, memory_order_relaxed,
                                                  memory_order_relaxed));
}

/* False when there is no more to accept, or none may be. */
static bool accept_one(struct acceptor *a)
{
    struct worker *w = a->worker;
    if (!may_shake_hands(a)) {
        METRIC_ADD(w->metrics->handshakes_deferred, 1);
        pause_accepting(a);
        return false;
    }
    if (atomic_fetch_add_explicit(&a->gate->open, 1, memory_order_relaxed) >= a->max_connections) {
        atomic_fetch_sub_explicit(&a->gate->open, 1, memory_order_relaxed);
        pause_accepting(a);
        return false;
    }
    struct endpoint client;
    const int fd = listener_accept(a->listener, a->socket, &client);
    if (fd >= 0) {
        note_handshake(a);
        session_open(w, fd, &client, a->gate, a->tls, a->proxied);
        return true;
    }
    atomic_fetch_sub_explicit(&a->gate->open, 1, memory_order_relaxed);
    if (fd == -EAGAIN)
        return false;
    if (fd == -ECONNABORTED || fd == -EINTR || fd == -EPROTO)
        return true; /* that one left while it waited; the next may be there */
    METRIC_ADD(w->metrics->accept_errors, 1);
    if (fd == -EMFILE || fd == -ENFILE)
        worker_out_of_descriptors(w);
    pause_accepting(a);
    return false;
}

static void ready(void *of, unsigned what)
{
    (void)what;
    struct acceptor *a = of;
    worker_now(a->worker);
    for (int i = 0; i < TURN_ACCEPTS && accept_one(a); i++)
        ;
}

static void acceptor_close(struct acceptor *a)
{
    watch_done(&a->watch);
    listener_leave(a->listener, a->socket);
    listener_unpin(a->listener);
    gate_unpin(a->gate);
    free(a);
}

static struct acceptor *acceptor_new(struct worker *w, struct listener *l, uint32_t socket,
                                     struct gate *gate)
{
    struct acceptor *a = MUST_NEW(struct acceptor);
    a->worker = w;
    a->listener = listener_pin(l);
    a->socket = socket;
    gate_pin(gate);
    a->gate = gate;
    watch_init(&a->watch, w->loop, l->socket[socket].fd, ready, a);
    watch_want(&a->watch, WATCH_READ);
    VEC_ADD(&w->acceptor, a);
    return a;
}

static struct acceptor *find(struct worker *w, const struct listener *l, uint32_t socket)
{
    for (uint32_t i = 0; i < w->acceptor.n; i++)
        if (w->acceptor.at[i]->listener == l && w->acceptor.at[i]->socket == socket)
            return w->acceptor.at[i];
    return NULL;
}

/* A tenth of a second's may come at once: accepting resumes several times in that time. */
static struct gcra handshakes_of(const struct table_listener *l)
{
    const uint32_t most = l->max_handshakes;
    return most == TABLE_NO_MAX ? (struct gcra){0}
                                : gcra_of(most, NS_PER_S, most < 20 ? 2 : most / 10);
}

static bool has_socket(const struct generation *g, const struct listener *l)
{
    for (uint32_t i = 0; i < g->n_sockets; i++)
        if (g->socket[i] == l)
            return true;
    return false;
}

static void update_acceptor(struct acceptor *a, const struct generation *g, uint32_t index,
                            const struct table_bind *bind)
{
    const struct table_listener *spec = &g->table->listener[index];
    if (a->gate != g->gate[index]) { /* the same endpoint under a listener of another name */
        gate_pin(g->gate[index]);
        gate_unpin(a->gate);
        a->gate = g->gate[index];
    }
    a->max_connections = spec->max_connections;
    a->proxied = bind->proxy_protocol;
    a->handshakes = handshakes_of(spec);
    a->tls = bind->tls == TABLE_NO_TLS ? NULL : g->tls->context[bind->tls];
}

static void update_listener(struct worker *w, const struct generation *g, uint32_t index)
{
    const struct table_listener *spec = &g->table->listener[index];
    for (uint32_t b = 0; b < spec->n_binds; b++) {
        struct listener *l = g->socket[g->first_socket[index] + b];
        if (g != w->current && has_socket(w->current, l))
            continue; /* it is as that one says */
        for (uint32_t i = listener_first(l, w->index); i < l->n_sockets; i += l->n_workers) {
            struct acceptor *a = find(w, l, i);
            update_acceptor(a ? a : acceptor_new(w, l, i, g->gate[index]), g, index,
                            &spec->bind[b]);
        }
    }
}

/* Whoever has connected already, and waits in the queue of a socket that goes, is still served. */
static void drain_queue(struct acceptor *a)
{
    a->leaving = true;
    while (accept_one(a))
        ;
}

void acceptors_leave(struct worker *w, const struct generation *next,
                     const struct generation *canary)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < w->acceptor.n; i++) {
        struct acceptor *a = w->acceptor.at[i];
        if (has_socket(next, a->listener) || (canary && has_socket(canary, a->listener))) {
            w->acceptor.at[kept++] = a;
            continue;
        }
        drain_queue(a);
        acceptor_close(a);
    }
    w->acceptor.n = kept;
}

void acceptors_update(struct worker *w)
{
    for (uint32_t i = 0; i < w->current->table->n_listeners; i++)
        update_listener(w, w->current, i);
    for (uint32_t i = 0; w->canary && i < w->canary->table->n_listeners; i++)
        update_listener(w, w->canary, i);
    acceptors_resume(w);
}

void acceptors_close(struct worker *w)
{
    for (uint32_t i = 0; i < w->acceptor.n; i++) {
        drain_queue(w->acceptor.at[i]);
        acceptor_close(w->acceptor.at[i]);
    }
    w->acceptor.n = 0;
}

bool acceptors_resume(struct worker *w)
{
    bool any = false;
    for (uint32_t i = 0; i < w->acceptor.n; i++) {
        struct acceptor *a = w->acceptor.at[i];
        if (!a->paused)
            continue;
        a->paused = false;
        any = true;
        watch_want(&a->watch, WATCH_READ);
    }
    return any;
}

/* QUEUE: room at a server, waiting for it, and what the circuit breaker counts. */
#include "runtime/proxy/exchange_priv.h"
#include "runtime/upstream/queue.h"

/* What x->held counts; given back one by one. */
enum {
    HELD_SEAT = 1,
    HELD_CONNECTION = 2,
    HELD_PENDING = 4,
    HELD_RETRY = 8,
    HELD_CLUSTER = 16,
    NOTED = 32
};

/* A waiter with what it needs when its exchange is gone. */
struct place {
    struct waiter waiter;
    struct worker *worker;
    struct cluster *cluster; /* pinned */
};

static uint32_t cluster_index(const struct exchange *x)
{
    return (uint32_t)(x->cluster - x->generation->table->cluster);
}

struct cluster *exchange_cluster(const struct exchange *x)
{
    return x->generation->cluster[cluster_index(x)];
}

struct cluster_worker *exchange_seen(const struct exchange *x)
{
    return &exchange_cluster(x)->worker[x->worker->index];
}

struct sticky *exchange_sticky(const struct exchange *x)
{
    return x->generation->sticky[cluster_index(x)];
}

const struct mac_key *exchange_cookie_key(const struct exchange *x)
{
    return &x->generation->cookie_key[cluster_index(x)];
}

static struct cluster_choice choice_of(const struct exchange *x)
{
    const struct generation *g = x->generation;
    const struct generation_part part = g->part[cluster_index(x)];
    struct cluster_choice choice = {.spec = x->cluster,
                                    .server_spec = g->spec + part.first,
                                    .live = exchange_cluster(x),
                                    .server = g->server + part.first,
                                    .n_servers = part.n,
                                    .worker = x->worker->index,
                                    .key = x->key,
                                    .now_ns = x->worker->now_ns,
                                    .n_avoid = x->n_tried};
    _Static_assert(EXCHANGE_TRIED_MAX <= CLUSTER_AVOID_MAX, "all that are known can be avoided");
    memcpy(choice.avoid, x->tried, sizeof(x->tried));
    return choice;
}

static struct cluster_view *view_of(const struct exchange *x)
{
    return &x->generation->worker[x->worker->index]->view[cluster_index(x)];
}

/* --- the circuit breaker --------------------------------------------------------------------- */

static bool hold(struct exchange *x, unsigned what, _Atomic uint32_t *count, uint32_t most)
{
    if (most == 0 || (x->held & what))
        return true;
    if (!breaker_take(count, most))
        return false;
    x->held |= (uint8_t)what;
    return true;
}

static void let_go(struct exchange *x, unsigned what, _Atomic uint32_t *count)
{
    if (!(x->held & what))
        return;
    breaker_give(count);
    x->held &= (uint8_t)~what;
}

static enum outcome break_circuit(struct exchange *x, const char *what)
{
    METRIC_ADD(x->worker->metrics->circuit_breaker_refusals, 1);
    cluster_refuses(exchange_cluster(x), what, x->generation->owner);
    x->reason = what;
    x->retry_after_s = 1;
    return refuse(x, 503, ACCESS_CIRCUIT_BREAKER, "Too much is under way at these servers now.");
}

bool exchange_hold_retry(struct exchange *x)
{
    return hold(x, HELD_RETRY, &exchange_cluster(x)->retrying, x->cluster->breaker.retries);
}

void exchange_end_retry(struct exchange *x)
{
    if (x->held & HELD_RETRY)
        let_go(x, HELD_RETRY, &exchange_cluster(x)->retrying);
}

/* --- waiting --------------------------------------------------------------------------------- */

static void gone(struct waiter *w)
{
    struct place *p = CONTAINER_OF(w, struct place, waiter);
    cluster_unpin(p->cluster);
    pool_give(&p->worker->places, p);
}

static void called(void *of)
{
    struct exchange *x = of;
    CHECK_OBJ(x, EXCHANGE_MAGIC);
    worker_now(x->worker);
    x->has_turn = true;
    session_drive(x->session);
}

size_t exchange_place_bytes(void)
{
    return sizeof(struct place);
}

static void stop_waiting(struct exchange *x, bool pass_on)
{
    if (!x->waiter)
        return;
    if (pass_on && x->has_turn)
        queue_next(x->waiter->queue);
    queue_leave(x->waiter);
    x->waiter = NULL;
    x->has_turn = false;
    METRIC_ADD(x->worker->metrics->requests_queued, -1);
}

/* A client that is told to come again is told when those who wait now have had their turn. */
static uint16_t seconds_of(int64_t ns)
{
    const int64_t s = (ns + NS_PER_S - 1) / NS_PER_S;
    return (uint16_t)(s < 3600 ? s : 3600);
}

static enum outcome refuse_waiting(struct exchange *x, enum access_end end, const char *detail)
{
    x->retry_after_s = seconds_of(x->cluster->timeout_ns[TIMEOUT_CLUSTER_QUEUE]);
    return refuse(x, 503, end, detail);
}

/* Behind those who wait already. False: there are too many, or memory is out. */
static bool join(struct exchange *x)
{
    struct worker *w = x->worker;
    struct place *p = pool_take(&w->places);
    if (!p)
        return false;
    *p = (struct place){.waiter = {.box = &w->box, .of = x, .call = called, .gone = gone},
                        .worker = w,
                        .cluster = exchange_cluster(x)};
    if (!queue_join(&p->cluster->queue, &p->waiter, x->cluster->queue_max)) {
        pool_give(&w->places, p);
        return false;
    }
    cluster_pin(p->cluster);
    x->waiter = &p->waiter;
    METRIC_ADD(w->metrics->queued_total, 1);
    METRIC_ADD(exchange_seen(x)->queued, 1);
    METRIC_ADD(w->metrics->requests_queued, 1);
    return true;
}

/* No server has room. Who waits forgets whom it has tried: any room is good then, so that whoever
 * is first in the queue can use what the others could. */
static enum outcome wait_for_room(struct exchange *x)
{
    const bool again = x->waiter != NULL;
    x->n_tried = 0;
    x->has_turn = false;
    if (again) {
        queue_rejoin(x->waiter);
    } else if (!join(x)) {
        METRIC_ADD(x->worker->metrics->queue_full, 1);
        return refuse_waiting(x, ACCESS_QUEUE_FULL,
                              "All servers are busy, and too many requests wait already.");
    }
    const struct cluster_choice choice = choice_of(x);
    if (cluster_has_room(&choice, view_of(x)))
        queue_next(x->waiter->queue); /* it was made while this one joined */
    else if (again && x->generation != x->worker->current)
        queue_next_after(x->waiter); /* those behind may know servers that this one does not */
    if (cluster_avoids(&choice, view_of(x)))
        cluster_wake(exchange_cluster(x), x->generation->owner); /* nobody may leave it */
    return go(x, EXCHANGE_QUEUE);
}

/* Has a client of HTTP closed its connection, or its half of it? One that does so while it waits
 * has nearly always given up, and the servers have too much to do already. */
static bool is_given_up(const struct exchange *x)
{
    const struct session *s = x->session;
    return !x->tcp && !s->parent && s->readable && conn_is_left(&s->conn);
}

enum outcome exchange_queue(struct exchange *x)
{
    if (is_given_up(x))
        return exchange_abort(x, ACCESS_CLIENT_ABORT);
    return x->has_turn ? go(x, EXCHANGE_PICK) : WAIT;
}

void exchange_queue_late(struct exchange *x)
{
    METRIC_ADD(x->worker->metrics->queue_timeouts, 1);
    stop_waiting(x, true);
    refuse_waiting(x, ACCESS_QUEUE_TIMEOUT, "No server had room for this request in time.");
}

/* --- a seat ---------------------------------------------------------------------------------- */

static enum outcome no_server(struct exchange *x)
{
    if (x->tries == 0) {
        METRIC_ADD(x->worker->metrics->requests_without_server, 1);
        x->reason = "every server of the cluster is down or drained";
        return refuse(x, 503, ACCESS_NO_SERVER, "No server can take this request now.");
    }
    if (x->late)
        return refuse(x, 504, ACCESS_CONNECT_TIMEOUT, "No server could be reached in time.");
    return refuse(x, 502, ACCESS_CONNECT_FAILED, "No server could be reached.");
}

/* The cluster's server of this number. */
static struct server *server_of(const struct exchange *x, uint32_t chosen)
{
    const struct generation *g = x->generation;
    return g->server[g->part[cluster_index(x)].first + chosen];
}

/* The server that its client is remembered at, and then there is room for it. One without room is
 * not waited for: another helps out, and is not remembered. */
static uint32_t choose_again(struct exchange *x)
{
    const struct cluster_choice choice = choice_of(x);
    const uint32_t kept = exchange_stuck_at(x, &choice, view_of(x));
    if (kept == BALANCE_NONE || !server_enter(server_of(x, kept)))
        return BALANCE_NONE;
    exchange_stuck(x);
    return kept;
}

/* With a rule for retries, one that has tried all servers begins again with the first. */
static uint32_t choose(struct exchange *x)
{
    /* A second try beside the first one says nothing about where the client belongs. */
    const uint32_t kept = x->sticks && !x->is_hedge ? choose_again(x) : BALANCE_NONE;
    if (kept != BALANCE_NONE)
        return kept;
    for (;;) {
        const struct cluster_choice choice = choice_of(x);
        const uint32_t chosen = cluster_pick(&choice, view_of(x));
        if (chosen == BALANCE_NONE && x->n_tried > 0 && x->retry->given) {
            x->n_tried = 0;
            continue;
        }
        if (chosen >= CLUSTER_FULL || server_enter(server_of(x, chosen)))
            return chosen;
    }
}

/* Once, for the first try: the head may be gone later. */
static void note(struct exchange *x)
{
    x->held |= NOTED;
    x->key = cluster_key(x->generation->table, x->cluster, &x->facts, &x->verdict);
    exchange_stick_begin(x);
    if (x->retry->given)
        retry_budget_note(&exchange_cluster(x)->budget, x->worker->now_ns);
}

static void take_seat(struct exchange *x, uint32_t chosen)
{
    x->held |= HELD_SEAT;
    x->chosen = chosen;
    x->server = server_of(x, chosen);
    exchange_stick(x);
    if (cluster_begin(x->cluster, x->server))
        x->held |= HELD_CLUSTER;
    cluster_note(x->cluster, x->server, chosen, x->worker->index, view_of(x));
}

void exchange_judge(struct exchange *x, bool error)
{
    const int64_t until_ns = x->answered_ns >= x->picked_ns ? x->answered_ns : x->worker->now_ns;
    cluster_judge(x->cluster, x->server, x->worker->index, error, until_ns - x->picked_ns,
                  x->generation->owner);
}

bool exchange_sit(struct exchange *x, enum outcome *out)
{
    struct cluster *c = exchange_cluster(x);
    const struct table_breaker *breaker = &x->cluster->breaker;
    if (!(x->held & NOTED))
        note(x);
    if (!hold(x, HELD_PENDING, &c->pending, breaker->pending)) {
        *out = break_circuit(x, "pending");
        return false;
    }
    if (x->cluster->limited && !x->waiter && queue_is_used(&c->queue)) {
        *out = wait_for_room(x); /* others came before */
        return false;
    }
    const uint32_t chosen = choose(x);
    if (chosen >= CLUSTER_FULL) {
        *out = chosen == CLUSTER_FULL ? wait_for_room(x) : no_server(x);
        return false;
    }
    if (!hold(x, HELD_CONNECTION, &c->connections, breaker->connections)) {
        server_leave(server_of(x, chosen));
        *out = break_circuit(x, "connections");
        return false;
    }
    take_seat(x, chosen);
    stop_waiting(x, false);
    return true;
}

bool exchange_sit_beside(struct exchange *x)
{
    struct cluster *c = exchange_cluster(x);
    const struct table_breaker *breaker = &x->cluster->breaker;
    if (x->cluster->limited && queue_is_used(&c->queue))
        return false; /* others wait for a first one */
    const struct cluster_choice choice = choice_of(x);
    const uint32_t chosen = cluster_pick(&choice, view_of(x));
    if (chosen >= CLUSTER_FULL || !server_enter(server_of(x, chosen)))
        return false;
    if (!hold(x, HELD_PENDING, &c->pending, breaker->pending) ||
        !hold(x, HELD_CONNECTION, &c->connections, breaker->connections)) {
        METRIC_ADD(x->worker->metrics->circuit_breaker_refusals, 1);
        exchange_connected(x);
        server_leave(server_of(x, chosen));
        return false;
    }
    take_seat(x, chosen);
    return true;
}

uint8_t exchange_change_seat(struct exchange *x, uint8_t seat)
{
    const uint8_t own = HELD_SEAT | HELD_CONNECTION | HELD_PENDING | HELD_CLUSTER;
    const uint8_t before = x->held & own;
    x->held = (uint8_t)((x->held & ~own) | seat);
    return before;
}

void exchange_stand_up(struct exchange *x)
{
    if (!(x->held & HELD_SEAT))
        return;
    let_go(x, HELD_CONNECTION, &x->server->cluster->connections);
    if (x->held & HELD_CLUSTER)
        cluster_end(x->server);
    x->held &= (uint8_t) ~(HELD_SEAT | HELD_CLUSTER);
    server_leave(x->server);
    if (x->generation) /* a tunnel's view is gone with it */
        cluster_note(x->cluster, x->server, x->chosen, x->worker->index, view_of(x));
}

void exchange_connected(struct exchange *x)
{
    if (x->held & HELD_PENDING)
        let_go(x, HELD_PENDING, &exchange_cluster(x)->pending);
}

void exchange_forget_room(struct exchange *x)
{
    exchange_leave_room(x);
    x->held &= (uint8_t)~NOTED;
    x->n_tried = 0;
}

void exchange_leave_room(struct exchange *x)
{
    stop_waiting(x, true);
    exchange_connected(x);
    exchange_end_retry(x);
}

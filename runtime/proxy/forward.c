/* PICK and CONNECT: a server for the request, and another one when it can't be reached. */
#include <errno.h>

#include "runtime/http/h1_write.h"
#include "runtime/net/dial.h"
#include "runtime/proxy/exchange_priv.h"

/* A server that could not be reached is tried again by other requests only after this, unless there
 * is no other; health checks take it out for longer. */
#define SUSPECT_NS NS_PER_S

static void begin_relay(struct exchange *x)
{
    x->connected_ns = x->worker->now_ns;
    flow_init(&x->up, &x->link->conn, x->info.framing, x->info.content_length,
              x->info.framing == FRAMING_CHUNKED);
    x->up_result = FLOW_HUNGRY;
    x->head_sent = x->up_failed = x->heard = false;
    x->n_interim = 0;
    x->link->writable = true;
    x->link->readable = false;
}

static uint32_t choose(struct exchange *x)
{
    const uint32_t cluster = (uint32_t)(x->cluster - x->generation->table->cluster);
    const uint32_t first = x->cluster->first_server;
    struct cluster_choice choice = {.spec = x->cluster,
                                    .server_spec = x->generation->table->server + first,
                                    .live = x->generation->cluster[cluster],
                                    .server = x->generation->server + first,
                                    .client = &x->session->client.address,
                                    .now_ns = x->worker->now_ns,
                                    .n_avoid = x->n_tried};
    _Static_assert(EXCHANGE_TRIES_MAX <= CLUSTER_AVOID_MAX, "all that were tried can be avoided");
    memcpy(choice.avoid, x->tried, sizeof(x->tried));
    return cluster_pick(&choice, &x->generation->worker[x->worker->index]->view[cluster]);
}

static void use_link(struct exchange *x, struct link *l)
{
    x->link = l;
    atomic_fetch_add_explicit(&x->server->in_flight, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&x->server->requests, 1, memory_order_relaxed);
}

/* Then the server is not to blame. */
static bool is_our_shortage(int rc)
{
    return rc == -ENOBUFS || rc == -EMFILE || rc == -ENFILE || rc == -ENOMEM ||
           rc == -EADDRNOTAVAIL;
}

static enum outcome no_server(struct exchange *x)
{
    if (x->n_tried == 0)
        return refuse(x, 503, ACCESS_NO_SERVER, "No server can take this request now.");
    if (x->late)
        return refuse(x, 504, ACCESS_CONNECT_TIMEOUT, "No server could be reached in time.");
    return refuse(x, 502, ACCESS_CONNECT_FAILED, "No server could be reached.");
}

enum outcome exchange_pick(struct exchange *x)
{
    const uint32_t chosen = choose(x);
    if (chosen == BALANCE_NONE)
        return no_server(x);
    x->server = x->generation->server[x->cluster->first_server + chosen];
    x->tried[x->n_tried] = chosen;
    x->tries++;

    struct link *l = x->fresh ? NULL : link_take(&x->worker->link_owner, x->server, x);
    x->reused = l != NULL;
    if (l) {
        use_link(x, l);
        begin_relay(x);
        return go(x, EXCHANGE_RELAY);
    }
    const int rc = link_dial(&x->worker->link_owner, x->server, x, &l);
    if (is_our_shortage(rc))
        return refuse(x, 503, ACCESS_OVERLOAD, "Too much is going on here now.");
    if (rc != 0)
        return exchange_server_failed(x, 502, ACCESS_CONNECT_FAILED,
                                      "A connection to a server could not be made.");
    use_link(x, l);
    return go(x, EXCHANGE_CONNECT);
}

enum outcome exchange_connect(struct exchange *x)
{
    if (!x->link->writable)
        return WAIT;
    if (dial_result(x->link->conn.fd) != 0)
        return exchange_server_failed(x, 502, ACCESS_CONNECT_FAILED,
                                      "A connection to a server could not be made.");
    deadline_clear(&x->link->deadline);
    begin_relay(x);
    return go(x, EXCHANGE_RELAY);
}

/*
 * May the request go out once more? When no connection was made, nothing of it was sent. On a
 * reused connection that died in silence it may have been: then the method must allow it (RFC
 * 9110 9.2.2), and all of the request must still be here.
 */
static bool may_retry(const struct exchange *x)
{
    if (x->response_known || x->tries >= EXCHANGE_TRIES_MAX || x->worker->draining)
        return false;
    if (x->step == EXCHANGE_PICK || x->step == EXCHANGE_CONNECT)
        return true;
    return x->step == EXCHANGE_RELAY && x->reused && x->info.idempotent &&
           x->info.framing == FRAMING_NONE && !x->heard;
}

static void note_failure(struct exchange *x)
{
    struct server *s = x->server;
    if (x->step == EXCHANGE_RELAY) {
        if (!x->reused || x->response_known) {
            atomic_fetch_add_explicit(&s->response_errors, 1, memory_order_relaxed);
            METRIC_ADD(x->worker->metrics->server_response_errors, 1);
        }
        return;
    }
    atomic_fetch_add_explicit(&s->connect_errors, 1, memory_order_relaxed);
    METRIC_ADD(x->worker->metrics->server_connect_errors, 1);
    atomic_store_explicit(&s->suspect_until_ns, x->worker->now_ns + SUSPECT_NS,
                          memory_order_relaxed);
}

/* The end of a response that has begun already can only be shown by breaking it off. */
static enum outcome cut_off(struct exchange *x, enum access_end end)
{
    x->fate = exchange_ends_by_close(x) ? FATE_RESET : FATE_CLOSE;
    x->end = end;
    exchange_drop_link(x);
    return go(x, EXCHANGE_FINISH);
}

enum outcome exchange_server_failed(struct exchange *x, uint16_t status, enum access_end end,
                                    const char *detail)
{
    note_failure(x);
    const bool again = may_retry(x) && end != ACCESS_SERVER_TIMEOUT;
    x->late = end == ACCESS_CONNECT_TIMEOUT;
    if (x->response_known)
        return cut_off(x, end);
    /* A server that could not be connected to is not asked again; one whose idle connection had
     * died may well answer on a new one. */
    if (x->step != EXCHANGE_RELAY)
        x->n_tried++;
    else
        x->fresh = true;
    exchange_drop_link(x);
    flow_done(&x->up, &x->worker->buffers);
    if (!again) {
        if (!x->up.ended && x->info.framing != FRAMING_NONE)
            x->fate = FATE_LINGER;
        return refuse(x, status, end, detail);
    }
    METRIC_ADD(x->worker->metrics->retries, 1);
    return go(x, EXCHANGE_PICK);
}

/* PICK and CONNECT: a connection to the server that has room for the request. */
#include <errno.h>

#include "runtime/http/h1_write.h"
#include "runtime/net/proxy_socket.h"
#include "runtime/proxy/exchange_priv.h"
#include "runtime/upstream/h2_link.h"

/* A client of HTTP/2 asks for a WebSocket, and this server has not said that it takes any there. To
 * leave the question out would be to have the answer taken for a yes. */
static enum outcome no_connect(struct exchange *x)
{
    x->reason = "the server does not take WebSockets over HTTP/2 (RFC 8441)";
    exchange_drop_link(x);
    return refuse(x, 502, ACCESS_SERVER_ERROR, "The server takes no WebSockets.");
}

/* A request is written and its answer awaited; a TCP connection talks both ways at once. */
static enum outcome begin(struct exchange *x)
{
    const struct conn *from = &x->session->conn;
    if (conn_is_stream(from) && conn_is_stream(&x->link->conn) && x->info.upgrade &&
        !exchange_connects(x))
        return no_connect(x);
    x->connected_ns = x->worker->now_ns;
    if (!x->reused)
        histogram_add(&exchange_seen(x)->connect, x->connected_ns - x->picked_ns);
    x->reason = NULL;
    flow_init(&x->up, &x->link->conn, exchange_framing(x->info.framing, from, &x->link->conn),
              x->info.content_length, exchange_sends_chunks(x));
    x->up.source = from;
    if (x->throttled && !x->is_hedge) /* one that rests beside another would not hear of its turn */
        exchange_allow(x, THROTTLE_UP);
    x->up.goes_on = exchange_connects(x);
    if (x->listener)
        x->up.body_bytes_max = x->listener->max_body_bytes;
    x->up_result = FLOW_HUNGRY;
    x->head_sent = x->up_failed = x->heard = false;
    exchange_connected(x);
    exchange_begin_body(x);
    x->n_interim = 0;
    x->link->writable = true;
    x->link->readable = false;
    return go(x, x->tcp ? EXCHANGE_TUNNEL : EXCHANGE_RELAY);
}

/* An idle connection that this client may have. */
static struct link *idle_link(struct exchange *x, const struct link_way *way)
{
    const uint8_t version = x->cluster->proxy_protocol;
    if (x->tcp || x->fresh)
        return NULL;
    return version ? link_kept(&x->session->kept, x->server, way, version, x)
                   : link_take(&x->worker->link_owner, x->server, way, x);
}

/* Says to a server whose connection this is, before anything else. */
static int introduce(struct exchange *x)
{
    struct session *s = x->session;
    if (!x->cluster->proxy_protocol)
        return 0;
    session_find_local(s);
    const struct endpoint client = endpoint_of_end(&s->client);
    const struct endpoint local = endpoint_of_end(&s->local);
    x->link->proxied = x->cluster->proxy_protocol;
    return proxy_socket_write(x->link->conn.fd, (enum proxy_version)x->link->proxied, &client,
                              &local);
}

static void use_link(struct exchange *x, struct link *l)
{
    x->link = l;
    atomic_fetch_add_explicit(&x->server->requests, 1, memory_order_relaxed);
}

void exchange_heard_server(struct exchange *x)
{
    const struct worker *w = x->worker;
    const int64_t took_ns = w->now_ns - x->picked_ns;
    cluster_timed(x->cluster, x->server, w->index, took_ns, w->now_ns);
    server_answers(x->server, w->index, took_ns);
    histogram_add(&exchange_seen(x)->first_byte, took_ns);
}

/* Then the server is not to blame. */
static bool is_our_shortage(int rc)
{
    return rc == -ENOBUFS || rc == -EMFILE || rc == -ENFILE || rc == -ENOMEM ||
           rc == -EADDRNOTAVAIL;
}

/* By the name that the client asked for, unless the cluster says another; who asked for none means
 * the server at this address. */
static struct link_way way_to(const struct exchange *x, char room[ADDRESS_TEXT_MAX])
{
    const struct generation *g = x->generation;
    const size_t cluster = (size_t)(x->cluster - g->table->cluster);
    struct link_way way = {.client = g->tls ? g->tls->client[cluster] : NULL,
                           .name = x->facts.host};
    if (way.client && way.name.len == 0)
        way.name = (struct slice){room, address_format(&x->server->endpoint.address, room)};
    return way;
}

/* A link to the server: an idle one, a stream, or one that is being made. 0 or a negative errno. */
static int find_link(struct exchange *x, struct link **out, bool *connected)
{
    const struct link_owner *o = &x->worker->link_owner;
    char room[ADDRESS_TEXT_MAX];
    const struct link_way way = way_to(x, room);
    if (x->cluster->h2 && !x->tcp) {
        const struct h2_link_wish wish = {.way = way,
                                          .fresh = x->fresh,
                                          .connects = x->info.websocket,
                                          .connect_ns =
                                              x->cluster->timeout_ns[TIMEOUT_CLUSTER_CONNECT],
                                          .idle_ns = x->cluster->timeout_ns[TIMEOUT_CLUSTER_IDLE]};
        return h2_link_open(o, x->server, x, &wish, out, connected);
    }
    struct link *l = idle_link(x, &way);
    *connected = l != NULL;
    if (!l)
        return link_dial(o, x->server, &way, x, out);
    *out = l;
    return 0;
}

int exchange_reach(struct exchange *x)
{
    struct link *l = NULL;
    x->tries++;
    x->picked_ns = x->worker->now_ns;
    const int rc = find_link(x, &l, &x->reused);
    if (rc == 0)
        use_link(x, l);
    return rc;
}

enum outcome exchange_reached(struct exchange *x)
{
    return x->reused ? begin(x) : go(x, EXCHANGE_CONNECT);
}

enum outcome exchange_pick(struct exchange *x)
{
    enum outcome out;
    if (!exchange_sit(x, &out))
        return out;
    const int rc = exchange_reach(x);
    if (is_our_shortage(rc))
        return refuse(x, 503, ACCESS_OVERLOAD, "Too much is going on here now.");
    if (rc != 0)
        return exchange_server_failed(x, 502, ACCESS_CONNECT_FAILED,
                                      "A connection to a server could not be made.");
    return exchange_reached(x);
}

/* A header that says whose it is goes before all else, a handshake among it. */
static int connect_link(struct exchange *x)
{
    const bool was_reached = x->link->connected;
    int rc = link_reach(x->link);
    if (rc == 0 && !was_reached)
        rc = introduce(x);
    return rc == 0 ? conn_handshake(&x->link->conn) : rc;
}

enum outcome exchange_connect(struct exchange *x)
{
    const int rc = connect_link(x);
    if (rc == -EAGAIN)
        return WAIT;
    if (rc != 0) {
        x->reason = link_why(x->link);
        return rc == -ETIMEDOUT
                   ? exchange_server_failed(x, 504, ACCESS_CONNECT_TIMEOUT,
                                            "No connection to a server in time.")
                   : exchange_server_failed(x, 502, ACCESS_CONNECT_FAILED,
                                            "A connection to a server could not be made.");
    }
    deadline_clear(&x->link->deadline);
    return begin(x);
}

/* Who connects: let in, counted, and ended when it takes too long. */
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "runtime/base/clock.h"
#include "runtime/net/sockaddr.h"
#include "stats/server/http_priv.h"

/* At a time, before others have a turn. */
#define ACCEPTS  16u
#define SWEEP_NS NS_PER_S

static void start_sweeping(struct http *h)
{
    if (h->n_peers == 0 && !h->resting)
        timer_set(&h->sweep, SWEEP_NS);
}

static bool may_connect(const struct http_config *c, const struct endpoint *from,
                        const struct endpoint *at)
{
    if (c->everybody || at->path[0])
        return true;
    uint32_t low = 0, high = c->n_ranges; /* the first that ends at it or behind it */
    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        if (address_compare(&c->range[middle].last, &from->address) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low < c->n_ranges && address_compare(&c->range[low].first, &from->address) <= 0;
}

static uint32_t count_of(const struct http *h, const struct endpoint *from)
{
    uint32_t n = 0;
    LIST_EACH (p, &h->peer, struct peer, link)
        n += address_compare(&p->from.address, &from->address) == 0;
    return n;
}

/* The connection of that address that has been without a request for the longest time gives its
 * place to another one: so who holds all of them cannot keep others behind his address out. False:
 * all of them are in use. */
static bool make_room(const struct http *h, const struct endpoint *from)
{
    struct peer *longest = NULL;
    LIST_EACH (p, &h->peer, struct peer, link)
        if (p->does == PEER_IDLE && !p->unwanted &&
            address_compare(&p->from.address, &from->address) == 0 &&
            (!longest || p->since_ns < longest->since_ns))
            longest = p;
    if (!longest)
        return false;
    longest->unwanted = true;
    shutdown(longest->fd, SHUT_RDWR);
    METRIC_ADD(h->metrics->admin_connections_over_source, 1);
    return true;
}

/* NULL, or what is counted about whoever is turned away. */
static _Atomic int64_t *turned_away(const struct port *port, const struct endpoint *from)
{
    const struct http *h = port->http;
    if (!may_connect(h->config, from, &port->listener->endpoint))
        return &h->metrics->admin_connections_denied;
    if (h->n_peers >= HTTP_PEERS_MAX)
        return &h->metrics->admin_connections_refused;
    if (count_of(h, from) >= HTTP_PEERS_OF_MAX && !make_room(h, from))
        return &h->metrics->admin_connections_over_source;
    return NULL;
}

static void peer_free(struct peer *p)
{
    struct http *h = p->http;
    list_remove(&p->link);
    h->n_peers--;
    METRIC_ADD(h->metrics->admin_connections, -1);
    free(p);
}

/* What a client does not read waits in the kernel, which would give it megabytes. */
#define SEND_BUFFER_BYTES (64 * 1024)

static void bound_buffer(int fd)
{
    const int bytes = SEND_BUFFER_BYTES;
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
}

static void let_in(struct port *port, int fd, const struct endpoint *from)
{
    struct http *h = port->http;
    _Atomic int64_t *counter = turned_away(port, from);
    if (counter) {
        METRIC_ADD(*counter, 1);
        close(fd);
        return;
    }
    start_sweeping(h);
    bound_buffer(fd);
    struct peer *p = MUST_NEW(struct peer);
    *p = (struct peer){.http = h,
                       .fd = fd,
                       .from = *from,
                       .at = port->listener->endpoint,
                       .since_ns = clock_now_ns(),
                       .new = true};
    list_add_last(&h->peer, &p->link);
    h->n_peers++;
    METRIC_ADD(h->metrics->admin_connections, 1);
    const struct sockaddr_of addr = sockaddr_from(p->at.path[0] ? &p->at : from);
    if (MHD_add_connection(h->daemon, fd, (const struct sockaddr *)&addr.addr, addr.len) != MHD_YES)
        peer_free(p); /* the library has closed it */
}

static bool out_of_something(int error)
{
    return error == -EMFILE || error == -ENFILE || error == -ENOMEM || error == -ENOBUFS;
}

static void want_all(struct http *h, unsigned wants)
{
    LIST_EACH (p, &h->port, struct port, link)
        watch_want(&p->watch, wants);
}

static void accept_peers(void *of, unsigned ready)
{
    struct port *port = of;
    struct http *h = port->http;
    (void)ready;
    for (uint32_t i = 0; i < ACCEPTS; i++) {
        struct endpoint from;
        const int fd = listener_accept(port->listener, 0, &from);
        if (out_of_something(fd)) {
            start_sweeping(h);
            h->resting = true;
            want_all(h, 0);
        }
        if (fd < 0)
            break;
        let_in(port, fd, &from);
    }
    http_pump(h);
}

/* --- ports ----------------------------------------------------------------------------------- */

static void port_close(struct port *p)
{
    list_remove(&p->link);
    watch_done(&p->watch);
    listener_unpin(p->listener);
    free(p);
}

void peers_close_ports(struct http *h)
{
    LIST_EACH (p, &h->port, struct port, link)
        port_close(p);
}

static void port_use(struct http *h, struct listener *l)
{
    LIST_EACH (p, &h->port, struct port, link)
        if (p->listener == l) {
            p->stays = true;
            return;
        }
    struct port *p = MUST_NEW(struct port);
    *p = (struct port){.http = h, .listener = listener_pin(l), .stays = true};
    list_add_last(&h->port, &p->link);
    watch_init(&p->watch, h->loop, l->socket[0].fd, accept_peers, p);
    watch_want(&p->watch, h->resting ? 0 : WATCH_READ);
}

static bool is_bound(const struct http_config *c, const struct endpoint *at)
{
    for (uint32_t i = 0; i < c->n_listeners; i++)
        if (endpoint_eq(&c->listener[i]->endpoint, at))
            return true;
    return false;
}

/* Who could not have come under the new configuration goes, once it is answered. Who follows events
 * comes again by itself, and is looked at anew. */
void peers_use(struct http *h, const struct http_config *c)
{
    LIST_EACH (p, &h->port, struct port, link)
        p->stays = false;
    for (uint32_t i = 0; i < c->n_listeners; i++)
        port_use(h, c->listener[i]);
    LIST_EACH (p, &h->port, struct port, link)
        if (!p->stays)
            port_close(p);

    bool any_follower = false;
    LIST_EACH (p, &h->peer, struct peer, link) {
        p->unwanted = !is_bound(c, &p->at) || !may_connect(c, &p->from, &p->at);
        any_follower |= p->unwanted && p->does == PEER_FOLLOWS;
        if (p->unwanted && p->does == PEER_IDLE)
            shutdown(p->fd, SHUT_RDWR);
    }
    const bool other_token =
        !h->config || c->guard.asks != h->config->guard.asks ||
        memcmp(c->guard.cookie, h->config->guard.cookie, sizeof(c->guard.cookie)) != 0;
    if (any_follower || other_token)
        hub_end_all(&h->hub);
    http_pump(h);
}

/* --- connections ----------------------------------------------------------------------------- */

static struct peer *find(const struct http *h, struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    LIST_EACH (p, &h->peer, struct peer, link)
        if (info && p->fd == info->connect_fd)
            return p;
    return NULL;
}

void peer_notify(void *of, struct MHD_Connection *connection, void **context,
                 enum MHD_ConnectionNotificationCode code)
{
    struct http *h = of;
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        *context = find(h, connection);
        ASSERT(*context);
    } else if (*context) {
        peer_free(*context);
        *context = NULL;
    }
}

void peer_does(struct peer *p, enum peer_activity does)
{
    p->does = does;
    p->new = false;
    p->since_ns = clock_now_ns();
    if (does == PEER_IDLE && p->unwanted)
        shutdown(p->fd, SHUT_RDWR);
}

static int64_t patience(const struct peer *p)
{
    switch (p->does) {
    case PEER_IDLE: return p->new ? HTTP_HEAD_NS : HTTP_IDLE_NS;
    case PEER_ASKS: return HTTP_HEAD_NS;
    case PEER_IS_ANSWERED: return HTTP_ANSWER_NS;
    case PEER_FOLLOWS: return INT64_MAX; /* follow.c looks after it */
    }
    return 0;
}

void peers_sweep(void *of)
{
    struct http *h = of;
    const int64_t now_ns = clock_now_ns();
    LIST_EACH (p, &h->peer, struct peer, link) {
        if (now_ns - p->since_ns <= patience(p))
            continue;
        /* One that has asked and waits to ask again is not late, it is done. */
        if (p->does != PEER_IDLE || p->new)
            METRIC_ADD(h->metrics->admin_connections_late, 1);
        p->since_ns = now_ns;
        shutdown(p->fd, SHUT_RDWR);
    }
    ask_sweep(h, now_ns);
    if (h->resting) {
        h->resting = false;
        want_all(h, WATCH_READ);
    }
    http_pump(h);
    if (h->n_peers > 0)
        timer_set(&h->sweep, SWEEP_NS);
}

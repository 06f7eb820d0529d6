#include "runtime/proxy/preface.h"

#include <errno.h>

#include "runtime/net/proxy_socket.h"
#include "runtime/proxy/exchange_priv.h"
#include "runtime/proxy/worker.h"

/* Who may connect to a Unix socket, its file mode says. */
static bool is_trusted(const struct session *s, const struct table_listener *l)
{
    return s->peer.port == 0 || listener_trusts(l, &s->peer.address);
}

void preface_begin(struct session *s, const struct table_listener *l)
{
    if (!is_trusted(s, l)) {
        METRIC_ADD(s->worker->metrics->proxy_untrusted, 1);
        session_refuse(s);
        return;
    }
    s->header_due = true;
    preface_read(s);
}

static void believe(struct session *s, const struct proxy_header *h)
{
    s->header_due = false;
    buffer_give(&s->in, &s->worker->buffers);
    if (!h->named)
        return; /* the proxy speaks for itself: a check of its own, say */
    s->client = tcp_end_of(&h->src);
    s->local = tcp_end_of(&h->dst);
    s->local_known = true;
}

void preface_read(struct session *s)
{
    struct metrics *m = s->worker->metrics;
    struct proxy_header h;
    if (!buffer_take(&s->in, &s->worker->buffers)) {
        METRIC_ADD(m->buffers_refused, 1);
        session_refuse(s);
        return;
    }
    const int rc = proxy_socket_read(s->conn.fd, &s->in, &h);
    if (rc == 0) {
        believe(s, &h);
        session_welcome(s);
    } else if (rc != -EAGAIN) {
        METRIC_ADD(m->proxy_headers_bad, 1);
        session_refuse(s);
    } else if (buffer_len(&s->in) == 0) {
        buffer_give(&s->in, &s->worker->buffers);
    }
}

/* OPEN: a connection of a TCP listener, up to the decision. From there on it is as any other, and
 * then a tunnel. */
#include <errno.h>

#include "compiler/table/eval.h"
#include "runtime/net/client_hello.h"
#include "runtime/proxy/exchange_priv.h"

enum outcome exchange_give_up(struct exchange *x, enum access_end end)
{
    x->end = end;
    x->fate = FATE_RESET;
    return go(x, EXCHANGE_FINISH);
}

/* A name that no host can have names none. */
static void note_name(struct exchange *x, const struct client_hello *hello)
{
    uint16_t port = 0;
    size_t len = 0;
    char name[URI_HOST_BYTES_MAX + 6];
    x->facts.tls = true;
    if (hello->name_len == 0 || hello->name_len > URI_HOST_BYTES_MAX)
        return;
    const struct slice raw = {hello->name, hello->name_len};
    if (uri_normalise_host(raw, false, name, &len, &port) != URI_OK || port != 0 ||
        len > sizeof(x->host))
        return;
    memcpy(x->host, name, len);
    x->facts.tls_sni = (struct slice){x->host, len};
}

/* Looks at what a TLS client says first; what it says stays in the buffer, for the server. GO_ON:
 * all is known. */
static enum outcome peek(struct exchange *x)
{
    struct session *s = x->session;
    for (;;) {
        struct client_hello hello;
        const int is = buffer_len(&s->in) > 0 ? client_hello_read(buffer_slice(&s->in), &hello) : 0;
        if (is == 1)
            note_name(x, &hello);
        if (is != 0)
            return GO_ON;
        const ssize_t n = exchange_fill(x, &s->conn, &s->in, &s->readable);
        if (n == -EAGAIN && buffer_len(&s->in) == 0)
            buffer_give(&s->in, &x->worker->buffers);
        if (n == -EAGAIN)
            return WAIT;
        if (n <= 0)
            return exchange_abort(x, n == -ENOBUFS ? ACCESS_OVERLOAD : ACCESS_CLIENT_ABORT);
        x->received_bytes += (uint64_t)n;
        METRIC_ADD(x->worker->metrics->client_received_bytes, n);
    }
}

enum outcome exchange_open(struct exchange *x)
{
    if (x->listener->peeks) {
        const enum outcome out = peek(x);
        if (out == WAIT || x->step != EXCHANGE_OPEN)
            return out;
    }
    deadline_clear(&x->session->deadline);
    x->head_ns = x->worker->now_ns;
    exchange_fill_connection(x);
    x->facts.proto = SLICE("tcp");
    enum outcome refused;
    if (!exchange_counts(x, x->listener->limit, x->listener->n_limits, NULL, &refused))
        return refused;
    eval(x->generation->table, x->listener->route, &x->facts, &x->verdict, NULL);
    x->decided = true;
    return x->verdict.n_effects > 0 ? exchange_permit(x) : exchange_follow(x);
}

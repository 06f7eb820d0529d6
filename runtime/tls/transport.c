#include "runtime/tls/transport.h"

#include <errno.h>
#include <limits.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <string.h>
#include <sys/socket.h>

#include "runtime/base/slice.h"
#include "runtime/metrics/metrics.h"
#include "runtime/tls/transport_priv.h"

/* One recv() asks for a whole record at least, however little room there is for what it says. */
#define RECEIVE_BYTES_MIN (WIRE_RECORD_BYTES + WIRE_RECORD_EXTRA)

static struct tls *tls_of(const struct conn *c)
{
    struct tls *t = c->state;
    CHECK_OBJ(t, TLS_MAGIC);
    return t;
}

/* --- sending --------------------------------------------------------------------------------- */

static ssize_t send_bytes(const struct conn *c, const char *at, size_t len)
{
    ssize_t n;
    do
        n = send(c->fd, at, len, MSG_NOSIGNAL);
    while (n == -1 && errno == EINTR);
    return n == -1 ? -errno : n;
}

static int hold(struct tls *t, const char *at, size_t len)
{
    struct held *h = wire_hold(t->wire, t->out, at, len);
    if (!h) {
        METRIC_ADD(t->wire->metrics->buffers_refused, 1);
        return t->error = -ENOBUFS;
    }
    t->out = h;
    return -EAGAIN;
}

/* What was left over goes first. 0 when nothing is, -EAGAIN, or an error. */
static int send_held(const struct conn *c, struct tls *t)
{
    if (!t->out)
        return 0;
    const ssize_t n = send_bytes(c, t->out->bytes + t->out->at, t->out->len - t->out->at);
    if (n < 0)
        return n == -EAGAIN ? -EAGAIN : (t->error = (int)n);
    t->out->at += (size_t)n;
    if (t->out->at < t->out->len)
        return -EAGAIN;
    wire_drop(t->wire, t->out);
    t->out = NULL;
    return 0;
}

/* Sends what the library wrote; what does not go now is held. As send_held(). */
static int send_gathered(const struct conn *c, struct tls *t)
{
    struct wire *w = t->wire;
    const size_t len = w->out_len;
    w->out_len = 0;
    if (len == 0)
        return 0;
    if (t->out)
        return hold(t, w->out, len);
    const ssize_t n = send_bytes(c, w->out, len);
    if (n < 0 && n != -EAGAIN)
        return t->error = (int)n;
    const size_t sent = n > 0 ? (size_t)n : 0;
    return sent == len ? 0 : hold(t, w->out + sent, len - sent);
}

/* What no write waits for, a flight of the handshake say, goes when the socket takes it. */
static void watch_for_held(struct conn *c, struct tls *t)
{
    const bool wanted = t->out && t->owed == 0 && !t->error;
    if (wanted && !t->writes)
        watch_add(&c->watch, WATCH_WRITE);
    else if (!wanted && t->writes)
        watch_drop(&c->watch, WATCH_WRITE);
    t->writes = wanted;
}

/* --- the handshake --------------------------------------------------------------------------- */

/* 0 when it is over, -EAGAIN when the other side must say more, or an error. */
static int shake_hands(struct tls *t)
{
    ERR_clear_error();
    const int rc = SSL_do_handshake(t->library);
    if (rc == 1) {
        t->established = true;
        tls_established(t);
        return 0;
    }
    if (SSL_get_error(t->library, rc) == SSL_ERROR_WANT_READ)
        return -EAGAIN;
    tls_failed(t);
    return t->error = -EPROTO;
}

/* --- reading --------------------------------------------------------------------------------- */

/* Bytes of plaintext, 0 at the peer's end, -EAGAIN when the library wants more ciphertext. */
static ssize_t decrypt(struct tls *t, char *to, size_t room)
{
    if (t->error)
        return t->error;
    const int rc = t->established ? 0 : shake_hands(t);
    if (rc != 0 || room == 0)
        return rc;
    ERR_clear_error();
    const int n = SSL_read(t->library, to, room > INT_MAX ? INT_MAX : (int)room);
    if (n > 0)
        return n;
    switch (SSL_get_error(t->library, n)) {
    case SSL_ERROR_WANT_READ: return -EAGAIN;
    case SSL_ERROR_ZERO_RETURN: return 0;
    default: return t->error = -EPROTO;
    }
}

/* As far as the ciphertext at hand goes. *last is what ended it. */
static size_t decrypt_all(struct tls *t, char *to, size_t room, ssize_t *last)
{
    size_t got = 0;
    do {
        *last = decrypt(t, to + got, room - got);
        got += *last > 0 ? (size_t)*last : 0;
    } while (*last > 0 && got < room);
    return got;
}

/* A client that says GET here does not know that it should speak TLS. */
static bool speaks_plainly(const struct tls *t)
{
    const char first = t->wire->in[0];
    return t->context && !t->heard && first >= 'A' && first <= 'Z';
}

static void tls_free(struct tls *t);

static ssize_t turn_plain(struct conn *c, struct tls *t)
{
    METRIC_ADD(t->wire->metrics->tls_plain_requests, 1);
    t->wire->next_len = 0;
    t->error = -EPROTONOSUPPORT; /* no handshake has failed: there was none */
    tls_free(t);
    c->state = NULL;
    c->transport = &transport_plain;
    return -EPROTONOSUPPORT;
}

/* The peer is gone without a word. From a server that may be somebody else's doing, who wants a
 * part of an answer to be taken for all of it (RFC 9112 9.8); of a client it is quite usual. */
static ssize_t ended(struct tls *t, int error)
{
    if (error == 0 && t->context && t->established)
        return 0;
    if (!t->established) {
        ERR_clear_error();
        tls_failed(t);
        t->why = "the server closed the connection within the handshake";
    }
    return t->error = error ? error : -ECONNRESET;
}

static ssize_t receive(const struct conn *c, struct tls *t, size_t room)
{
    size_t most = room > RECEIVE_BYTES_MIN ? room : RECEIVE_BYTES_MIN;
    most = most < WIRE_IN_BYTES ? most : WIRE_IN_BYTES;
    ssize_t n;
    do
        n = recv(c->fd, t->wire->in, most, 0);
    while (n == -1 && errno == EINTR);
    if (n == -1 && errno == EAGAIN)
        return -EAGAIN;
    if (n <= 0)
        return ended(t, n == 0 ? 0 : -errno);
    t->wire->next = t->wire->in;
    t->wire->next_len = (size_t)n;
    return n;
}

/* Ciphertext that was read and not taken stays with its connection. */
static void keep_rest(struct tls *t, struct held *held)
{
    struct wire *w = t->wire;
    if (w->next_len == 0 || t->error) {
        wire_drop(w, held);
    } else if (held) {
        held->at = held->len - w->next_len;
        t->in = held;
    } else {
        t->in = wire_hold(w, NULL, w->next, w->next_len);
        if (!t->in) {
            METRIC_ADD(w->metrics->buffers_refused, 1);
            t->error = -ENOBUFS;
        }
    }
    w->next_len = 0;
}

static bool has_more(const struct tls *t)
{
    return t->in || t->more || SSL_pending(t->library) > 0;
}

/* What was held comes first; then the socket is asked, once, or until a record is whole: a part of
 * one says nothing yet. `held` becomes NULL when all of it was taken. */
static size_t advance(struct conn *c, struct tls *t, struct held **held, char *to, size_t room,
                      ssize_t *last)
{
    size_t got = decrypt_all(t, to, room, last);
    /* Who has just said something, in a handshake, waits for the answer to it. */
    while (got == 0 && *last == -EAGAIN && t->wire->out_len == 0) {
        wire_drop(t->wire, *held);
        *held = NULL;
        const ssize_t n = receive(c, t, room);
        if (n <= 0) {
            *last = n;
            return 0;
        }
        if (speaks_plainly(t)) {
            *last = turn_plain(c, t);
            return 0;
        }
        t->heard = true;
        got = decrypt_all(t, to, room, last);
    }
    return got;
}

/* Without room for it, the handshake alone: 0 when that is over. */
static ssize_t tls_read(struct conn *c, void *to, size_t room)
{
    struct tls *t = tls_of(c);
    struct held *held = t->in;
    t->in = NULL;
    t->wire->next = held ? held->bytes + held->at : NULL;
    t->wire->next_len = held ? held->len - held->at : 0;
    if (t->out && t->owed == 0)
        (void)!send_held(c, t); /* an error is this read's, too */
    ssize_t last;
    const size_t got = advance(c, t, &held, to, room, &last);
    if (last == -EPROTONOSUPPORT)
        return last; /* and the connection a plain one */
    keep_rest(t, held);
    (void)!send_gathered(c, t); /* a flight, an alert */
    watch_for_held(c, t);
    t->more = got > 0 && last <= 0 && last != -EAGAIN;
    return got > 0 ? (ssize_t)got : last;
}

static int tls_handshake(struct conn *c)
{
    const struct tls *t = tls_of(c);
    if (t->error || t->established)
        return t->error;
    return (int)tls_read(c, NULL, 0);
}

/* --- writing --------------------------------------------------------------------------------- */

/* Where the next record comes from. */
struct source {
    const struct iovec *part;
    int n;
    size_t at; /* bytes of the first part that are done */
};

static void skip(struct source *s, size_t len)
{
    while (s->n > 0 && len >= s->part->iov_len - s->at) {
        len -= s->part->iov_len - s->at;
        s->part++;
        s->n--;
        s->at = 0;
    }
    if (s->n > 0)
        s->at += len;
}

/* The next record's plaintext: where it stands, if a part has all of it, else put together. A small
 * head and a small body are one record. */
static struct slice next_record(struct wire *w, struct source *s)
{
    const size_t left = s->part->iov_len - s->at;
    struct slice r = {(const char *)s->part->iov_base + s->at, left};
    if (left >= WIRE_RECORD_BYTES || s->n == 1) {
        r.len = left < WIRE_RECORD_BYTES ? left : WIRE_RECORD_BYTES;
        skip(s, r.len);
        return r;
    }
    r = (struct slice){w->record, 0};
    while (s->n > 0 && r.len < WIRE_RECORD_BYTES) {
        const size_t here = s->part->iov_len - s->at, room = WIRE_RECORD_BYTES - r.len;
        const size_t n = here < room ? here : room;
        memcpy(w->record + r.len, (const char *)s->part->iov_base + s->at, n);
        r.len += n;
        skip(s, n);
    }
    return r;
}

/* Encrypts as much as one send() is to take; how much plaintext that is. */
static ssize_t encrypt(struct tls *t, struct source *s)
{
    size_t done = 0;
    while (s->n > 0 && done + WIRE_RECORD_BYTES <= WIRE_PLAIN_BYTES) {
        const struct slice record = next_record(t->wire, s);
        if (record.len == 0)
            continue;
        ERR_clear_error();
        const int n = SSL_write(t->library, record.at, (int)record.len);
        if (n != (int)record.len)
            return t->error = -EPROTO;
        done += record.len;
    }
    return (ssize_t)done;
}

static ssize_t tls_write(struct conn *c, const struct iovec *from, int n)
{
    struct tls *t = tls_of(c);
    if (t->error)
        return t->error;
    const int rc = t->established ? send_held(c, t) : -EAGAIN;
    if (rc != 0)
        return rc;
    struct source s = {from, n, 0};
    size_t taken = t->owed;
    skip(&s, t->owed);
    t->owed = 0;
    while (s.n > 0) {
        const ssize_t done = encrypt(t, &s);
        if (done < 0)
            return done;
        const int sent = send_gathered(c, t);
        if (sent == -EAGAIN) {
            t->owed = (size_t)done;
            return taken > 0 ? (ssize_t)taken : -EAGAIN;
        }
        if (sent != 0)
            return sent;
        taken += (size_t)done;
    }
    return (ssize_t)taken;
}

/* --- the rest -------------------------------------------------------------------------------- */

static void tls_want(struct conn *c, unsigned wants)
{
    struct tls *t = tls_of(c);
    watch_want(&c->watch, wants | (t->writes ? WATCH_WRITE : 0));
    if ((wants & WATCH_READ) && has_more(t))
        watch_fire(&c->watch, WATCH_READ);
}

static bool tls_is_broken(const struct conn *c)
{
    return tls_of(c)->error != 0 || transport_plain.is_broken(c);
}

/* close_notify, as far as the socket takes it; nobody waits for the answer. */
static void say_goodbye(const struct conn *c, struct tls *t)
{
    if (!t->established || t->error)
        return;
    ERR_clear_error();
    SSL_shutdown(t->library);
    if (send_held(c, t) == 0)
        (void)!send_gathered(c, t);
    else if (t->wire->out_len > 0 && !t->error)
        (void)!hold(t, t->wire->out, t->wire->out_len);
    t->wire->out_len = 0;
}

static void tls_shut(struct conn *c)
{
    struct tls *t = tls_of(c);
    say_goodbye(c, t);
    if (!t->out)
        transport_plain.shut(c);
}

static void tls_free(struct tls *t)
{
    struct wire *w = t->wire;
    if (!t->established && !t->error) {
        ERR_clear_error(); /* broken off: the library has nothing against it */
        tls_failed(t);
    }
    wire_drop(w, t->in);
    wire_drop(w, t->out);
    SSL_free(t->library);
    tls_context_unpin(t->context);
    tls_client_unpin(t->client);
    free(t->sni);
    free(t->subject);
    free(t->fingerprint);
    t->magic = 0;
    free(t);
}

static void tls_close(struct conn *c, bool reset)
{
    struct tls *t = tls_of(c);
    if (!reset)
        say_goodbye(c, t);
    tls_free(t);
    c->state = NULL;
    transport_plain.close(c, reset);
}

const struct transport transport_tls = {.read = tls_read,
                                        .write = tls_write,
                                        .want = tls_want,
                                        .is_broken = tls_is_broken,
                                        .shut = tls_shut,
                                        .close = tls_close,
                                        .handshake = tls_handshake};

/* NULL when memory is out. */
static struct tls *tls_new(struct wire *w, struct ssl_ctx_st *library)
{
    struct tls *t = calloc(1, sizeof(*t));
    SSL *ssl = t ? SSL_new(library) : NULL;
    if (!ssl) {
        free(t);
        return NULL;
    }
    t->magic = TLS_MAGIC;
    t->wire = w;
    t->library = ssl;
    SSL_set_app_data(ssl, t);
    BIO_up_ref(w->bio);
    SSL_set_bio(ssl, w->bio, w->bio);
    SSL_set_shed_handshake_config(ssl, 1);
    return t;
}

bool tls_accept(struct conn *c, struct wire *w, struct tls_context *context, struct loop *loop,
                int fd, watch_ready *ready, void *of)
{
    struct tls *t = tls_new(w, context->library);
    if (!t)
        return false;
    t->context = tls_context_pin(context);
    SSL_set_accept_state(t->library);
    conn_open(c, &transport_tls, loop, fd, ready, of);
    c->state = t;
    return true;
}

/* The name is the connection's own copy from here on. */
static bool prepare(struct tls *t, struct slice name)
{
    name = tls_client_name(t->client, name);
    t->sni = calloc(name.len + 1, 1);
    if (!t->sni)
        return false;
    if (name.len > 0)
        memcpy(t->sni, name.at, name.len);
    t->peer.sni = (struct slice){t->sni, name.len};
    return tls_client_prepare(t->client, t->library, t->sni);
}

bool tls_connect(struct conn *c, struct wire *w, struct tls_client *client, struct slice name,
                 struct tls_session **session, struct loop *loop, int fd, watch_ready *ready,
                 void *of)
{
    struct tls *t = tls_new(w, client->library);
    if (!t)
        return false;
    t->client = tls_client_pin(client);
    t->session = session;
    SSL_set_connect_state(t->library);
    if (!prepare(t, name)) {
        t->error = -EINVAL; /* no handshake has failed: none has begun */
        tls_free(t);
        ERR_clear_error();
        return false;
    }
    if (session)
        tls_session_offer(*session, client, t->peer.sni, t->library);
    conn_open(c, &transport_tls, loop, fd, ready, of);
    c->state = t;
    return true;
}

bool tls_is_by(const struct conn *c, const struct tls_client *client)
{
    return (c->transport == &transport_tls ? tls_of(c)->client : NULL) == client;
}

bool tls_is_for(const struct conn *c, struct slice name)
{
    if (c->transport != &transport_tls)
        return true;
    const struct tls *t = tls_of(c);
    return slice_eq(t->peer.sni, tls_client_name(t->client, name));
}

const char *tls_why(const struct conn *c)
{
    return c->transport == &transport_tls ? tls_of(c)->why : NULL;
}

const struct tls_peer *tls_peer(const struct conn *c)
{
    if (c->transport != &transport_tls)
        return NULL;
    const struct tls *t = tls_of(c);
    return t->established ? &t->peer : NULL;
}

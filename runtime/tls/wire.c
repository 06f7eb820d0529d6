#include "runtime/tls/wire.h"

#include <openssl/bio.h>
#include <string.h>

static int take(BIO *bio, char *to, int room)
{
    struct wire *w = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    if (w->next_len == 0) {
        BIO_set_retry_read(bio);
        return -1;
    }
    const size_t n = w->next_len < (size_t)room ? w->next_len : (size_t)room;
    memcpy(to, w->next, n);
    w->next += n;
    w->next_len -= n;
    return (int)n;
}

/* Everything is taken: how much that can be is bounded by what is asked of the library at a time.
 */
static int gather(BIO *bio, const char *from, int len)
{
    struct wire *w = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    const size_t n = (size_t)len;
    while (w->out_room - w->out_len < n) {
        w->out_room *= 2;
        w->out = realloc(w->out, w->out_room);
        if (!w->out)
            die_out_of_memory(1, w->out_room);
    }
    memcpy(w->out + w->out_len, from, n);
    w->out_len += n;
    return len;
}

static long control(BIO *bio, int what, long number, void *more)
{
    (void)bio, (void)number, (void)more;
    return what == BIO_CTRL_FLUSH; /* the only one that is asked for */
}

void wire_init(struct wire *w, struct metrics *metrics)
{
    *w = (struct wire){.metrics = metrics,
                       .method = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "wire"),
                       .in = MUST_ARRAY(char, WIRE_IN_BYTES),
                       .record = MUST_ARRAY(char, WIRE_RECORD_BYTES),
                       .out_room = WIRE_PLAIN_BYTES + 8 * WIRE_RECORD_EXTRA};
    w->out = MUST_ARRAY(char, w->out_room);
    BIO_meth_set_read(w->method, take);
    BIO_meth_set_write(w->method, gather);
    BIO_meth_set_ctrl(w->method, control);
    w->bio = BIO_new(w->method);
    if (!w->bio)
        die_out_of_memory(1, sizeof(*w));
    BIO_set_data(w->bio, w);
    BIO_set_init(w->bio, 1);
}

void wire_done(struct wire *w)
{
    ASSERT(w->held_bytes == 0);
    BIO_free(w->bio);
    if (w->method)
        BIO_meth_free(w->method);
    free(w->in);
    free(w->record);
    free(w->out);
    *w = (struct wire){0};
}

static size_t cost(const struct held *h)
{
    return h ? sizeof(*h) + h->len : 0;
}

struct held *wire_hold(struct wire *w, struct held *before, const char *at, size_t len)
{
    const size_t left = before ? before->len - before->at : 0;
    if (w->held_bytes + left + len > WIRE_HELD_BYTES_MAX)
        return NULL;
    struct held *h = malloc(sizeof(*h) + left + len);
    if (!h)
        return NULL;
    *h = (struct held){.len = left + len};
    if (left > 0)
        memcpy(h->bytes, before->bytes + before->at, left);
    memcpy(h->bytes + left, at, len);
    wire_drop(w, before);
    w->held_bytes += cost(h);
    return h;
}

void wire_drop(struct wire *w, struct held *h)
{
    w->held_bytes -= cost(h);
    free(h);
}

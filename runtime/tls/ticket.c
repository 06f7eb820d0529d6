#include "runtime/tls/ticket.h"

#include <openssl/aead.h>
#include <openssl/err.h>
#include <openssl/mem.h>
#include <openssl/rand.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

/* The one in use, and those that may still have to open what they sealed. */
#define KEYS 3

struct key {
    uint8_t name[TICKET_NAME_BYTES];
    uint8_t secret[TICKET_SECRET_BYTES];
    bool made;
};

struct tickets {
    atomic_uint pins;
    pthread_mutex_t lock; /* of all that follows */
    struct key key[KEYS]; /* the newest first */
    int64_t turned_ns, life_ns;
};

#define WRITTEN_BYTES ((size_t)TICKET_NAME_BYTES + TICKET_SECRET_BYTES)
_Static_assert(TICKETS_BYTES_MAX == KEYS * WRITTEN_BYTES, "all keys have room");

struct tickets *tickets_new(void)
{
    struct tickets *t = MUST_NEW(struct tickets);
    atomic_init(&t->pins, 1);
    pthread_mutex_init(&t->lock, NULL);
    t->life_ns = 1;
    return t;
}

struct tickets *tickets_pin(struct tickets *t)
{
    atomic_fetch_add_explicit(&t->pins, 1, memory_order_relaxed);
    return t;
}

void tickets_unpin(struct tickets *t)
{
    if (!t || atomic_fetch_sub_explicit(&t->pins, 1, memory_order_acq_rel) != 1)
        return;
    OPENSSL_cleanse(t->key, sizeof(t->key));
    pthread_mutex_destroy(&t->lock);
    free(t);
}

void tickets_set_life(struct tickets *t, int64_t life_ns)
{
    ASSERT(life_ns > 0);
    pthread_mutex_lock(&t->lock);
    t->life_ns = life_ns;
    pthread_mutex_unlock(&t->lock);
}

static void turn_once(struct tickets *t)
{
    OPENSSL_cleanse(&t->key[KEYS - 1], sizeof(struct key));
    memmove(&t->key[1], &t->key[0], (KEYS - 1) * sizeof(struct key));
    struct key *k = &t->key[0];
    RAND_bytes(k->name, sizeof(k->name)); /* this library's never fails: it ends the process */
    RAND_bytes(k->secret, sizeof(k->secret));
    k->made = true;
}

/* Each half of a life that went by makes the keys one older. */
static void turn(struct tickets *t, int64_t now_ns)
{
    const int64_t half_ns = (t->life_ns + 1) / 2;
    if (!t->key[0].made) {
        turn_once(t);
        t->turned_ns = now_ns;
        return;
    }
    int64_t turns = (now_ns - t->turned_ns) / half_ns;
    if (turns <= 0)
        return;
    t->turned_ns += turns * half_ns;
    for (turns = turns > KEYS ? KEYS : turns; turns > 0; turns--)
        turn_once(t);
}

/* A copy of the key of that name, or of the newest. False when there is none such. */
static bool copy_key(struct tickets *t, int64_t now_ns, const uint8_t *name, struct key *out)
{
    bool found = false;
    pthread_mutex_lock(&t->lock);
    turn(t, now_ns);
    for (int i = 0; i < KEYS && !found; i++) {
        const struct key *k = &t->key[i];
        found = k->made && (!name || memcmp(k->name, name, TICKET_NAME_BYTES) == 0);
        if (found)
            *out = *k;
    }
    pthread_mutex_unlock(&t->lock);
    return found;
}

/* --- another process ------------------------------------------------------------------------- */

size_t tickets_write(struct tickets *t, int64_t now_ns, uint8_t out[TICKETS_BYTES_MAX],
                     int64_t *made_ns)
{
    size_t len = 0;
    pthread_mutex_lock(&t->lock);
    turn(t, now_ns);
    for (int i = 0; i < KEYS && t->key[i].made; i++, len += WRITTEN_BYTES) {
        memcpy(out + len, t->key[i].name, TICKET_NAME_BYTES);
        memcpy(out + len + TICKET_NAME_BYTES, t->key[i].secret, TICKET_SECRET_BYTES);
    }
    *made_ns = t->turned_ns;
    pthread_mutex_unlock(&t->lock);
    return len;
}

bool tickets_read(struct tickets *t, int64_t now_ns, const uint8_t *in, size_t len, int64_t made_ns)
{
    if (len == 0 || len > TICKETS_BYTES_MAX || len % WRITTEN_BYTES != 0 || made_ns < 0 ||
        made_ns > now_ns)
        return false;
    pthread_mutex_lock(&t->lock);
    for (size_t i = 0; i < len / WRITTEN_BYTES; i++, in += WRITTEN_BYTES) {
        memcpy(t->key[i].name, in, TICKET_NAME_BYTES);
        memcpy(t->key[i].secret, in + TICKET_NAME_BYTES, TICKET_SECRET_BYTES);
        t->key[i].made = true;
    }
    t->turned_ns = made_ns;
    pthread_mutex_unlock(&t->lock);
    return true;
}

/* --- tickets --------------------------------------------------------------------------------- */

static bool key_begin(EVP_AEAD_CTX *ctx, struct key *k)
{
    const bool ok = EVP_AEAD_CTX_init(ctx, EVP_aead_aes_256_gcm(), k->secret, sizeof(k->secret),
                                      TICKET_TAG_BYTES, NULL) == 1;
    OPENSSL_cleanse(k, sizeof(*k));
    return ok;
}

bool tickets_seal(struct tickets *t, int64_t now_ns, uint8_t *out, const uint8_t *in, size_t len)
{
    struct key k;
    const bool found = copy_key(t, now_ns, NULL, &k);
    ASSERT(found);
    uint8_t *nonce = out + TICKET_NAME_BYTES, *sealed = nonce + TICKET_NONCE_BYTES;
    memmove(sealed, in, len); /* `in` may be `out` */
    memcpy(out, k.name, TICKET_NAME_BYTES);
    RAND_bytes(nonce, TICKET_NONCE_BYTES);

    EVP_AEAD_CTX ctx;
    if (!key_begin(&ctx, &k))
        return false;
    size_t n;
    const bool ok = EVP_AEAD_CTX_seal(&ctx, sealed, &n, len + TICKET_TAG_BYTES, nonce,
                                      TICKET_NONCE_BYTES, sealed, len, out, TICKET_NAME_BYTES) == 1;
    EVP_AEAD_CTX_cleanup(&ctx);
    return ok;
}

ptrdiff_t tickets_open(struct tickets *t, int64_t now_ns, uint8_t *out, const uint8_t *in,
                       size_t len)
{
    struct key k;
    EVP_AEAD_CTX ctx;
    if (len <= TICKET_OVERHEAD_BYTES || !copy_key(t, now_ns, in, &k) || !key_begin(&ctx, &k))
        return -1;
    const uint8_t *nonce = in + TICKET_NAME_BYTES, *sealed = nonce + TICKET_NONCE_BYTES;
    size_t n;
    const bool ok =
        EVP_AEAD_CTX_open(&ctx, out, &n, len, nonce, TICKET_NONCE_BYTES, sealed,
                          len - TICKET_NAME_BYTES - TICKET_NONCE_BYTES, in, TICKET_NAME_BYTES) == 1;
    EVP_AEAD_CTX_cleanup(&ctx);
    if (!ok)
        ERR_clear_error();
    return ok ? (ptrdiff_t)n : -1;
}

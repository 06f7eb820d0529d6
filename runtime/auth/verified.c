#include "runtime/auth/verified.h"

#include <string.h>
#include <sys/random.h>

#include "runtime/auth/password.h"
#include "runtime/base/check.h"

/* A key is in one of so many slots side by side. */
#define WAYS 4u

struct slot {
    struct verified_key key;
    int64_t until_ns; /* 0: it is empty */
};

struct verified {
    struct mac_key by;
    struct slot slot[VERIFIED_SLOTS];
};

struct verified *verified_new(void)
{
    struct verified *v = MUST_NEW(struct verified);
    char secret[32];
    ASSERT(getrandom(secret, sizeof(secret), 0) == sizeof(secret)); /* 256 are given at once */
    mac_key_init(&v->by, (struct slice){secret, sizeof(secret)});
    explicit_bzero(secret, sizeof(secret));
    return v;
}

void verified_free(struct verified *v)
{
    if (v)
        mac_key_done(&v->by);
    free(v);
}

size_t verified_bytes(void)
{
    return sizeof(struct verified);
}

/* None of the three has a NUL, so what is between them says where they end. */
void verified_key(const struct verified *v, const char *hash, const struct credentials *c,
                  struct verified_key *out)
{
    char text[PASSWORD_HASH_MAX + 1 + CREDENTIALS_BYTES_MAX];
    const size_t hash_len = strlen(hash);
    ASSERT(hash_len <= PASSWORD_HASH_MAX);
    memcpy(text, hash, hash_len + 1);
    size_t len = hash_len + 1;
    memcpy(text + len, c->user.at, c->user.len);
    len += c->user.len;
    text[len++] = '\0';
    memcpy(text + len, c->password.at, c->password.len);
    len += c->password.len;
    mac_sign(&v->by, (struct slice){text, len}, out->mac);
    explicit_bzero(text, len);
}

void verified_token_key(const struct verified *v, const uint8_t keys[MAC_BYTES], struct slice token,
                        struct verified_key *out)
{
    mac_sign_both(&v->by, (struct slice){(const char *)keys, MAC_BYTES}, token, out->mac);
}

static size_t first_slot(const struct verified_key *key)
{
    uint32_t at;
    memcpy(&at, key->mac, sizeof(at));
    return (size_t)(at % (VERIFIED_SLOTS / WAYS)) * WAYS;
}

static bool is(const struct slot *s, const struct verified_key *key)
{
    return s->until_ns != 0 && mac_eq(s->key.mac, key->mac, sizeof(key->mac));
}

bool verified_has(const struct verified *v, const struct verified_key *key, int64_t now_ns)
{
    const struct slot *s = v->slot + first_slot(key);
    for (unsigned i = 0; i < WAYS; i++)
        if (is(&s[i], key))
            return s[i].until_ns > now_ns;
    return false;
}

void verified_add(struct verified *v, const struct verified_key *key, int64_t now_ns)
{
    struct slot *s = v->slot + first_slot(key), *to = s;
    for (unsigned i = 0; i < WAYS; i++) {
        if (is(&s[i], key)) {
            to = &s[i];
            break;
        }
        if (s[i].until_ns < to->until_ns)
            to = &s[i];
    }
    *to = (struct slot){.key = *key, .until_ns = now_ns + VERIFIED_TTL_NS};
}

#include "runtime/tls/mac.h"

#include <openssl/mem.h>
#include <openssl/sha.h>
#include <string.h>

#define BLOCK_BYTES SHA256_CBLOCK

_Static_assert(sizeof(SHA256_CTX) <= MAC_STATE_BYTES, "a state fits");
_Static_assert(MAC_BYTES == SHA256_DIGEST_LENGTH, "it is the whole digest");

static void begin(uint8_t state[MAC_STATE_BYTES], const uint8_t block[BLOCK_BYTES], uint8_t pad)
{
    uint8_t padded[BLOCK_BYTES];
    for (size_t i = 0; i < sizeof(padded); i++)
        padded[i] = block[i] ^ pad;
    SHA256_CTX hash;
    SHA256_Init(&hash);
    SHA256_Update(&hash, padded, sizeof(padded));
    memcpy(state, &hash, sizeof(hash));
    OPENSSL_cleanse(padded, sizeof(padded));
    OPENSSL_cleanse(&hash, sizeof(hash));
}

void mac_key_init(struct mac_key *k, struct slice secret)
{
    uint8_t block[BLOCK_BYTES] = {0};
    if (secret.len > sizeof(block))
        SHA256((const uint8_t *)secret.at, secret.len, block);
    else if (secret.len > 0)
        memcpy(block, secret.at, secret.len);
    *k = (struct mac_key){0};
    begin(k->inner, block, 0x36);
    begin(k->outer, block, 0x5c);
    OPENSSL_cleanse(block, sizeof(block));
}

void mac_key_done(struct mac_key *k)
{
    OPENSSL_cleanse(k, sizeof(*k));
}

static void go_on(const uint8_t state[MAC_STATE_BYTES], struct slice first, struct slice second,
                  uint8_t out[MAC_BYTES])
{
    SHA256_CTX hash;
    memcpy(&hash, state, sizeof(hash));
    SHA256_Update(&hash, first.at, first.len);
    SHA256_Update(&hash, second.at, second.len);
    SHA256_Final(out, &hash);
}

void mac_sign_both(const struct mac_key *k, struct slice first, struct slice second,
                   uint8_t out[MAC_BYTES])
{
    uint8_t inner[MAC_BYTES];
    go_on(k->inner, first, second, inner);
    go_on(k->outer, (struct slice){(const char *)inner, sizeof(inner)}, SLICE(""), out);
}

void mac_sign(const struct mac_key *k, struct slice text, uint8_t out[MAC_BYTES])
{
    mac_sign_both(k, text, SLICE(""), out);
}

bool mac_eq(const void *a, const void *b, size_t n)
{
    return CRYPTO_memcmp(a, b, n) == 0;
}
